"""A worker's claim on an approved action: lease, begin, renew. Raw SQL; each commits by itself.

The lease raises the fence; begin writes the intent before the effect. What
a worker may still do is the database's to say: every step names the fence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import starmap
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from audit import seal
from audit.events import AttemptBegun, AttemptLeased, EventName
from audit.services import Actor, Chain, Entry, prepare, record, recording
from reviews.errors import LostLease, Stopped, desk_errors
from reviews.ids import new_id
from reviews.services.sql import Statement, together
from reviews.states import EffectMode, Status

LONGEST_LEASE = 15 * 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """One approved action in a worker's hands until `until`, by the database's clock."""

    action: UUID
    type: str
    type_version: int
    revision: int
    digest: bytes
    salt: bytes
    body: bytes
    key: str
    mode: EffectMode
    fence: int
    worker: str
    unclear: bool  # an earlier effect began and nobody knows how it ended: ask before beginning
    until: datetime
    timeout: float  # seconds the effect may take
    proposer: UUID | None = None
    reverses: UUID | None = None
    reversed_result: bytes | None = None  # what the original returned


_NEXT = """
SELECT a.id, a.type_id, a.type_version, a.revision, a.digest, a.fence, a.effect_mode, a.proposer_id,
       a.reverses_id, a.case_seq, a.case_head, t.effect_timeout, reviews_unclear(a.id),
       clock_timestamp(), EXISTS (SELECT FROM reviews_circuit c
                                  WHERE c.action_type_id = a.type_id AND c.probe_at IS NOT NULL)
FROM reviews_action a JOIN reviews_actiontype t ON t.name = a.type_id
WHERE a.state = 'approved' AND a.effect_queue = %s AND a.release_at <= statement_timestamp()
  AND (a.type_id, a.type_version) IN (SELECT * FROM unnest(%s::text[], %s::int[]))
  AND NOT EXISTS (SELECT FROM reviews_circuit c
                  WHERE c.action_type_id = a.type_id AND c.probe_at > statement_timestamp())
  AND reviews_leasable(a.id)
ORDER BY a.effect_queue, a.release_at, a.id
LIMIT 1 FOR NO KEY UPDATE OF a SKIP LOCKED
"""


@dataclass(frozen=True, slots=True)
class _Found:
    """The row that the lease's query found and locked."""

    action: UUID
    type: str
    type_version: int
    revision: int
    digest: bytes
    fence: int
    mode: str
    proposer: UUID | None
    reverses: UUID | None
    case_seq: int
    case_head: bytes
    effect_timeout: int | None
    unclear: bool
    at: datetime
    circuit: bool

    @property
    def chain(self) -> Chain:
        return Chain(f"action:{self.action}", self.case_seq, bytes(self.case_head), self.at)

    @property
    def key(self) -> str:
        return f"desk-{self.action}-{self.revision}"


def lease(*, queue: str, types: Mapping[str, int], worker: str) -> Lease | None:
    """The oldest released action of this effect queue that the worker knows, or None.

    `types`: name -> version of the types that the worker has loaded. No two
    workers get the same; a stop, a lapsed approval or an open circuit lets
    none have it.
    """
    if not types:
        return None
    with desk_errors(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_NEXT, [queue, list(types), list(types.values())])
        row = cursor.fetchone()
        if row is None:
            return None
        found = _Found(*row)
        if found.circuit and not _probing(cursor, found.type):
            return None
        taken, entry = _take(cursor, found, worker)
        record([entry])
    return taken


def _probing(cursor: Any, kind: str) -> bool:
    """One lease a minute while a type's circuit is open: this one, if nobody was quicker."""
    cursor.execute(
        "UPDATE reviews_circuit SET probe_at = clock_timestamp() + %s"
        " WHERE action_type_id = %s AND probe_at <= clock_timestamp()",
        [timedelta(seconds=probe_every()), kind],
    )
    return bool(cursor.rowcount)


def probe_every() -> float:
    """A minute, or less where the profile's own delays are shorter."""
    return min(60.0, settings.TIMINGS.retry_delays[2])


def _take(cursor: Any, found: _Found, worker: str) -> tuple[Lease, Entry]:
    timeout = float(found.effect_timeout or settings.TIMINGS.effect_timeout)
    until = found.at + timedelta(seconds=lease_seconds(timeout))
    fence = found.fence + 1
    entry = prepare(
        name=EventName.ATTEMPT_LEASED,
        data=AttemptLeased(
            fence=fence,
            worker=worker,
            revision=found.revision,
            digest=bytes(found.digest),
            key=found.key,
            expires=until,
            probe=found.unclear,
        ),
        chain=found.chain,
        actor=Actor("system", worker),
        change=(Status.APPROVED.value, Status.EXECUTING.value),
    )
    salt, body = _write_lease(cursor, found, fence, until, worker, entry)
    taken = Lease(
        action=found.action, type=found.type, type_version=found.type_version,
        revision=found.revision, digest=bytes(found.digest), salt=salt, body=body, key=found.key,
        mode=EffectMode(found.mode), fence=fence, worker=worker, unclear=found.unclear,
        until=until, timeout=timeout, proposer=found.proposer, reverses=found.reverses,
        reversed_result=_result_of(cursor, found.reverses),
    )  # fmt: skip
    return taken, entry


def lease_seconds(timeout: float) -> float:
    """Long enough for the effect to end inside, never above what the gate allows."""
    return min(max(settings.TIMINGS.lease, 2 * timeout), LONGEST_LEASE)


def _write_lease(
    cursor: Any, found: _Found, fence: int, until: datetime, worker: str, entry: Entry
) -> tuple[bytes, bytes]:
    """Take the action and open the attempt; salt and bytes of what was approved."""
    done = together(
        cursor,
        Statement(
            "UPDATE reviews_action SET state = 'executing', fence = %s, lease_until = %s, worker = %s,"
            " case_seq = %s, case_head = %s WHERE id = %s AND state = 'approved' AND fence = %s",
            [fence, until, worker, entry.seq, entry.hash, found.action, found.fence],
        ),
        Statement(
            "INSERT INTO reviews_attempt (id, action_id, fence, worker, revision, digest, key, leased_at, event_id)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                new_id(), found.action, fence, worker, found.revision, found.digest, found.key, found.at, entry.id,
            ],
        ),
        holding(fence),
        Statement("SELECT salt, scheme, body FROM reviews_leased_text(%s)", [found.action]),
    )  # fmt: skip
    bytes_ = done[-1].one
    if done[0].touched != 1 or bytes_ is None or bytes_[1] is None:
        raise LostLease("somebody else has it, or its bytes are not there")
    try:
        return seal.opened(seal.Lying(bytes(bytes_[0]), bytes_[1], bytes(bytes_[2])), bytes(found.digest))
    except seal.CannotOpen as exc:
        raise LostLease(f"its bytes cannot be opened: {exc}") from exc


def _result_of(cursor: Any, original: UUID | None) -> bytes | None:
    if original is None:
        return None
    cursor.execute(
        "SELECT result FROM reviews_attempt WHERE action_id = %s AND \"end\" = 'succeeded'",
        [original],
    )
    row = cursor.fetchone()
    try:
        return seal.unsealed(bytes(row[0])) if row and row[0] is not None else None
    except seal.CannotOpen as exc:
        raise LostLease(f"what the original returned cannot be opened: {exc}") from exc


def holding(fence: int) -> Statement:
    """Tells the gate which lease this transaction acts under."""
    return Statement("SELECT set_config('assentry.fence', %s, true)", [str(fence)])


@dataclass(frozen=True, slots=True)
class Held:
    """A leased action under its row lock, as its holder finds it."""

    chain: Chain
    failures: int
    stopped: bool

    @property
    def at(self) -> datetime:
        return self.chain.at


def hold(cursor: Any, held: Lease) -> Held:
    """Lock the action as the holder of this lease. Raises LostLease where it is another's by now."""
    found = together(
        cursor,
        holding(held.fence),
        Statement(
            "SELECT case_seq, case_head, failures, state, fence FROM reviews_action WHERE id = %s FOR NO KEY UPDATE",
            [held.action],
        ),
        Statement("SELECT clock_timestamp(), reviews_stopped(%s, %s)", [held.type, held.proposer]),
    )
    row, now = found[1].one, found[2].one
    if row is None or now is None or row[3] != Status.EXECUTING or row[4] != held.fence:
        raise LostLease("the lease is over; somebody else has it, or it was taken back")
    return Held(Chain(f"action:{held.action}", row[0], bytes(row[1]), now[0]), row[2], now[1])


def begin(*, lease: Lease) -> None:
    """Write the intent, durably, before the effect. Stopped or LostLease: then do nothing."""
    with desk_errors(), transaction.atomic(), connection.cursor() as cursor:
        now = hold(cursor, lease)
        if now.stopped:
            raise Stopped("a stop stands; nothing begins")
        entry = prepare(
            name=EventName.ATTEMPT_BEGUN,
            data=AttemptBegun(fence=lease.fence, worker=lease.worker, digest=lease.digest, key=lease.key),
            chain=now.chain,
            actor=Actor("system", lease.worker),
        )
        said = starmap(Statement, recording([entry]))
        begun, *_ = together(cursor, _intent(lease), touching(lease.action, entry), *said)
        if begun.touched != 1:
            raise LostLease("this attempt has begun before, or has ended")


def _intent(lease: Lease) -> Statement:
    return Statement(
        "UPDATE reviews_attempt SET effect_at = clock_timestamp()"
        " WHERE action_id = %s AND fence = %s AND effect_at IS NULL AND ended_at IS NULL",
        [lease.action, lease.fence],
    )


def touching(action: UUID, entry: Entry) -> Statement:
    """Takes the case one event further; nothing else about the action changes."""
    return Statement(
        "UPDATE reviews_action SET case_seq = %s, case_head = %s WHERE id = %s AND case_seq = %s",
        [entry.seq, entry.hash, action, entry.seq - 1],
    )


def renew(*, lease: Lease) -> Lease:
    """Hold on for another full lease. Raises LostLease; a stop does not end what has begun."""
    with desk_errors(), transaction.atomic(), connection.cursor() as cursor:
        now = hold(cursor, lease)
        until = now.at + timedelta(seconds=lease_seconds(lease.timeout))
        cursor.execute(
            "UPDATE reviews_action SET lease_until = %s WHERE id = %s AND fence = %s",
            [until, lease.action, lease.fence],
        )
    return replace(lease, until=until)
