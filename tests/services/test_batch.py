"""Batches: each item whole or not at all and told apart, one id, one undo, one number of statements."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from audit.models import Content, Event
from reviews import services
from reviews.errors import InvalidDecision, Released
from reviews.models import ActionType, Authority, Decision, Item, QueueStamp
from reviews.schemas import DecisionIn
from reviews.services import batch_undo
from reviews.states import Status, Verdict
from tests import build
from tests.build import APPROVE, REJECT
from tests.logins import as_role
from tests.many import batch, outcome, select, several

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("decision", "state"), [(APPROVE, Status.APPROVED), (REJECT, Status.REJECTED)])
def test_what_is_alike_and_harmless_is_decided_under_one_id(decision: DecisionIn, state: Status) -> None:
    house = build.house()
    items = several(house, 3)
    result = batch(house, select(items), decision)
    assert outcome(result) == [("applied", "")] * 3
    votes = Decision.objects.filter(batch=result.batch)
    assert {(v.via, v.reviewer_id, v.verdict) for v in votes} == {("batch", house.ada.id, decision.verdict.value)}
    assert {build.state_of(i.action_id).state for i in items} == {state}
    assert not Item.objects.filter(closed_at=None).exists()
    assert Event.objects.filter(batch_id=result.batch, name="decision.recorded").count() == 3
    assert Content.objects.filter(event_id__in=votes.values("event_id"), field="rationale").count() == 3


def test_what_goes_one_by_one_is_left_out_and_says_why() -> None:
    house = build.house()
    mail, grave = several(house, 2), build.pending(house, "files.delete")
    result = batch(house, select([mail[0], grave, mail[1]]))
    assert outcome(result) == [("applied", ""), ("blocked", "high risk goes one by one"), ("applied", "")]
    build.state_of(grave.action_id, Status.PENDING)


def test_a_stale_or_decided_item_is_a_conflict_and_the_rest_goes_through() -> None:
    house = build.house()
    stale, gone, good = several(house, 3)
    chosen = select([stale, gone, good])
    with as_role("web"):
        services.comment(item=stale.id, text="look again", by=house.by("grace"))
    build.decide(house, gone, REJECT, "grace")
    result = batch(house, chosen)
    assert [r.result for r in result.results] == ["conflict", "conflict", "applied"]
    assert result.results[0].reason == "changed since you opened it"
    assert result.results[1].reason.startswith("already rejected by Grace at ")
    build.state_of(good.action_id, Status.APPROVED)
    build.state_of(stale.action_id, Status.PENDING)


def test_an_item_out_of_reach_is_as_if_it_were_not_there() -> None:
    house = build.house()
    items = several(house, 2)
    result = batch(house, select(items), name="mallory")
    assert {r.result for r in result.results} == {"blocked"}
    assert {r.ref for r in result.results} == {0}
    assert not Decision.objects.exists()


def test_another_type_a_claim_a_question_and_a_hidden_character_are_left_out() -> None:
    house = build.house()
    first, claimed, asked = several(house, 3)
    hidden = build.pending(house, payload={"to": "a\u200bb", "subject": "x"})
    other = build.pending(house, "note.add")
    with as_role("web"):
        services.claim(item=claimed.id, by=house.by("grace"))
    shown = build.seen(asked)
    with as_role("web"):
        services.ask(item=asked.id, seen=shown, text="Which one?", by=house.by("grace"))
    result = batch(house, select([first, claimed, asked, hidden, other]))
    assert outcome(result) == [
        ("applied", ""),
        ("blocked", "claimed by Grace"),
        ("blocked", "a question is open"),
        ("blocked", "hidden characters in to"),
        ("blocked", "a batch is of one type, this is note.add"),
    ]


def test_the_first_selected_names_the_type_of_a_batch_and_high_risk_names_none() -> None:
    house = build.house()
    mail, note, grave = build.pending(house), build.pending(house, "note.add"), build.pending(house, "files.delete")
    high = ("blocked", "high risk goes one by one")
    result = batch(house, select([grave, note, mail]))
    assert outcome(result) == [high, ("applied", ""), ("blocked", "a batch is of one type, this is mail.send")]
    assert outcome(batch(house, select([grave, mail]))) == [high, ("applied", "")]


def test_different_types_are_rejected_together_for_one_of_the_usual_reasons() -> None:
    house = build.house()
    note, mail = build.pending(house, "note.add"), build.pending(house)
    own = {"reject": [{"code": "dull", "text": "Too dull a note."}]}
    ActionType.objects.filter(name="note.add").update(presets=own)
    chosen = select([note, mail])
    with build.refused(InvalidDecision, "no reason code"):
        batch(house, chosen, DecisionIn(verdict=Verdict.REJECT, reason_code="dull"))
    assert batch(house, chosen, DecisionIn(verdict=Verdict.REJECT, reason_code="not_needed")).applied == 2


def test_ones_own_claim_is_no_obstacle() -> None:
    house = build.house()
    item = build.pending(house)
    with as_role("web"):
        services.claim(item=item.id, by=house.by())
    assert batch(house, select([item])).applied == 1


def test_whoever_may_not_decide_is_told_for_each_item() -> None:
    house = build.house()
    items = several(house, 2)
    assert {r.reason for r in batch(house, select(items), name="noor").results} == {
        "you own the agent that proposed this"
    }
    Authority.objects.filter(group=house.reviewers).update(action_type_id="note.add")
    assert {r.reason for r in batch(house, select(items)).results} == {"your authority does not cover mail.send"}


def test_the_same_item_twice_is_decided_once() -> None:
    house = build.house()
    item = build.pending(house)
    batch(house, select([item]) * 2)
    assert Decision.objects.count() == 1


def test_more_than_the_limit_is_refused_as_a_whole() -> None:
    house = build.house()
    items = several(house, 2)
    with build.refused(InvalidDecision, "at a time is the most"):
        batch(house, select(items) * 51)


def test_a_batch_without_a_look_or_a_reason_is_refused_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    house = build.house()
    items = several(house, 2)
    with build.refused(InvalidDecision, "stamp"):
        batch(house, select(items), opened_at=None)
    with build.refused(InvalidDecision, "a reason is needed"):
        batch(house, select(items), DecisionIn(verdict=Verdict.REJECT))
    with build.refused(InvalidDecision, "not done in batches"):
        batch(house, select(items), DecisionIn(verdict=Verdict.ESCALATE))
    from config.profiles import NORMAL

    monkeypatch.setattr(settings, "TIMINGS", NORMAL)
    with build.refused(InvalidDecision, "Look first"):
        batch(house, select(items), opened_at=timezone.now() - timedelta(seconds=2))


def test_one_undo_takes_the_whole_batch_back(monkeypatch: pytest.MonkeyPatch) -> None:
    build.timings(monkeypatch, undo_low=60.0)
    house = build.house()
    items = several(house, 3)
    result = batch(house, select(items))
    with as_role("web"):
        back = services.retract_batch(batch=result.batch, by=house.by())
    assert {r.result for r in back} == {"applied"}
    assert {build.state_of(i.action_id).state for i in items} == {Status.PENDING}
    assert Item.objects.filter(waiting=True).count() == 3
    assert batch(house, select(items), REJECT).applied == 3


def test_an_undo_that_comes_late_says_so_for_each_item() -> None:
    house = build.house()
    items = several(house, 2)
    result = batch(house, select(items))
    build.wait_for_release(items[1].action_id)
    with as_role("web"):
        back = services.retract_batch(batch=result.batch, by=house.by())
    assert {r.result for r in back} == {"conflict"}
    assert {build.state_of(i.action_id).state for i in items} == {Status.APPROVED}


def test_what_lapses_while_it_is_undone_takes_nothing_else_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    build.timings(monkeypatch, undo_low=60.0)
    house = build.house()
    items = several(house, 3)
    lapsing = items[1].action_id
    result = batch(house, select(items))
    written, tried = batch_undo._write_back, []

    def slowly(back: list[batch_undo.Taken], by: services.By) -> None:
        """As if the first try had taken so long that one of the windows ended under way."""
        tried.append(len(back))
        if len(tried) == 1:
            written(back, by)
            raise Released("released: the time to take it back is over")
        written(back, by)

    monkeypatch.setattr(batch_undo, "_write_back", slowly)
    late = batch_undo._late

    def over(case: Any, vote: Decision, left: timedelta, *, taken: bool) -> str:
        soon = case.action.id == lapsing and left > timedelta(0)
        return "released: the time to take it back is over" if soon else late(case, vote, left, taken=taken)

    monkeypatch.setattr(batch_undo, "_late", over)
    with as_role("web"):
        back = services.retract_batch(batch=result.batch, by=house.by())
    assert tried == [3, 2]
    assert sorted(r.result for r in back) == ["applied", "applied", "conflict"]
    assert build.state_of(lapsing).state == Status.APPROVED
    assert sum(build.state_of(i.action_id).state == Status.PENDING for i in items) == 2


def test_windows_that_end_one_after_the_other_are_undone_as_far_as_they_go() -> None:
    house = build.house()
    ActionType.objects.filter(name="note.add").update(undo_window=60)
    quick, slow = build.pending(house), build.pending(house, "note.add")
    result = batch(house, select([quick, slow]), REJECT)
    build.wait_for_release(quick.action_id)
    with as_role("web"):
        back = {r.item: r for r in services.retract_batch(batch=result.batch, by=house.by())}
    assert back[slow.id].result == "applied"
    assert (back[quick.id].result, "is over" in back[quick.id].reason) == ("conflict", True)
    assert build.state_of(slow.action_id).state == Status.PENDING


def test_nobody_undoes_the_batch_of_another() -> None:
    house = build.house()
    items = several(house, 2)
    result = batch(house, select(items))
    with as_role("web"):
        assert services.retract_batch(batch=result.batch, by=house.by("grace")) == []
    assert {build.state_of(i.action_id).state for i in items} == {Status.APPROVED}


def test_fifty_take_as_many_statements_as_one(django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    build.timings(monkeypatch, undo_low=30.0)
    house = build.house()
    for count in (1, 50):
        chosen = select(several(house, count))
        with as_role("web"), django_assert_num_queries(14):
            result = services.batch_decide(items=chosen, decision=APPROVE, by=house.by(), opened_at=build.long_ago())
        assert result.applied == count
        with as_role("web"), django_assert_num_queries(12):
            services.retract_batch(batch=result.batch, by=house.by())


def test_each_queue_is_stamped_once(django_capture_on_commit_callbacks: Any) -> None:
    house = build.house()
    chosen = select(several(house, 3))
    before = QueueStamp.objects.get(queue="support").n
    with django_capture_on_commit_callbacks(execute=True):
        batch(house, chosen)
    assert QueueStamp.objects.get(queue="support").n == before + 1


def test_a_note_of_its_own_stands_beside_the_reason_for_all() -> None:
    house = build.house()
    one, two = several(house, 2)
    result = batch(house, select([one, two]), REJECT, notes={two.id: "and to the wrong person"})
    assert result.applied == 2
    said = {c.event_id: json.loads(bytes(c.body))[1] for c in Content.objects.filter(field="rationale")}
    votes = {v.item_id: said[v.event_id] for v in Decision.objects.filter(batch=result.batch)}
    assert votes[two.id] == f"{votes[one.id]}\nand to the wrong person"
    third = build.pending(house)
    with build.refused(InvalidDecision):
        batch(house, select([third]), REJECT, notes={third.id: "bell\x07"})


def test_the_agents_own_doubt_asks_for_words_in_a_batch_too() -> None:
    house = build.house()
    sure, unsure = build.pending(house), build.pending(house, confidence=0.2)
    bare = DecisionIn(verdict=Verdict.APPROVE)
    result = batch(house, select([sure, unsure]), bare)
    assert outcome(result) == [("applied", ""), ("blocked", "the agent itself was unsure: 0.20; give a reason")]
    assert batch(house, select([unsure]), APPROVE).applied == 1


NO_WORDS = DecisionIn(verdict=Verdict.APPROVE)


def test_an_approval_against_its_precedents_needs_a_reason_in_a_batch_too() -> None:
    house = build.house()
    given = {"customer": "8812", "amount": 4_450, "note": "lamp broken"}
    for _ in range(3):
        item = build.pending(house, "refund.issue", payload=given)
        build.decide(house, item, REJECT)
        build.wait_for_release(item.action_id)
    with as_role("router"):
        services.tend_precedents(seconds=10)
    odd = build.pending(house, "refund.issue", payload=given)
    usual = build.pending(house, "refund.issue", payload={"customer": "1", "amount": 99, "note": "parcel late"})
    with as_role("router"):
        services.tend_precedents(seconds=10)
    result = batch(house, select([odd, usual]), NO_WORDS)
    assert outcome(result) == [("blocked", "3 of 3 precedents were rejected; give a reason"), ("applied", "")]
    build.state_of(odd.action_id, Status.PENDING)
    assert outcome(batch(house, select([odd]), APPROVE)) == [("applied", "")]


def test_precedents_of_fifty_are_asked_for_in_as_many_statements_as_of_one(django_assert_max_num_queries: Any) -> None:
    house = build.house()
    for count in (1, 50):
        chosen = select(several(house, count))
        with as_role("router"):
            services.tend_precedents(seconds=10)
        with as_role("web"), django_assert_max_num_queries(14 + 6):
            result = services.batch_decide(items=chosen, decision=NO_WORDS, by=house.by(), opened_at=build.long_ago())
        assert result.applied == count
