"""Seeded checks: indistinguishable while they wait, over with the first verdict, nothing ever carried out."""

from __future__ import annotations

import pytest
from django.db import connection

from reviews import services
from reviews.errors import InvalidDecision, NotPermitted, Released, WrongState
from reviews.models import Action, Decision, DeskItem, Evidence
from reviews.schemas import DecisionIn
from reviews.services import Seed
from reviews.states import Purpose, Status, Verdict
from tests import build
from tests.build import APPROVE, REJECT
from tests.logins import as_role
from tests.many import NOTE, batch, outcome, seeded, select, several

pytestmark = pytest.mark.django_db


def test_a_check_waits_in_the_queue_like_its_twin() -> None:
    house = build.house()
    twin = build.approved(house, evidence=(build.evidence(),), reasoning="The order is late.")
    item = seeded(house, twin.id)
    row = Action.objects.get(id=item.action_id)
    same = ("type_id", "type_version", "proposer_id", "requested_by_id", "owner_id", "agent_version", "run",
            "confidence", "risk", "reversibility", "needed", "outcome", "floors")  # fmt: skip
    assert {name: getattr(row, name) for name in same} == {name: getattr(twin, name) for name in same}
    assert (row.state, item.purpose) == (Status.PENDING, Purpose.CANARY)
    assert [e.title for e in Evidence.objects.filter(action=row)] == ["Mail"]
    with as_role("web"):
        assert not DeskItem.objects.get(id=item.id).was_check
        assert "canary.seeded" not in _names(row.case)


def _names(case: str) -> list[str]:
    """What web may read of a case."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM audit.event_web WHERE case_id = %s ORDER BY case_seq", [case])
        return [name for (name,) in cursor.fetchall()]


@pytest.mark.parametrize(
    ("answer", "given", "caught"),
    [
        (Verdict.REJECT, REJECT, True),
        (Verdict.REJECT, APPROVE, False),
        (Verdict.APPROVE, APPROVE, True),
        (Verdict.APPROVE, REJECT, False),
    ],
)
def test_the_first_verdict_ends_a_check_and_nothing_is_carried_out(
    answer: Verdict, given: DecisionIn, caught: bool
) -> None:
    house = build.house()
    item = seeded(house, build.approved(house).id, answer=answer)
    made = build.decide(house, item, given, "grace")
    assert Decision.objects.get(id=made.id).purpose == Purpose.CANARY
    row = build.state_of(item.action_id, Status.WITHDRAWN)
    assert (row.release_at, row.valid_until) == (None, None)
    assert build.events_of(row.id)[-2:] == ["decision.recorded", "canary.scored"]
    with as_role("web"):
        assert _names(row.case)[0] == "canary.seeded"
        with connection.cursor() as cursor:
            cursor.execute("SELECT caught, note, verdict FROM reviews_debrief(%s)", [[item.id]])
            assert cursor.fetchall() == [(caught, NOTE, given.verdict.value)]
        assert DeskItem.objects.get(id=item.id).was_check
    with build.refused(Released), as_role("web"):
        services.retract(decision=made.id, by=house.by("grace"))


def test_who_mends_the_fault_before_approving_has_seen_it() -> None:
    house = build.house()
    item = seeded(house, build.approved(house).id)
    shown = build.seen(item)
    with as_role("web"):
        result = services.edit(
            item=item.id, seen=shown, payload=build.PAYLOADS["mail.send"], decision=APPROVE,
            rationale="the address was wrong", by=house.by("grace"),
        )  # fmt: skip
        assert result.approved
        with connection.cursor() as cursor:
            cursor.execute("SELECT caught FROM reviews_debrief(%s)", [[item.id]])
            assert cursor.fetchall() == [(True,)]
    build.state_of(item.action_id, Status.WITHDRAWN)


def test_only_a_lead_seeds_only_from_what_was_let_through_and_does_not_decide_it() -> None:
    house = build.house()
    twin, other = build.approved(house), build.rejected(house)
    seed = Seed(payload=build.PAYLOADS["mail.send"], answer=Verdict.REJECT, note=NOTE)
    with build.refused(NotPermitted), as_role("web"):
        services.seed_canary(source=twin.id, seed=seed, by=house.by("ada"))
    with build.refused(WrongState, "let through"), as_role("web"):
        services.seed_canary(source=other.id, seed=seed, by=house.by("lin"))
    short = Seed(payload=seed.payload, answer=Verdict.REJECT, note="wrong")
    with build.refused(InvalidDecision, "should be noticed"), as_role("web"):
        services.seed_canary(source=twin.id, seed=short, by=house.by("lin"))
    item = seeded(house, twin.id)
    with build.refused(NotPermitted, "you seeded this check"):
        build.decide(house, item, REJECT, "lin")


def test_approving_a_check_in_a_batch_bounces_all_of_it() -> None:
    house = build.house()
    twin = build.approved(house)
    items = several(house, 3)
    check = seeded(house, twin.id)
    result = batch(house, select([*items, check]))
    assert result.bounced and result.checks == (check.id,)
    assert [r for r, _ in outcome(result)] == ["blocked"] * 3 + ["check"]
    assert outcome(result)[0][1] == "one of these 4 was a check: nothing was applied"
    assert {build.state_of(i.action_id).state for i in items} == {Status.PENDING}
    build.state_of(check.action_id, Status.WITHDRAWN)
    again = batch(house, select(items))
    assert outcome(again) == [("applied", "")] * 3


def test_rejecting_a_check_in_a_batch_leaves_the_others_rejected() -> None:
    house = build.house()
    twin = build.approved(house)
    items = several(house, 2)
    check = seeded(house, twin.id)
    result = batch(house, select([*items, check]), REJECT)
    assert not result.bounced
    assert [r for r, _ in outcome(result)] == ["applied", "applied", "check"]
    build.state_of(check.action_id, Status.WITHDRAWN)
    assert Decision.objects.get(item=check.id).purpose == Purpose.CANARY
    with as_role("web"):
        back = services.retract_batch(batch=result.batch, by=house.by())
    assert {r.item: r.result for r in back}[check.id] == "conflict"
    build.state_of(check.action_id, Status.WITHDRAWN)
