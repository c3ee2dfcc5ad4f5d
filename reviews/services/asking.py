"""The thread of an action: questions to the agent, its answers, comments of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from audit import events
from audit.events import EventName, QuestionAnswered
from audit.services import record
from reviews.attachments import Upload, media_of
from reviews.errors import InvalidDecision, NotPermitted, WrongState, desk_errors
from reviews.expecting import checked, demand_fit
from reviews.ids import new_id
from reviews.models import Action, Decision, DeskItem, Message, MessageBody, User
from reviews.notices import Kind
from reviews.reasons import worded
from reviews.schemas import Seen, decode
from reviews.services.answering import answer_by_run
from reviews.services.attachments import add_file
from reviews.services.base import (
    By,
    Case,
    after_commit,
    change_item,
    demand_pending,
    demand_seen,
    last_numbers,
    lock_within,
    locked_item,
)
from reviews.services.editing import Judged, judge, revise
from reviews.services.notices import tell, tell_followers
from reviews.services.proposing import Text, message_rows, message_text, text_of
from reviews.services.questions import longest_pause
from reviews.services.routing import read_revision
from reviews.services.sql import together
from reviews.services.talk import follow_quietly, keep_mentions, named_in
from reviews.services.voting import Vote, insert_vote, vote_event
from reviews.states import Verdict

MOST_ROUNDS = 3


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
        wanted = checked(expects, read_revision(case.action, case.action.type).payload)
        _vote_ask(case, row, seen, by)
        more = {"expects": wanted} if wanted else {}
        question = _post(case, "question", message_text(words, **more), author=by.user.pk)
        follow_quietly(case.action.id, by.user.pk)
        change_item(row, question_open=True, claimed_by=None, claimed_until=None)
        after_commit([case.action.id], [row.queue_id])
        record(case.entries)
    return question


def _demand_may_ask(case: Case, row: DeskItem) -> None:
    if row.question_open:
        raise WrongState("a question is open already")
    if asked_enough(case.action):
        raise InvalidDecision("three questions have been asked: escalate it, or decide")


def asked_enough(action: Action) -> bool:
    """Whether the rounds of questions are used up, so that somebody else should look at it."""
    return Decision.objects.filter(action=action, verdict=Verdict.ASK).count() >= MOST_ROUNDS


def _vote_ask(case: Case, row: DeskItem, seen: Seen, by: By) -> None:
    vote = Vote(verdict=Verdict.ASK, code="", rationale="", seen=seen)
    made = new_id()
    entry = case.note(EventName.DECISION_RECORDED, vote_event(case, row, vote, by, made))
    insert_vote(case, row, vote, by, made, entry.id)
    case.move(entry)


def _post(case: Case, kind: str, text: Text, *, author: int, reply_to: UUID | None = None) -> UUID:
    """A message of the thread with its event."""
    _, number = last_numbers(case.action.id)
    entry = case.note(
        EventName.MESSAGE_POSTED,
        events.MessagePosted(number=number + 1, kind=kind, digest=text.digest),
        commit={"text": text.digest},
    )
    message = new_id()
    with connection.cursor() as cursor:
        together(
            cursor,
            *message_rows(
                message=message,
                action=case.action.id,
                number=number + 1,
                kind=kind,
                author=author,
                text=text,
                event=entry,
                reply_to=reply_to,
            ),
        )
    case.move(entry)
    return message


def comment(*, item: UUID, text: str, by: By) -> UUID:
    """Say something to the other reviewers, and name some with @. The page of whoever is deciding goes stale by it."""
    with desk_errors(), transaction.atomic():
        case, row = locked_item(item, by)
        words = worded(case.action.type, "comment", "", text, required=True)
        named = named_in(words, row.queue_id)
        message = _post(case, "comment", message_text(words), author=by.user.pk)
        keep_mentions(case.action.id, message, named)
        _tell_thread(case, row, by, named)
        follow_quietly(case.action.id, by.user.pk)
        change_item(row)
        after_commit([case.action.id], [row.queue_id])
        record(case.entries)
    return message


def _tell_thread(case: Case, row: DeskItem, by: By, named: Sequence[User] = ()) -> None:
    """Whoever is named, and whoever follows, of the message that is now the last."""
    _, number = last_numbers(case.action.id)
    people = [user.pk for user in named]
    tell(Kind.MENTIONED, people, [(row.id, str(number))], but=by.user.pseudonym)
    tell_followers(case.action.id, row.id, number, but=by.user.pseudonym, besides=people)


def answer(
    *,
    action: UUID,
    question: UUID,
    text: str = "",
    payload: Mapping[str, Any] | None = None,
    upload: Upload | None = None,
    type_name: str = "",
    run: UUID | None = None,
    by: By | None = None,
) -> None:
    """Answer a reviewer's question: as the run that proposed, or as its owner in the browser.

    A changed payload is a new revision. A run names the action's type with
    it, since agents cannot read actions; the router looks at its new payload
    before people can approve again. A person's answer must be of the kind
    that was asked for; a run may say in words why it is not.
    """
    if by is not None:
        _answer_by_person(action, question, _Answer(text, payload, upload), by)
    elif run is not None:
        answer_by_run(action, question, text, payload, type_name, run, upload=upload)
    else:
        raise ValueError("an answer comes from a run or from a person")


class _Answer(NamedTuple):
    text: str
    payload: Mapping[str, Any] | None
    upload: Upload | None


def _answer_by_person(action: UUID, question: UUID, given: _Answer, by: By) -> None:
    with desk_errors(), transaction.atomic():
        case = lock_within(action, by, "owner")
        row = _open_question(case, question, by)
        words = _fitting(case, question, given)
        old = read_revision(case.action, case.action.type)
        judged = judge(case, old, given.payload) if given.payload is not None else None
        if given.upload is not None:
            add_file(case, given.upload, media_of(given.upload.body), conflict=False, by=by)
        _write_answer(case, row, message_text(words), judged, question, by)
        due = row.due + _paused(case, question) if row.due else None
        change_item(row, question_open=False, due=due)
        _tell_thread(case, row, by)
        after_commit([action], [row.queue_id])
        record(case.entries)


def _fitting(case: Case, question: UUID, given: _Answer) -> str:
    """The words of an answer of the kind that was asked for; a file or a field speaks for itself."""
    expects = _expected(question)
    demand_fit(expects, given.text, changed=given.payload is not None, attached=given.upload is not None)
    said = given.text or ("Attached." if given.upload else "Corrected." if given.payload is not None else "")
    return worded(case.action.type, "answer", "", said, required=True)


def _expected(question: UUID) -> Mapping[str, Any]:
    row = MessageBody.objects.filter(message=question).select_related("message").first()
    body = row.plain if row is not None else None
    found = decode(body).get("expects") if body is not None else None
    return found if isinstance(found, dict) else {}


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


def _write_answer(case: Case, row: DeskItem, words: Text, judged: Judged | None, question: UUID, by: By) -> None:
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
        together(
            cursor,
            *message_rows(
                message=new_id(),
                action=case.action.id,
                number=number + 1,
                kind="answer",
                author=by.user.pk,
                text=words,
                event=entry,
                reply_to=question,
            ),
        )
    if judged and text:
        revise(case, row, judged, by, text, entry, self_edit=False)
    else:
        case.move(entry)


def _paused(case: Case, question: UUID) -> timedelta:
    """How long the clock stood still for this question, up to its cap."""
    asked = Message.objects.filter(id=question).values_list("created_at", flat=True).get()
    return min(case.now - asked, longest_pause(case.action))
