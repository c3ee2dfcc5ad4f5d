"""What a run says about its own action: its answers. Agents read and write through functions alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from audit.events import EventName, QuestionAnswered
from audit.services import Actor, Chain, Entry, prepare, record
from reviews.attachments import Upload
from reviews.errors import WrongState, desk_errors
from reviews.ids import new_id
from reviews.registry import canonical
from reviews.services.attachments import attach_by_run
from reviews.services.base import after_commit
from reviews.services.owning import Own, lock_own
from reviews.services.proposing import (
    Text,
    action_type,
    message_rows,
    message_text,
    revision_rows,
    text_of,
)
from reviews.services.sql import together


def answer_by_run(
    action: UUID,
    question: UUID,
    text: str,
    payload: Mapping[str, Any] | None,
    type_name: str,
    run: UUID,
    *,
    upload: Upload | None = None,
) -> None:
    """In one transaction: the file, if one comes along, then the answer."""
    with desk_errors(), transaction.atomic():
        if upload is not None:
            attach_by_run(action=action, run=run, upload=upload)
        _answer(action, question, text, payload, type_name, run)


def _answer(
    action: UUID, question: UUID, text: str, payload: Mapping[str, Any] | None, type_name: str, run: UUID
) -> None:
    words = message_text(text)
    changed = None
    if payload is not None:
        changed = text_of(canonical(action_type(type_name), dict(payload))[1])
    with connection.cursor() as cursor:
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


def _answered(action: UUID, own: Own, words: Text, changed: Text | None, run: UUID) -> Entry:
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
    own: Own,
    words: Text,
    changed: Text | None,
    entry: Entry,
    question: UUID,
) -> None:
    together(
        cursor,
        *message_rows(
            message=new_id(),
            action=action,
            number=own.last_message + 1,
            kind="answer",
            author=None,
            text=words,
            event=entry,
            reply_to=question,
        ),
    )
    if changed is not None:
        together(cursor, *revision_rows(action=action, number=own.revision + 1, author=None, text=changed, event=entry))
