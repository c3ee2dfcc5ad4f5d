"""Files as evidence: from a person in the browser, or from the agent that proposed. Added, never changed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from audit import seal
from audit.events import EventName, EvidenceAdded
from audit.services import Actor, Chain, Entry, prepare, record
from reviews.attachments import Upload, media_of
from reviews.errors import InvalidDecision, WrongState, desk_errors
from reviews.ids import new_id
from reviews.schemas import MOST_ATTACHED
from reviews.services.base import By, Case, after_commit, change_item, last_numbers, locked_item
from reviews.services.owning import Own, lock_own
from reviews.services.proposing import Text, text_of
from reviews.services.sql import Statement, together
from reviews.services.talk import follow_quietly
from reviews.states import Status

FILE = "file"


def attach(*, item: UUID, upload: Upload, conflict: bool = False, by: By) -> int:
    """Add a file to what is decided on; whoever has it open must look again. Its number.

    InvalidPayload for a file of another kind than the desk takes, too large or made to do harm; WrongState once
    it is decided, since evidence comes before the decision.
    """
    media = media_of(upload.body)
    with desk_errors(), transaction.atomic():
        case, row = locked_item(item, by)
        if case.action.state != Status.PENDING or row.closed_at is not None:
            raise WrongState("evidence comes before the decision", state=case.action.state)
        number = add_file(case, upload, media, conflict=conflict, by=by)
        change_item(row)
        follow_quietly(case.action.id, by.user.pk)
        after_commit([case.action.id], [row.queue_id])
        record(case.entries)
    return number


def add_file(case: Case, upload: Upload, media: str, *, conflict: bool, by: By) -> int:
    """The rows and the event of one file, in the transaction of the verb that brings it."""
    number = _next(last_numbers(case.action.id)[0])
    text = text_of(upload.body)
    entry = case.note(
        EventName.EVIDENCE_ADDED,
        EvidenceAdded(number=number, kind=FILE, digest=text.digest),
        commit={"evidence": text.digest},
    )
    with connection.cursor() as cursor:
        rows = _rows(case.action.id, number, upload, media, text, entry, author=by.user.pk, conflict=conflict)
        together(cursor, *rows)
    case.move(entry)
    return number


def _next(last: int) -> int:
    if last >= MOST_ATTACHED:
        raise InvalidDecision(f"{MOST_ATTACHED} pieces of evidence are the most")
    return last + 1


def _rows(
    action: UUID, number: int, upload: Upload, media: str, text: Text, entry: Entry, *, author: Any, conflict: bool
) -> Iterator[Statement]:
    evidence = new_id()
    names = "id, action_id, number, kind, title, source, conflict, media, digest, event_id, created_at, author_id"
    values = [
        evidence, action, number, FILE, upload.title, "", conflict, media, text.digest, entry.id, entry.at, author
    ]  # fmt: skip
    marks = ", ".join(["%s"] * len(values))
    yield Statement(f"INSERT INTO reviews_evidence ({names}) VALUES ({marks})", values)  # noqa: S608  our own names
    yield Statement(
        "INSERT INTO reviews_evidencebody (evidence_id, salt, scheme, body) VALUES (%s, %s, %s, %s)",
        [evidence, *seal.Sealer(entry.case).lying(text.salt, text.body)],
    )


def attach_by_run(*, action: UUID, run: UUID, upload: Upload, conflict: bool = False) -> int:
    """The same by the run that proposed it, also while a question waits for its answer. Its number."""
    media = media_of(upload.body)
    with desk_errors(), transaction.atomic(), connection.cursor() as cursor:
        own = lock_own(cursor, action)
        if own.state not in (Status.PROPOSED, Status.PENDING):
            raise WrongState("evidence comes before the decision", state=own.state)
        number = _next(own.last_evidence)
        text = text_of(upload.body)
        entry = _told(action, own, number, text, run)
        together(cursor, *_rows(action, number, upload, media, text, entry, author=None, conflict=conflict))
        cursor.execute("SELECT reviews_agent_touch(%s, %s, %s)", [action, entry.seq, entry.hash])
        after_commit([action])
        record([entry])
    return number


def _told(action: UUID, own: Own, number: int, text: Text, run: UUID) -> Entry:
    return prepare(
        name=EventName.EVIDENCE_ADDED,
        data=EvidenceAdded(number=number, kind=FILE, digest=text.digest),
        chain=Chain(f"action:{action}", own.case_seq, bytes(own.case_head), own.at),
        actor=Actor("agent", f"run:{run}"),
        commit={"evidence": text.digest},
    )
