"""Proposing again and reversing: the same bytes through the same gate, linked to the first."""

from __future__ import annotations

import pytest

from reviews import services
from reviews.errors import InvalidDecision, NotFound, WrongState
from reviews.models import ActionType, Revision
from reviews.states import AttemptEnd, Status
from tests import build
from tests.logins import as_role
from tests.many import seeded
from tests.services.test_keep import expire, wait
from tests.trust import hand_set

pytestmark = pytest.mark.django_db


def test_what_was_rejected_is_proposed_again_with_the_same_bytes_and_routed_anew() -> None:
    house = build.house()
    first = build.rejected(house, "refund.issue")
    with as_role("web"):
        made = services.propose_again(action=first.id, by=house.by("grace"))
    row = build.state_of(made.id, Status.PROPOSED)
    assert (row.retry_of_id, row.requested_by, row.proposer, row.confidence) == (first.id, house.grace, None, None)
    bodies = Revision.objects.filter(action__in=[first.id, row.id]).values_list("body__body", flat=True)
    assert len({bytes(b) for b in bodies if b is not None}) == 1
    assert bytes(row.digest) != bytes(first.digest)
    build.route()
    build.decide(house, build.item_of(row.id))


def test_asking_twice_proposes_once() -> None:
    house = build.house()
    first = build.rejected(house)
    with as_role("web"):
        once = services.propose_again(action=first.id, by=house.by("grace"))
        twice = services.propose_again(action=first.id, by=house.by("grace"))
    assert (twice.id, twice.created) == (once.id, False)


def test_only_what_ended_without_effect_is_tried_again() -> None:
    house = build.house()
    done, waiting, dead = build.finished(house).id, build.pending(house).action_id, build.rejected(house).id
    for action in (done, waiting):
        with build.refused(WrongState), as_role("web"):
            services.propose_again(action=action, by=house.by())
    with build.refused(NotFound), as_role("web"):
        services.propose_again(action=dead, by=house.by("mallory"))


def test_a_check_that_nobody_decided_is_not_proposed_in_earnest() -> None:
    house = build.house()
    ActionType.objects.filter(name="mail.send").update(decide_within=1)
    item = seeded(house, build.approved(house).id)
    wait(1)
    assert expire() == 1
    build.state_of(item.action_id, Status.EXPIRED)
    with build.refused(WrongState, "it was a check"), as_role("web"):
        services.propose_again(action=item.action_id, by=house.by("grace"))


def test_a_reversal_goes_through_the_gate_and_reverses_when_it_succeeds() -> None:
    house = build.house()
    first = build.finished(house, "refund.issue")
    with as_role("web"):
        made = services.reverse(action=first.id, by=house.by("grace"), reason="refunded the wrong order")
    build.route()
    item = build.item_of(made.id)
    build.decide(house, item)
    build.wait_for_release(made.id)
    held = build.take()
    assert (held.action, held.reverses, held.reversed_result) == (made.id, first.id, b'"done"')
    with as_role("executor"):
        services.begin(lease=held)
        services.finish(lease=held, end=AttemptEnd.SUCCEEDED, result=b'"undone"')
    build.state_of(made.id, Status.SUCCEEDED)
    build.state_of(first.id, Status.REVERSED)
    assert build.events_of(first.id)[-1] == "action.reversed"


def test_a_reversal_is_never_policys_to_approve() -> None:
    house = build.house()
    hand_set(house, "note.add")
    action = build.proposed(house, "note.add", confidence=0.9)
    build.route()
    held = build.take()
    with as_role("executor"):
        services.begin(lease=held)
        services.finish(lease=held, end=AttemptEnd.SUCCEEDED)
    with as_role("web"):
        made = services.reverse(action=action, by=house.by(), reason="the note is about another")
    build.route()
    build.state_of(made.id, Status.PENDING)


def test_there_is_one_live_reversal_of_an_action() -> None:
    house = build.house()
    first = build.finished(house, "refund.issue")
    for name in ("ada", "grace"):
        with as_role("web"):
            made = services.reverse(action=first.id, by=house.by("ada"), reason=f"asked for by {name}")
    assert not made.created
    with build.refused(WrongState), as_role("web"):
        services.reverse(action=first.id, by=house.by("grace"), reason="asked for by somebody")


def test_what_cannot_be_undone_is_not_reversed() -> None:
    house = build.house()
    sent = build.finished(house)
    with build.refused(InvalidDecision, "cannot be undone"), as_role("web"):
        services.reverse(action=sent.id, by=house.by(), reason="sent to the wrong one")
    pending = build.pending(house, "refund.issue")
    with build.refused(WrongState), as_role("web"):
        services.reverse(action=pending.action_id, by=house.by(), reason="not like this please")


def test_a_reversal_that_a_person_settles_as_done_reverses_its_original(monkeypatch: pytest.MonkeyPatch) -> None:
    build.timings(monkeypatch, retry_delays=(0.01,) * 5, effect_timeout=0.01)
    monkeypatch.setattr("reviews.services.finishing.CIRCUIT_OPENS_AT", 1_000)
    house = build.house()
    first = build.finished(house, "refund.issue")
    with as_role("web"):
        made = services.reverse(action=first.id, by=house.by("grace"), reason="refunded the wrong order")
    build.route()
    build.decide(house, build.item_of(made.id))
    for attempt in range(6):
        build.wait_for_release(made.id)
        held = build.take()
        with as_role("executor"):
            if attempt:
                services.record_probe(lease=held, answer="unknown")
            else:
                services.begin(lease=held)
            services.finish(lease=held, end=AttemptEnd.UNCLEAR)
    build.state_of(made.id, Status.IN_DOUBT)
    with as_role("web"):
        services.settle(action=made.id, happened=True, note="the provider says so", by=house.by())
    build.state_of(first.id, Status.SUCCEEDED)
    with as_role("executor"):
        services.reap()
    build.state_of(first.id, Status.REVERSED)


def test_whoever_asks_for_a_reversal_may_approve_it() -> None:
    house = build.house()
    first = build.finished(house, "refund.issue")
    with as_role("web"):
        made = services.reverse(action=first.id, by=house.by("grace"), reason="refunded the wrong order")
    build.route()
    build.decide(house, build.item_of(made.id), name="grace")
    build.state_of(made.id, Status.APPROVED)
