"""Receipts: after a commit, `web` or `router` promises with a key of its own that an event will be in the log.

Whoever keeps a receipt can show later that the event was there, even if it was dropped before it got its place as
the last of its case, which leaves no other trace. The log's own key plays no part.
"""

from __future__ import annotations

import base64
import functools
import logging
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from audit.canonical import stamp
from audit.entries import Entry, writer
from audit.events.names import RECEIPTED
from audit.notes import BadNote, Signer, note

log = logging.getLogger(__name__)

HEADER = "assentry-receipt/v1"
MMD_SECONDS = 10
SIGNING = ("web", "router", "one")
UNPROMISED = """
    SELECT e.id, e.leaf_hash, clock_timestamp() FROM audit.event e
    WHERE e.case_id = ANY (%s) AND e.name = ANY (%s)
      AND NOT EXISTS (SELECT FROM audit.receipt r WHERE r.event_id = e.id)
    ORDER BY e.n
"""
KEPT = """
    SELECT e.id, e.leaf_hash, clock_timestamp(), r.note
    FROM {table} e LEFT JOIN audit.receipt r ON r.event_id = e.id
    WHERE e.id = ANY (%s) AND e.name = ANY (%s) ORDER BY e.n
"""
KEEP = """
    SELECT set_config('synchronous_commit', 'off', true);
    INSERT INTO audit.receipt_key (vkey, role) VALUES (%s, %s) ON CONFLICT (vkey) DO NOTHING;
    INSERT INTO audit.receipt (event_id, note) SELECT i, t FROM unnest(%s::uuid[], %s::text[]) AS given (i, t)
    ON CONFLICT (event_id) DO NOTHING
"""
_waiting: set[str] = set()


class Promise(NamedTuple):
    """A committed event, its leaf hash, and when it is promised, by the database's clock."""

    event: UUID
    leaf_hash: bytes
    at: datetime


def promise(entries: Iterable[Entry]) -> None:
    """After this transaction's commit, sign for these events. A failure is logged and undoes nothing.

    `web` signs at once, for the answer to who decided; `router` when `give_waiting` is called, for all
    events of the cases it moved, those that agents proposed among them.
    """
    if writer() == "router":
        cases = {entry.case for entry in entries}
        transaction.on_commit(lambda: _waiting.update(cases), robust=True)
    elif writer() in SIGNING and (made := [Promise(e.id, e.hash, e.at) for e in entries if e.name in RECEIPTED]):
        transaction.on_commit(lambda: give(made), robust=True)


def give_waiting() -> int:
    """Receipts for what this process has routed since the last call; how many were made."""
    cases = sorted(_waiting)
    if not cases:
        return 0
    _waiting.difference_update(cases)
    with connection.cursor() as cursor:
        cursor.execute(UNPROMISED, [cases, [str(name) for name in RECEIPTED]])
        made = [Promise(event, bytes(leaf_hash), at) for event, leaf_hash, at in cursor.fetchall()]
    give(made)
    return len(made)


def kept(events: Sequence[UUID]) -> list[str]:
    """The receipts of these events, in the order of the log; one that is not there yet is made. Login: web, router."""
    with connection.cursor() as cursor:
        table = "audit.event" if writer() == "router" else "audit.event_web"
        cursor.execute(KEPT.format(table=table), [list(events), [str(name) for name in RECEIPTED]])
        rows = cursor.fetchall()
    made = iter(give([Promise(event, bytes(leaf_hash), at) for event, leaf_hash, at, text in rows if text is None]))
    return [next(made) if text is None else text for *_, text in rows]


def give(promises: Sequence[Promise]) -> list[str]:
    """Sign a receipt for each committed event and keep it. Not inside the event's transaction."""
    if not promises:
        return []
    signer = _signer(writer(), settings.SECRETS_DIR, settings.LOG_ORIGIN)
    made = [_receipt(signer, one) for one in promises]
    with transaction.atomic(), connection.cursor() as cursor:
        # A receipt lost in a crash is made again when somebody asks for it; nobody waits for the disk. The
        # public half goes along each time: the key may be older than the database that it signs for.
        cursor.execute(KEEP, [signer.vkey, writer(), [one.event for one in promises], made])
    return made


def _receipt(signer: Signer, one: Promise) -> str:
    leaf_hash = base64.b64encode(one.leaf_hash).decode()
    lines = (HEADER, settings.LOG_ORIGIN, str(one.event), leaf_hash, stamp(one.at), str(MMD_SECONDS))
    body = "\n".join(lines) + "\n"
    return note(body, signer.sign(body))


@functools.lru_cache(maxsize=8)
def _signer(who: str, folder: Path, origin: str) -> Signer:
    """This role's key, from its secrets folder; made at the first need."""
    path = folder / f"receipt-{who}.key"
    signer = Signer.generate(f"{origin}/receipts/{who}")
    try:
        signer.write(path)
    except FileExistsError:
        signer = Signer.read(path)
    if signer.name != f"{origin}/receipts/{who}":
        raise BadNote(f"{path} signs for {signer.name}; move it away, and a new key is made")
    return signer
