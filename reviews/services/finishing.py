"""How an attempt ends: reported by its worker, taken from a lost one, or settled by a person."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from audit import events, seal
from audit.events import EventData, EventName
from audit.services import Actor, Chain, Entry, prepare, record
from reviews.errors import InvalidDecision, LostLease, WrongState, desk_errors
from reviews.reasons import OTHER, worded
from reviews.schemas import MAX_NOTE, MAX_RESULT
from reviews.services.base import By, after_commit, lock_within
from reviews.services.deciding import demand_authority
from reviews.services.leasing import Held, Lease, hold, probe_every
from reviews.services.routing import read_revision
from reviews.services.sql import Statement, together
from reviews.states import AttemptEnd, EffectMode, Status

CIRCUIT_OPENS_AT = 3
_JITTER = 0.2

ProbeAnswer = Literal["done", "not_done", "unknown"]


def finish(*, lease: Lease, end: AttemptEnd, result: bytes | None = None, note: str = "") -> Status:
    """Close the attempt and take the action where that leads. LostLease if it is another's by now.

    What an end means depends on the effect mode and on earlier attempts; the
    database has the table and says the state.
    """
    if result is not None and len(result) > MAX_RESULT:
        raise InvalidDecision("the result is larger than 64 KiB")
    lies = seal.Sealer(f"action:{lease.action}")
    with desk_errors(), transaction.atomic(), connection.cursor() as cursor:
        now = hold(cursor, lease)
        to = _close(cursor, lease, end, None if result is None else lies.raw(result), lies.text(note[:MAX_NOTE]))
        status, entries = _leave(cursor, _Leaving(lease, now, end, reaped=False), to)
        after_commit(_touched(lease))
        record(entries)
    return status


def _touched(lease: Lease) -> list[UUID]:
    return [lease.action] + ([lease.reverses] if lease.reverses else [])


def _close(cursor: Any, lease: Lease, end: AttemptEnd, result: bytes | None, note: str) -> Status:
    """End the attempt; where the database says that the action goes now."""
    closed, left = together(
        cursor,
        Statement(
            'UPDATE reviews_attempt SET ended_at = clock_timestamp(), "end" = %s, result = %s, note = %s'
            " WHERE action_id = %s AND fence = %s AND ended_at IS NULL",
            [end.value, result, note, lease.action, lease.fence],
        ),
        Statement("SELECT reviews_exit(%s)", [lease.action]),
    )
    if closed.touched != 1 or left.one is None:
        raise LostLease("this attempt has ended already")
    return Status(left.one[0])


class _Leaving:
    """One attempt that has just been closed, and what leaving `executing` needs to know of it."""

    def __init__(self, lease: Lease, now: Held, end: AttemptEnd, *, reaped: bool) -> None:
        self.lease, self.now, self.end, self.reaped = lease, now, end, reaped

    @property
    def retry_at(self) -> datetime:
        """By the number of failures so far, a little scattered, never past the approval."""
        delays = settings.TIMINGS.retry_delays
        seconds = delays[min(self.now.failures, len(delays) - 1)]
        if self.lease.mode is EffectMode.PROBE:
            seconds = max(seconds, self.lease.timeout)
        seconds *= 1 + random.uniform(0, _JITTER)  # noqa: S311  spreads load, guards nothing
        return self.now.at + timedelta(seconds=seconds)


def _leave(cursor: Any, left: _Leaving, to: Status) -> tuple[Status, list[Entry]]:
    retry_at = left.retry_at if to is Status.APPROVED else None
    entry = prepare(
        **_said(left, to, retry_at),
        chain=left.now.chain,
        actor=Actor("system", left.lease.worker),
        change=(Status.EXECUTING.value, to.value),
    )
    moved, _ = together(cursor, _going(left.lease.action, to, retry_at, entry), _circuit(left, to))
    if moved.touched != 1:
        raise LostLease("the action moved on without this attempt")
    entries = [entry]
    if to is Status.SUCCEEDED and left.lease.reverses:
        entries.append(_reverse(cursor, left.lease.reverses, left.lease.action, left.lease.worker))
    return to, entries


def _going(action: UUID, to: Status, retry_at: datetime | None, entry: Entry) -> Statement:
    return Statement(
        "UPDATE reviews_action SET state = %s, case_seq = %s, case_head = %s, release_at = coalesce(%s, release_at)"
        " WHERE id = %s AND state = 'executing' AND case_seq = %s",
        [to.value, entry.seq, entry.hash, retry_at, action, entry.seq - 1],
    )


def _said(left: _Leaving, to: Status, retry_at: datetime | None) -> dict[str, Any]:
    """Name and data of the event that tells this end."""
    lease = left.lease
    common: dict[str, Any] = {"fence": lease.fence, "worker": lease.worker, "key": lease.key, "digest": lease.digest}
    data: EventData
    if to is Status.APPROVED:
        data = events.AttemptRetried(
            **common, cause=left.end.value, release_at=retry_at, reaped=left.reaped,
            attempts=left.now.failures + 1,
        )  # fmt: skip
        return {"name": EventName.ATTEMPT_RETRIED, "data": data}
    if to is Status.IN_DOUBT:
        data = events.AttemptInDoubt(**common, cause=left.end.value, reaped=left.reaped)
        return {"name": EventName.ATTEMPT_IN_DOUBT, "data": data}
    error = None if to is Status.SUCCEEDED else left.end.value
    data = events.AttemptFinished(**common, outcome=to.value, error=error)
    return {"name": EventName.ATTEMPT_FINISHED, "data": data}


def _circuit(left: _Leaving, to: Status) -> Statement:
    """Three failures in a row pause the type; one success closes the circuit again."""
    kind = left.lease.type
    if to is Status.SUCCEEDED:
        return Statement(
            "UPDATE reviews_circuit SET failures = 0, probe_at = NULL WHERE action_type_id = %s AND failures > 0",
            [kind],
        )
    return Statement(
        "INSERT INTO reviews_circuit AS c (action_type_id, failures) VALUES (%s, 1)"
        " ON CONFLICT (action_type_id) DO UPDATE SET failures = c.failures + 1,"
        " probe_at = CASE WHEN c.failures + 1 >= %s THEN clock_timestamp() + %s END",
        [kind, CIRCUIT_OPENS_AT, timedelta(seconds=probe_every())],
    )


def _reverse(cursor: Any, original: UUID, reversal: UUID, worker: str) -> Entry:
    """The reversal took effect: the original is reversed in the same transaction."""
    cursor.execute(
        "SELECT case_seq, case_head, clock_timestamp() FROM reviews_action WHERE id = %s FOR NO KEY UPDATE",
        [original],
    )
    seq, head, at = cursor.fetchone()
    entry = prepare(
        name=EventName.ACTION_REVERSED,
        data=events.ActionReversed(by=str(reversal)),
        chain=Chain(f"action:{original}", seq, bytes(head), at),
        actor=Actor("system", worker),
        change=(Status.SUCCEEDED.value, Status.REVERSED.value),
    )
    cursor.execute(
        "UPDATE reviews_action SET state = 'reversed', case_seq = %s, case_head = %s"
        " WHERE id = %s AND state = 'succeeded'",
        [entry.seq, entry.hash, original],
    )
    if cursor.rowcount != 1:
        raise WrongState("the original is not there to be reversed")
    return entry


def record_probe(*, lease: Lease, answer: ProbeAnswer) -> None:
    """Store what the outside said about an earlier, unclear effect; before `begin`."""
    with desk_errors(), transaction.atomic(), connection.cursor() as cursor:
        hold(cursor, lease)
        cursor.execute(
            "UPDATE reviews_attempt SET probe = %s"
            " WHERE action_id = %s AND fence = %s AND effect_at IS NULL AND ended_at IS NULL",
            [answer, lease.action, lease.fence],
        )
        if cursor.rowcount != 1:
            raise LostLease("this attempt has begun or ended; it is too late to ask")


_OVER = """
SELECT a.id, a.type_id, a.type_version, a.revision, a.digest, a.fence, a.effect_mode, a.worker,
       a.reverses_id, a.case_seq, a.case_head, clock_timestamp(), a.failures, t.effect_timeout, a.lease_until
FROM reviews_action a JOIN reviews_actiontype t ON t.name = a.type_id
WHERE a.state = 'executing' AND a.lease_until < statement_timestamp()
ORDER BY a.lease_until LIMIT 1 FOR NO KEY UPDATE OF a SKIP LOCKED
"""


def reap(*, limit: int = 100) -> int:
    """Take back leases that are over, each in a transaction of its own. How many there were.

    Also marks the originals of reversals that a person settled as done: web
    may say so, and only the executor may mark them.
    """
    while _reverse_settled():
        pass
    return next((n for n in range(limit) if not _reap_one()), limit)


_SETTLED = """
SELECT r.id, r.reverses_id FROM reviews_action r JOIN reviews_action o ON o.id = r.reverses_id
WHERE r.reverses_id IS NOT NULL AND r.state NOT IN ('rejected', 'expired', 'withdrawn', 'failed')
  AND r.state = 'succeeded' AND o.state = 'succeeded'
LIMIT 1 FOR NO KEY UPDATE OF o SKIP LOCKED
"""


def _reverse_settled() -> bool:
    with desk_errors(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SETTLED)
        row = cursor.fetchone()
        if row is None:
            return False
        entry = _reverse(cursor, row[1], row[0], "reaper")
        after_commit([row[1]])
        record([entry])
    return True


def _reap_one() -> bool:
    with desk_errors(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_OVER)
        row = cursor.fetchone()
        if row is None:
            return False
        lease, now = _lost_lease(row)
        to = _close(cursor, lease, AttemptEnd.LOST, None, "the lease ran out")
        _, entries = _leave(cursor, _Leaving(lease, now, AttemptEnd.LOST, reaped=True), to)
        after_commit([lease.action])
        record(entries)
    return True


def _lost_lease(row: tuple[Any, ...]) -> tuple[Lease, Held]:
    """The lease as it was, without the bytes: nobody acts on it any more."""
    timeout = float(row[13] or settings.TIMINGS.effect_timeout)
    lease = Lease(
        action=row[0], type=row[1], type_version=row[2], revision=row[3], digest=bytes(row[4]),
        salt=b"", body=b"", key=f"desk-{row[0]}-{row[3]}", mode=EffectMode(row[6]), fence=row[5],
        worker=row[7] or "", unclear=False, until=row[14], timeout=timeout, reverses=row[8],
    )  # fmt: skip
    chain = Chain(f"action:{row[0]}", row[9], bytes(row[10]), row[11])
    return lease, Held(chain, row[12], stopped=False)


def settle(*, action: UUID, happened: bool, note: str, by: By) -> None:
    """A person says whether an effect in doubt happened, and how they know."""
    with desk_errors(), transaction.atomic():
        case = lock_within(action, by, "settler")
        row = case.action
        if row.state != Status.IN_DOUBT:
            raise WrongState(f"it is {row.state}, not in doubt", state=row.state)
        demand_authority(case, read_revision(row, row.type), by)
        words = worded(row.type, "settle", OTHER, note, required=True)
        to = Status.SUCCEEDED if happened else Status.FAILED
        entry = case.note(
            EventName.ATTEMPT_SETTLED,
            events.AttemptSettled(fence=row.fence, outcome=to.value, key=f"desk-{row.id}-{row.revision}"),
            to=to,
            content={"note": words, "identity": str(by.user)},
        )
        case.move(entry, state=to)
        after_commit([row.id], [row.type.queue_id])
        record(case.entries)
