"""Questions and answers: nothing is approved meanwhile, and a changed answer is looked at anew."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.conf import settings

from reviews import services
from reviews.errors import (
    GateRefused,
    InvalidDecision,
    InvalidPayload,
    NotFound,
    NotPermitted,
    StaleRevision,
    WrongState,
)
from reviews.models import Item, Message, Revision, SearchText
from reviews.schemas import decode
from reviews.states import Status
from tests import build
from tests.build import REJECT
from tests.logins import as_role

pytestmark = pytest.mark.django_db


def ask(house: build.House, item: Item, text: str = "Which order?", **more: Any) -> UUID:
    shown = build.seen(item)
    with as_role("web"):
        return services.ask(item=item.id, seen=shown, text=text, by=house.by(), **more)


def answer(house: build.House, item: Item, question: UUID, name: str = "noor", **more: Any) -> None:
    with as_role("web"):
        services.answer(action=item.action_id, question=question, text="the second one", by=house.by(name), **more)


def by_run(house: build.House, **more: Any) -> tuple[UUID, Item]:
    run, action = build.proposed_by_run(house, **more)
    build.route()
    return run, build.item_of(action)


def test_a_question_takes_the_item_out_of_the_list_and_leaves_it_pending() -> None:
    house = build.house()
    item = build.pending(house)
    question = ask(house, item, expects={"kind": "choice", "options": ["a", "b"]})
    row = Item.objects.get(id=item.id)
    assert (row.question_open, row.waiting, row.version) == (True, False, item.version + 1)
    message = Message.objects.select_related("body").get(id=question)
    assert (message.kind, message.author) == ("question", house.ada)
    assert decode(bytes(message.body.body)) == {
        "text": "Which order?",
        "expects": {"kind": "choice", "options": ["a", "b"]},
    }
    assert build.events_of(item.action_id)[-2:] == ["decision.recorded", "message.posted"]


def test_the_owner_answers_for_the_agent_and_the_item_comes_back() -> None:
    house = build.house()
    item = build.pending(house)
    answer(house, item, ask(house, item))
    row = Item.objects.get(id=item.id)
    assert (row.question_open, row.waiting) == (False, True)
    assert build.state_of(item.action_id).revision == 1
    build.decide(house, item)
    build.state_of(item.action_id, Status.APPROVED)


def test_an_answer_with_another_payload_is_a_new_revision_that_its_author_may_not_approve() -> None:
    house = build.house()
    item = build.pending(house, "refund.issue")
    answer(house, item, ask(house, item), payload={"customer": "8812", "amount": 11_950})
    row = build.state_of(item.action_id, Status.PENDING)
    assert row.revision == 2
    assert Revision.objects.get(action=row, number=2).author == house.noor
    with build.refused(NotPermitted):
        build.decide(house, item, name="noor")
    build.decide(house, item)
    build.state_of(item.action_id, Status.APPROVED)


def test_only_the_owner_answers_in_the_browser() -> None:
    house = build.house()
    item = build.pending(house)
    question = ask(house, item)
    for name, refusal in (("grace", NotPermitted), ("mallory", NotFound)):
        with build.refused(refusal):
            answer(house, item, question, name)


def test_a_run_answers_its_own_question() -> None:
    house = build.house()
    run, item = by_run(house)
    question = ask(house, item)
    with as_role("agent"):
        services.answer(action=item.action_id, question=question, text="the second", run=run)
    row = Item.objects.get(id=item.id)
    assert (row.question_open, row.version) == (False, item.version + 2)
    message = Message.objects.get(action=item.action, kind="answer")
    assert (message.author, message.in_reply_to_id) == (None, question)


def test_a_runs_new_payload_is_not_approvable_before_policy_has_seen_it() -> None:
    house = build.house()
    run, item = by_run(house, type_name="refund.issue")
    question = ask(house, item)
    with as_role("agent"):
        services.answer(
            action=item.action_id,
            question=question,
            text="a smaller one",
            payload={"customer": "8812", "amount": 11_950},
            type_name="refund.issue",
            run=run,
        )
    assert build.state_of(item.action_id).revision == 2
    with build.refused(WrongState, "a question is open"):
        build.decide(house, item)
    assert build.route() == 1
    row = Item.objects.get(id=item.id)
    assert (row.question_open, row.waiting, row.amount) == (False, True, 11_950)
    assert SearchText.objects.get(action=item.action, revision=2).title == "Refund 119.50 EUR to 8812"
    assert build.route() == 0
    build.decide(house, item)
    build.state_of(item.action_id, Status.APPROVED)


def test_a_runs_bad_payload_is_refused_by_path() -> None:
    house = build.house()
    run, item = by_run(house, type_name="refund.issue")
    question = ask(house, item)
    with build.refused(InvalidPayload), as_role("agent"):
        services.answer(
            action=item.action_id, question=question, text="x", payload={"amount": 1},
            type_name="refund.issue", run=run,
        )  # fmt: skip


def test_nobody_answers_the_question_of_another_run() -> None:
    house = build.house()
    item = build.pending(house)
    question = ask(house, item)
    run = build.running(house)
    with build.refused(GateRefused), as_role("agent"):
        services.answer(action=item.action_id, question=question, text="x", run=run)


def test_an_answer_to_an_old_question_is_too_late() -> None:
    house = build.house()
    item = build.pending(house)
    first = ask(house, item)
    answer(house, item, first)
    ask(house, item, "And which day?")
    with build.refused(WrongState):
        answer(house, item, first)


def test_one_question_at_a_time_and_three_at_most() -> None:
    house = build.house()
    item = build.pending(house)
    for number in range(3):
        question = ask(house, item, f"Question {number}?")
        with build.refused(WrongState, "open already"):
            ask(house, item)
        answer(house, item, question)
    with build.refused(InvalidDecision, "escalate it"):
        ask(house, item)


def test_the_clock_stands_still_for_a_question_up_to_its_cap() -> None:
    house = build.house()
    item = build.pending(house)
    answer(house, item, ask(house, item))
    due = Item.objects.get(id=item.id).due
    assert due is not None and item.due is not None and due > item.due


def test_a_question_that_nobody_answers_comes_back_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    house = build.house()
    item = build.pending(house)
    ask(house, item)
    with as_role("router"):
        assert services.wake_deferred() == 0
    monkeypatch.setattr("reviews.services.questions.PAUSE_SHARE", 0.0)
    with as_role("router"):
        assert services.wake_deferred() == 1
    assert Item.objects.get(id=item.id).waiting
    assert build.events_of(item.action_id)[-1] == "question.closed"
    assert settings.TIMINGS.decide_within > 0


def test_a_comment_makes_the_page_of_the_others_stale() -> None:
    house = build.house()
    item = build.pending(house)
    before = build.seen(item)
    with as_role("web"):
        services.comment(item=item.id, text="the customer called", by=house.by("grace"))
    with build.refused(StaleRevision), as_role("web"):
        services.decide(item=item.id, seen=before, decision=REJECT, by=house.by())


@pytest.mark.parametrize("text", ["", "  ", "x" * 4_001, "bell \x07"])
def test_a_text_that_cannot_be_kept_is_refused(text: str) -> None:
    house = build.house()
    item = build.pending(house)
    with build.refused(InvalidDecision):
        ask(house, item, text)
    with build.refused(InvalidDecision), as_role("web"):
        services.comment(item=item.id, text=text, by=house.by())
