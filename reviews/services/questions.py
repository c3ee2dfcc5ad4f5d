"""The keeper's part of a question: new payloads in answers, and questions that nobody answers."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef

from audit import events
from audit.events import EventName
from audit.services import record
from reviews.errors import desk_errors
from reviews.models import Action, Item, Message, Revision, SearchText
from reviews.policy import strictest
from reviews.prio import pack_prio
from reviews.queries.policy import current_policy
from reviews.registry import amount
from reviews.services.base import SYSTEM, Case, after_commit, lock, sweep
from reviews.services.routing import (
    evaluate,
    floors_of,
    policy_actor,
    read_revision,
    routed_event,
)
from reviews.services.search_text import write_search_text
from reviews.states import Outcome, Risk, Status

# A question pauses the clock for this share of the time to decide, then the item comes back.
PAUSE_SHARE = 0.5


def longest_pause(action: Action) -> timedelta:
    since = action.routed_at or action.created_at
    return ((action.decide_by or since) - since) * PAUSE_SHARE


def settle_answers(*, limit: int = 200) -> int:
    """Router: policy looks at payloads that agents changed in their answers; then people decide again."""
    answers = Message.objects.filter(action=OuterRef("action"), kind="answer").filter(in_reply_to=_newest_question())
    due = Item.objects.filter(closed_at=None, question_open=True).filter(Exists(answers))
    return sweep(due.values_list("action_id", flat=True)[:limit], _settle_one)


def _newest_question() -> Any:
    questions = Message.objects.filter(action=OuterRef("action"), kind="question")
    return questions.order_by("-number").values("id")[:1]


def _settle_one(action: UUID) -> bool:
    policy = current_policy()
    with desk_errors(), transaction.atomic():
        case = lock(action, by=policy_actor(policy))
        row = Item.objects.filter(action=action, closed_at=None, question_open=True).first()
        if row is None or case.action.state != Status.PENDING:
            return False
        _evaluate_again(case, row)
        after_commit([action], [row.queue_id])
        record(case.entries)
    return True


def _evaluate_again(case: Case, row: Item) -> None:
    """Route the new revision, upwards only, and bring the item back."""
    action, kind = case.action, case.action.type
    read = read_revision(action, kind)
    routing = evaluate(case, read, current_policy())
    outcome = strictest(Outcome(action.outcome or Outcome.REVIEW), routing.outcome)
    needed = max(action.needed, routing.needed)
    entry = case.note(EventName.ACTION_ROUTED, routed_event(case, routing, needed=needed, outcome=outcome))
    case.move(entry, outcome=outcome.value, needed=needed, floors=floors_of(routing))
    found, currency = amount(kind, read.payload)
    row.prio = pack_prio(
        risk=Risk(action.risk),
        amount=found,
        currency=currency,
        confidence=action.confidence,
        breached=row.breached,
    )
    row.amount, row.currency, row.question_open = found, currency, False
    row.version += 1
    if row.passed_by_id and not Revision.objects.filter(action=action, number=action.revision, author=row.passed_by_id):
        row.passed_by = None  # whoever passed it on did not write this revision and may decide again
    row.save(update_fields=["prio", "amount", "currency", "question_open", "passed_by", "version"])
    if not SearchText.objects.filter(action=action, revision=action.revision).exists():
        write_search_text(action, kind, read.payload)


def close_questions(*, limit: int = 200) -> int:
    """Router: questions that nobody answered in time; the item comes back, pushed up."""
    due = Item.objects.filter(closed_at=None, question_open=True).values_list("action_id", flat=True)
    return sweep(due[:limit], _close_one)


def _close_one(action: UUID) -> bool:
    with desk_errors(), transaction.atomic():
        case = lock(action, by=SYSTEM)
        row = Item.objects.filter(action=action, closed_at=None, question_open=True).first()
        newest = Message.objects.filter(action=action, kind="question").order_by("-number").first()
        if row is None or newest is None or case.action.state != Status.PENDING:
            return False
        if case.now - newest.created_at < longest_pause(case.action):
            return False
        closed = case.note(
            EventName.QUESTION_CLOSED,
            events.QuestionClosed(question=newest.number, how="timed_out"),
        )
        case.move(closed)
        row.question_open, row.version = False, row.version + 1
        row.save(update_fields=["question_open", "version"])
        after_commit([action], [row.queue_id])
        record(case.entries)
    return True
