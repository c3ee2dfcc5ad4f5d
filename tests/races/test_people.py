"""People at the same item at the same time: one winner, the loser told, nothing stuck, nothing half done."""

from __future__ import annotations

import time
from uuid import UUID

import pytest
from django.utils import timezone

from reviews import services
from reviews.errors import AlreadyDecided, DeskError, StaleRevision, WrongState
from reviews.models import ActionType, Decision, DeskItem, Item, Revision
from reviews.schemas import DecisionIn
from reviews.states import Status
from tests import build
from tests.build import APPROVE, REJECT
from tests.races.arena import Contender, losers, one_after_the_other, race, winners

pytestmark = pytest.mark.django_db(transaction=True)

ROUNDS = 5


def decider(house: build.House, item: Item, name: str, decision: DecisionIn = APPROVE) -> Contender:
    shown, by = build.seen(item), house.by(name)
    return Contender("web", lambda: services.decide(item=item.id, seen=shown, decision=decision, by=by))


def batcher(house: build.House, items: list[Item], name: str) -> Contender:
    chosen = [(i.id, i.version, bytes(i.action.digest)) for i in items]
    by = house.by(name)
    return Contender(
        "web",
        lambda: services.batch_decide(items=chosen, decision=APPROVE, by=by, opened_at=build.long_ago()),
    )


def events_fit_states(action: UUID) -> None:
    """The case's chain ends where the row says, without a gap."""
    row = build.state_of(action)
    assert len(build.events_of(action)) == row.case_seq


def test_two_at_once_where_two_are_needed_never_leave_it_pending(monkeypatch: pytest.MonkeyPatch) -> None:
    build.timings(monkeypatch, undo_high=30.0)
    house = build.house()
    for _ in range(ROUNDS):
        item = build.pending(house, "files.delete")
        results = race(decider(house, item, "ada"), decider(house, item, "grace"), over=item.action_id)
        assert losers(results) == []
        build.state_of(item.action_id, Status.APPROVED)
        events_fit_states(item.action_id)


@pytest.mark.parametrize("second", [APPROVE, REJECT])
def test_two_at_once_where_one_is_needed_have_one_winner(second: DecisionIn) -> None:
    house = build.house()
    for _ in range(ROUNDS):
        item = build.pending(house)
        results = race(decider(house, item, "ada"), decider(house, item, "grace", second), over=item.action_id)
        (vote,), (refusal,) = winners(results), losers(results)
        assert isinstance(refusal, AlreadyDecided)
        kept = Decision.objects.get(action=item.action_id)
        assert (kept.id, refusal.by, refusal.at) == (vote.id, str(kept.reviewer), kept.created_at)
        events_fit_states(item.action_id)


def test_a_batch_and_a_single_decision_share_out_the_items() -> None:
    house = build.house()
    for _ in range(ROUNDS):
        items = [build.pending(house) for _ in range(3)]
        results = race(batcher(house, items, "ada"), decider(house, items[1], "grace", REJECT), over=items[1].action_id)
        outcomes = [r.result for r in results[0].results]
        assert [outcomes[0], outcomes[2]] == ["applied", "applied"]
        single_won = not isinstance(results[1], Exception)
        assert outcomes[1] == ("conflict" if single_won else "applied")
        assert Decision.objects.filter(action=items[1].action_id).count() == 1
        for item in items:
            events_fit_states(item.action_id)


def test_two_batches_over_the_same_items_do_not_lock_each_other_out() -> None:
    house = build.house()
    items = [build.pending(house) for _ in range(6)]
    results = race(batcher(house, items, "ada"), batcher(house, items[::-1], "grace"), over=items[0].action_id)
    assert losers(results) == []
    assert sum(result.applied for result in results) == 6
    assert Decision.objects.count() == 6


def test_an_edit_and_an_approval_never_approve_what_was_not_shown() -> None:
    house = build.house()
    for _ in range(ROUNDS):
        item = build.pending(house, "refund.issue")
        shown, by = build.seen(item), house.by("ada")
        edit = Contender(
            "web",
            lambda item=item, shown=shown, by=by: services.edit(  # type: ignore[misc]
                item=item.id, seen=shown, payload={"customer": "1", "amount": 1}, by=by, rationale="a smaller one"
            ),
        )
        results = race(edit, decider(house, item, "grace"), over=item.action_id)
        (refusal,) = losers(results)
        assert isinstance(refusal, StaleRevision | AlreadyDecided)
        row = build.state_of(item.action_id)
        if row.state == Status.APPROVED:
            assert (row.revision, Revision.objects.filter(action=row).count()) == (1, 1)
            assert bytes(Decision.objects.get(action=row).digest) == bytes(row.digest)
        else:
            assert (row.state, row.revision) == (Status.PENDING, 2)
            assert not Decision.objects.filter(action=row).exists()


def test_of_two_claims_one_is_told_whose_it_is() -> None:
    house = build.house()
    for _ in range(ROUNDS):
        item = build.pending(house)
        claims = [
            Contender("web", lambda n=name, i=item.id: services.claim(item=i, by=house.by(n)))  # type: ignore[misc]
            for name in ("ada", "grace")
        ]
        results = race(*claims, over=item.id, table="reviews_item")
        (refusal,) = losers(results)
        owner = DeskItem.objects.get(id=item.id).claimed_by
        assert isinstance(refusal, AlreadyDecided)
        assert (refusal.by, refusal.state) == (str(owner), "claimed")


def test_with_a_question_asked_first_the_approval_is_refused_and_the_other_way_round() -> None:
    house = build.house()
    asked_first, approved_first = build.pending(house), build.pending(house)
    for item, order in ((asked_first, 1), (approved_first, -1)):
        shown, by = build.seen(item), house.by("ada")
        ask = Contender(
            "web",
            lambda item=item, shown=shown, by=by: services.ask(  # type: ignore[misc]
                item=item.id, seen=shown, text="Which order?", by=by
            ),
        )
        pair = (ask, decider(house, item, "grace"))[::order]
        results = one_after_the_other(*pair, over=item.action_id)
        assert not isinstance(results[0], Exception)
        assert isinstance(results[1], DeskError)
    assert build.state_of(asked_first.action_id).state == Status.PENDING
    assert Item.objects.get(id=asked_first.id).question_open
    assert build.state_of(approved_first.action_id).state == Status.APPROVED
    assert not Item.objects.get(id=approved_first.id).question_open


def test_expiry_and_a_decision_never_both_happen() -> None:
    house = build.house()
    ActionType.objects.filter(name="mail.send").update(decide_within=1)
    expire = Contender("router", services.expire_due)
    decided, expired = build.pending(house), build.pending(house)
    in_time = race(decider(house, decided, "ada"), over=decided.action_id, then=lambda: until(expired))
    assert isinstance(in_time[0], WrongState), "it waited for the lock until its time was over"
    results = race(decider(house, expired, "ada", REJECT), expire, over=expired.action_id)
    states = [build.state_of(i.action_id).state for i in (decided, expired)]
    assert states[0] == Status.EXPIRED
    if isinstance(results[0], Exception):
        assert states[1] == Status.EXPIRED and not Decision.objects.exists()
    else:
        assert states[1] == Status.REJECTED and Decision.objects.count() == 1


def until(item: Item) -> None:
    """Sleeps until this item's time to be decided is over."""
    deadline = item.action.decide_by
    assert deadline is not None
    time.sleep(max(0.0, (deadline - timezone.now()).total_seconds()) + 0.05)


def test_an_undo_and_a_second_undo_put_it_back_once(monkeypatch: pytest.MonkeyPatch) -> None:
    build.timings(monkeypatch, undo_low=60.0)
    house = build.house()
    item = build.pending(house)
    vote = build.decide(house, item)
    undo = Contender("web", lambda: services.retract(decision=vote.id, by=house.by()))
    results = race(undo, undo, over=item.action_id)
    (refusal,) = losers(results)
    assert isinstance(refusal, WrongState)
    build.state_of(item.action_id, Status.PENDING)
    events_fit_states(item.action_id)


def test_a_page_that_is_decided_twice_by_the_same_person_counts_once() -> None:
    house = build.house()
    item = build.pending(house, "files.delete")
    results = race(decider(house, item, "ada"), decider(house, item, "ada"), over=item.action_id)
    (refusal,) = losers(results)
    assert isinstance(refusal, AlreadyDecided)
    assert Decision.objects.filter(action=item.action_id).count() == 1
