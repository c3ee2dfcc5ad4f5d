"""The thread of an action: questions to the agent, its answers, comments of people."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from audit import events
from audit.events import EventName, QuestionAnswered
from audit.services import Actor, Chain, Entry, prepare, record
from reviews.errors import InvalidDecision, InvalidPayload, NotPermitted, WrongState, desk_errors
from reviews.ids import new_id
from reviews.models import Action, Decision, DeskItem, Item, Message, SearchText
from reviews.policy import strictest
from reviews.queries.policy import current_policy
from reviews.reasons import worded
from reviews.registry import canonical
from reviews.schemas import Seen
from reviews.services.base import (
    SYSTEM,
    By,
    Case,
    actor,
    after_commit,
    change_item,
    demand_pending,
    demand_seen,
    last_numbers,
    lock,
    locked_item,
)
from reviews.services.deciding import Vote, insert_vote, vote_event
from reviews.services.editing import Judged, judge, revise
from reviews.services.proposing import (
    Text,
    action_type,
    insert_message,
    insert_revision,
    message_text,
    text_of,
)
from reviews.services.routing import (
    evaluate,
    floors_of,
    policy_actor,
    read_revision,
    routed_event,
    write_search_text,
)
from reviews.states import Outcome, Status, Verdict

MOST_ROUNDS = 3
# A question pauses the clock for this share of the time to decide, then the item comes back.
PAUSE_SHARE = 0.5


def ask(
    *,
    item: UUID,
    seen: Seen,
    text: str,
    expects: Mapping[str, Any] | None = None,
    by: By,
) -> UUID:
    """Ask the agent; the action stays pending and leaves the default queue. The question's id.

    After three rounds it must be escalated. `expects` says what kind of
    answer is wanted, for the page that asks for it.
    """
    with desk_errors(), transaction.atomic():
        case, row = locked_item(item, by)
        demand_pending(case, row)
        demand_seen(case, row, version=seen.version, digest=seen.digest)
        words = worded(case.action.type, "ask", "", text, required=True)
        _demand_may_ask(case, row)
        _vote_ask(case, row, seen, by)
        more = {"expects": dict(expects)} if expects else {}
        question = _post(case, "question", message_text(words, **more), author=by.user.pk)
        change_item(row, question_open=True, claimed_by=None, claimed_until=None)
        after_commit([case.action.id], [row.queue_id])
        record(case.entries)
    return question


def _demand_may_ask(case: Case, row: DeskItem) -> None:
    if row.question_open:
        raise WrongState("a question is open already")
    asked = Decision.objects.filter(action=case.action, verdict=Verdict.ASK).count()
    if asked >= MOST_ROUNDS:
        raise InvalidDecision("three questions have been asked: escalate it, or decide")


def _vote_ask(case: Case, row: DeskItem, seen: Seen, by: By) -> None:
    vote = Vote(verdict=Verdict.ASK, code="", rationale="", seen=seen)
    made = new_id()
    entry = case.note(EventName.DECISION_RECORDED, vote_event(case, row, vote, by, made))
    insert_vote(case, row, vote, by, made, entry.id)
    case.move(entry)


def _post(
    case: Case, kind: str, text: Text, *, author: int, reply_to: UUID | None = None
) -> UUID:
    """A message of the thread with its event."""
    _, number = last_numbers(case.action.id)
    entry = case.note(
        EventName.MESSAGE_POSTED,
        events.MessagePosted(number=number + 1, kind=kind, digest=text.digest),
        commit={"text": text.digest},
    )
    message = new_id()
    with connection.cursor() as cursor:
        insert_message(
            cursor,
            message=message,
            action=case.action.id,
            number=number + 1,
            kind=kind,
            author=author,
            text=text,
            event=entry,
            reply_to=reply_to,
        )
    case.move(entry)
    return message


def comment(*, item: UUID, text: str, by: By) -> UUID:
    """Say something to the other reviewers. The page of whoever is deciding goes stale by it."""
    with desk_errors(), transaction.atomic():
        case, row = locked_item(item, by)
        words = worded(case.action.type, "comment", "", text, required=True)
        message = _post(case, "comment", message_text(words), author=by.user.pk)
        change_item(row)
        after_commit([case.action.id], [row.queue_id])
        record(case.entries)
    return message


def answer(
    *,
    action: UUID,
    question: UUID,
    text: str,
    payload: Mapping[str, Any] | None = None,
    type_name: str = "",
    run: UUID | None = None,
    by: By | None = None,
) -> None:
    """Answer a reviewer's question: as the run that proposed, or as its owner in the browser.

    A changed payload is a new revision. A run names the action's type with
    it, since agents cannot read actions; the router looks at its new payload
    before people can approve again.
    """
    if by is not None:
        _answer_by_person(action, question, text, payload, by)
    elif run is not None:
        _answer_by_run(action, question, text, payload, type_name, run)
    else:
        raise ValueError("an answer comes from a run or from a person")


class _Own(NamedTuple):
    """What a run may know of its own action, under its lock."""

    state: str
    revision: int
    digest: bytes
    case_seq: int
    case_head: bytes
    last_message: int
    last_evidence: int
    question: UUID | None
    at: datetime


def lock_own(cursor: Any, action: UUID) -> _Own:
    cursor.execute(
        "SELECT state, revision, digest, case_seq, case_head, last_message, last_evidence, question,"
        " at FROM reviews_lock_own(%s)",
        [action],
    )
    return _Own(*cursor.fetchone())


def _answer_by_run(
    action: UUID,
    question: UUID,
    text: str,
    payload: Mapping[str, Any] | None,
    type_name: str,
    run: UUID,
) -> None:
    words = message_text(text)
    changed = None
    if payload is not None:
        changed = text_of(canonical(action_type(type_name), dict(payload))[1])
    with desk_errors(), transaction.atomic(), connection.cursor() as cursor:
        own = lock_own(cursor, action)
        if own.question is None or own.question != question:
            raise WrongState("this question is not open any more", state=own.state)
        entry = _answered(action, own, words, changed, run)
        _insert_answer(cursor, action, own, words, changed, entry, question)
        cursor.execute(
            "SELECT reviews_agent_answer(%s, %s, %s, %s, %s, %s)",
            [
                action, question, own.revision + (changed is not None),
                changed.digest if changed else own.digest, entry.seq, entry.hash,
            ],
        )  # fmt: skip
        after_commit([action])
        record([entry])


def _answered(
    action: UUID, own: _Own, words: Text, changed: Text | None, run: UUID
) -> Entry:
    commit = {"text": words.digest} | ({"payload": changed.digest} if changed else {})
    return prepare(
        name=EventName.QUESTION_ANSWERED,
        data=QuestionAnswered(
            message=own.last_message + 1,
            revision=own.revision + 1 if changed else None,
            digest=changed.digest if changed else None,
        ),
        chain=Chain(f"action:{action}", own.case_seq, bytes(own.case_head), own.at),
        actor=Actor("agent", f"run:{run}"),
        commit=commit,
    )


def _insert_answer(
    cursor: Any,
    action: UUID,
    own: _Own,
    words: Text,
    changed: Text | None,
    entry: Entry,
    question: UUID,
) -> None:
    insert_message(
        cursor,
        message=new_id(),
        action=action,
        number=own.last_message + 1,
        kind="answer",
        author=None,
        text=words,
        event=entry,
        reply_to=question,
    )
    if changed is not None:
        insert_revision(
            cursor, action=action, number=own.revision + 1, author=None, text=changed, event=entry
        )


def _answer_by_person(
    action: UUID, question: UUID, text: str, payload: Mapping[str, Any] | None, by: By
) -> None:
    with desk_errors(), transaction.atomic():
        case = lock(action, by=actor(by, "owner"), request=by.request)
        row = _open_question(case, question, by)
        words = message_text(worded(case.action.type, "answer", "", text, required=True))
        old = read_revision(case.action, case.action.type)
        judged = judge(case, old, payload) if payload is not None else None
        _write_answer(case, row, words, judged, question, by)
        due = row.due + _paused(case, question) if row.due else None
        change_item(row, question_open=False, due=due)
        after_commit([action], [row.queue_id])
        record(case.entries)


def _open_question(case: Case, question: UUID, by: By) -> DeskItem:
    """The open item, if this question is the one it waits for and this person may answer it."""
    action = case.action
    if by.user.pk not in (action.owner_id, action.requested_by_id) and not by.user.is_superuser:
        raise NotPermitted("the agent's owner answers for it")
    row = DeskItem.objects.filter(action=action, closed_at=None, question_open=True).first()
    newest = Message.objects.filter(action=action, kind="question").order_by("-number").first()
    if row is None or newest is None or newest.id != question:
        raise WrongState("this question is not open any more", state=action.state)
    return row


def _write_answer(
    case: Case, row: DeskItem, words: Text, judged: Judged | None, question: UUID, by: By
) -> None:
    _, number = last_numbers(case.action.id)
    text = text_of(judged.body) if judged else None
    entry = case.note(
        EventName.QUESTION_ANSWERED,
        QuestionAnswered(
            message=number + 1,
            revision=case.action.revision + 1 if text else None,
            digest=text.digest if text else None,
        ),
        commit={"text": words.digest} | ({"payload": text.digest} if text else {}),
    )
    with connection.cursor() as cursor:
        insert_message(
            cursor,
            message=new_id(),
            action=case.action.id,
            number=number + 1,
            kind="answer",
            author=by.user.pk,
            text=words,
            event=entry,
            reply_to=question,
        )
    if judged and text:
        revise(case, row, judged, by, text, entry, self_edit=False)
    else:
        case.move(entry)


def _paused(case: Case, question: UUID) -> timedelta:
    """How long the clock stood still for this question, up to its cap."""
    asked = Message.objects.filter(id=question).values_list("created_at", flat=True).get()
    return min(case.now - asked, _longest_pause(case.action))


def _longest_pause(action: Action) -> timedelta:
    since = action.routed_at or action.created_at
    return ((action.decide_by or since) - since) * PAUSE_SHARE


def settle_answers(*, limit: int = 200) -> int:
    """Router: policy looks at payloads that agents changed in their answers; then people decide again."""
    answers = Message.objects.filter(action=OuterRef("action"), kind="answer").filter(
        in_reply_to=_newest_question()
    )
    due = Item.objects.filter(closed_at=None, question_open=True).filter(Exists(answers))
    return sum(_settle_one(action) for action in due.values_list("action_id", flat=True)[:limit])


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
    from reviews.prio import pack_prio
    from reviews.registry import amount
    from reviews.states import Risk

    action, kind = case.action, case.action.type
    read = read_revision(action, kind)
    routing = evaluate(case, read, current_policy())
    outcome = strictest(Outcome(action.outcome or Outcome.REVIEW), routing.outcome)
    needed = max(action.needed, routing.needed)
    entry = case.note(
        EventName.ACTION_ROUTED, routed_event(case, routing, needed=needed, outcome=outcome)
    )
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
    row.save(update_fields=["prio", "amount", "currency", "question_open", "version"])
    if not SearchText.objects.filter(action=action, revision=action.revision).exists():
        write_search_text(action, kind, read.payload)


def close_questions(*, limit: int = 200) -> int:
    """Router: questions that nobody answered in time; the item comes back, pushed up."""
    due = Item.objects.filter(closed_at=None, question_open=True).values_list("action_id", flat=True)
    return sum(_close_one(action) for action in due[:limit])


def _close_one(action: UUID) -> bool:
    with desk_errors(), transaction.atomic():
        case = lock(action, by=SYSTEM)
        row = Item.objects.filter(action=action, closed_at=None, question_open=True).first()
        newest = Message.objects.filter(action=action, kind="question").order_by("-number").first()
        if row is None or newest is None or case.action.state != Status.PENDING:
            return False
        if case.now - newest.created_at < _longest_pause(case.action):
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
