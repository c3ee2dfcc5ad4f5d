"""The only writers of the record, but for the sequencer."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction

from audit import events, receipts, registry, seal
from audit.entries import ZERO, Actor, Chain, Entry, Secret, prepare
from audit.ids import uuid7

__all__ = [
    "Actor",
    "Chain",
    "Entry",
    "erase",
    "erase_keys",
    "fresh",
    "load_chain",
    "now",
    "prepare",
    "record",
    "recording",
    "uuid7",
]

CONTENT = (
    "INSERT INTO audit.content (event_id, field, salt, scheme, body)"
    " SELECT i, f, s, k, b FROM unnest(%s::uuid[], %s::text[], %s::bytea[], %s::int[], %s::bytea[])"
    " AS t (i, f, s, k, b)"
)


class ErasureRefused(RuntimeError):
    """Nothing was erased; the message says why."""


KEPT = {"AU008", "DK001"}  # a hold or a duty; an action that is not over


class NotAtomic(RuntimeError):
    """`record` was called outside the transaction of the change it is about."""


def now() -> datetime:
    """The database's clock, aware, in UTC. The stamp trigger compares every event's time with it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def fresh(case: str, at: datetime | None = None) -> Chain:
    """The chain of a case that has no event yet."""
    return Chain(case, 0, ZERO, at or now())


def load_chain(case: str) -> Chain:
    """The chain of a long-lived case without a row of its own (`policy:`, `principal:`, `stop:` ...).

    Takes a lock on the case until the transaction ends, so that two writers follow each other.
    """
    _demand_atomic()
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", ["audit " + case])
        cursor.execute("SELECT seq, head, clock_timestamp() FROM audit.tip(%s)", [case])
        seq, head, at = cursor.fetchone()
    return Chain(case, seq, bytes(head), at)


def record(entries: Sequence[Entry]) -> None:
    """Write the events (and their committed texts) as the last statement of the transaction they belong to."""
    with connection.cursor() as cursor:
        for sql, params in recording(entries):
            cursor.execute(sql, params)


def recording(entries: Sequence[Entry]) -> list[tuple[str, list[Any]]]:
    """What `record` would execute, for a verb that sends it in one message with its own last statement.

    The receipts are promised here, so the caller must execute all of it, inside the same transaction.
    """
    _demand_atomic()
    if not entries:
        return []
    receipts.promise(entries)
    written: list[tuple[str, list[Any]]] = [
        ("INSERT INTO audit.event (leaf) SELECT unnest(%s::bytea[])", [[e.leaf for e in entries]])
    ]
    if rows := [(e.id, s.field, *_lying(e, s)) for e in entries for s in e.contents]:
        written.append((CONTENT, [list(column) for column in zip(*rows, strict=True)]))
    return written


def _lying(entry: Entry, secret: Secret) -> seal.Lying:
    """How a text is stored: one that names a person belongs to them, any other to the case's subject."""
    if not seal.is_on():
        return seal.Lying(secret.salt, seal.PLAIN, secret.body)
    subject = seal.person(json.loads(entry.leaf)["actor"]["ref"]) if secret.field == "identity" else None
    sealer = seal.Sealer(entry.case, subject)
    return sealer.lying(secret.salt, secret.body, to_agents=secret.field == "rationale")


def _demand_atomic() -> None:
    if not transaction.get_connection().in_atomic_block:
        raise NotAtomic("an event commits with what it records; open transaction.atomic() first")


MOST_ERASED = 400  # slots that one event names; the leaf has room for more


@transaction.atomic
def erase(
    *,
    entries: Sequence[tuple[UUID, str]],
    case: str = "",
    basis: str,
    authoriser: Actor,
    request: str = "",
    reason: str = "",
) -> Entry:
    """Erase committed texts, salt included, wherever they lie, and say so in the log. Proofs stay valid.

    `entries` names texts by (event, field); `basis` is a code such as "gdpr_17". Raises ErasureRefused if an app
    objects (the action is still open), a hold or a duty keeps a text, or it is not there; then all stay.
    """
    if not 0 < len(entries) <= MOST_ERASED:
        raise ErasureRefused(f"one event names 1 to {MOST_ERASED} texts, not {len(entries)}")
    _demand_over({case, *_cases_of([event for event, _ in entries])})
    for event, name in entries:
        if not _erase_one(event, name):
            raise ErasureRefused(f"there is no text {name!r} of event {event}")
    data = events.PrivacyErased(
        entries=[events.Erasable(event=str(event), field=name) for event, name in entries],
        basis=basis,
        authoriser=authoriser.ref,
    )
    entry = prepare(
        name=events.EventName.PRIVACY_ERASED,
        data=data,
        chain=fresh(f"erasure:{uuid7()}"),
        actor=authoriser,
        request=request,
        content={"reason": reason} if reason else None,
    )
    record([entry])
    return entry


@transaction.atomic
def erase_keys(subjects: Sequence[bytes], *, told: Entry, authoriser: Actor, request: str = "") -> list[UUID]:
    """Delete the keys of these subjects with the erasure that `told` records, and name them in an event after it.

    Raises DatabaseError where a hold, an open action or a text that is still here keeps one: then all stay.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM audit.seal_key WHERE kind = 'subject' AND lookup = ANY (%s) ORDER BY id", [list(subjects)]
        )
        keys = [key for (key,) in cursor.fetchall()]
        for subject in subjects:
            cursor.execute("SELECT audit.erase_key(%s)", [subject])
    data = events.KeysErased(keys=[str(key) for key in keys])
    record([prepare(
        name=events.EventName.PRIVACY_KEYS_ERASED, data=data, chain=told.next, actor=authoriser, request=request
    )])  # fmt: skip
    return keys


def _demand_over(cases: set[str]) -> None:
    for guard in registry.guards().values():
        for case in sorted(cases):
            if reason := guard(case):
                raise ErasureRefused(reason)


def _cases_of(found: Sequence[UUID]) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT case_id FROM audit.event_web WHERE id = ANY (%s)", [list(found)])
        return {case for (case,) in cursor.fetchall()}


def _erase_one(event: UUID, name: str) -> bool:
    """In the record and in every app. What the database keeps (a hold, a duty, an open action) is said in its words."""
    try:
        return any([_erase_here(event, name), *(eraser(event, name) for eraser in registry.erasers().values())])
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", "") in KEPT:
            raise ErasureRefused(str(error).partition("\n")[0]) from error
        raise


def _erase_here(event: UUID, name: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit.erase(%s, %s)", [event, name])
        erased: bool = cursor.fetchone()[0]
    return erased
