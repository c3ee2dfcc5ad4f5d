"""The only writers of the record, but for the sequencer."""

from collections.abc import Sequence
from datetime import datetime

from django.db import connection, transaction

from audit.entries import ZERO, Actor, Chain, Entry, prepare

__all__ = ["Actor", "Chain", "Entry", "fresh", "load_chain", "now", "prepare", "record"]


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
    _demand_atomic()
    if not entries:
        return
    secrets = [(e.id, s) for e in entries for s in e.contents]
    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO audit.event (leaf) SELECT unnest(%s::bytea[])", [[e.leaf for e in entries]])
        if secrets:
            cursor.execute(
                "INSERT INTO audit.content (event_id, field, salt, scheme, body)"
                " SELECT i, f, s, 0, b FROM unnest(%s::uuid[], %s::text[], %s::bytea[], %s::bytea[]) AS t (i, f, s, b)",
                [
                    [event for event, _ in secrets],
                    [s.field for _, s in secrets],
                    [s.salt for _, s in secrets],
                    [s.body for _, s in secrets],
                ],
            )


def _demand_atomic() -> None:
    if not transaction.get_connection().in_atomic_block:
        raise NotAtomic("an event commits with what it records; open transaction.atomic() first")
