"""Receipts: after a commit, `web` or `router` promises with a key of its own that an event will be in the log.

Whoever keeps a receipt can show later that the event was there, even if it was dropped before it got its place as
the last of its case, which leaves no other trace. The log's own key plays no part.
"""

from __future__ import annotations

import base64
import functools
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from audit.canonical import stamp
from audit.entries import Entry
from audit.events.names import RECEIPTED
from audit.notes import BadNote, Signer, note

log = logging.getLogger(__name__)

HEADER = "assentry-receipt/v1"
MMD_SECONDS = 10
SIGNING = ("web", "router", "one")
UNPROMISED = """
    SELECT e.id, e.leaf_hash FROM audit.event e
    WHERE e.case_id = ANY (%s) AND e.name = ANY (%s)
      AND NOT EXISTS (SELECT FROM audit.receipt r WHERE r.event_id = e.id)
    ORDER BY e.n
"""
KEEP = """
    INSERT INTO audit.receipt (event_id, note) SELECT i, t FROM unnest(%s::uuid[], %s::text[]) AS given (i, t)
    ON CONFLICT (event_id) DO NOTHING
"""
_waiting: set[str] = set()


def promise(entries: Iterable[Entry]) -> None:
    """After this transaction's commit, sign for these events. A failure is logged and undoes nothing.

    `web` signs at once, for the answer to who decided; `router` when `give_waiting` is called, for all
    events of the cases it moved, those that agents proposed among them.
    """
    if role() == "router":
        cases = {entry.case for entry in entries}
        transaction.on_commit(lambda: _waiting.update(cases), robust=True)
    elif role() in SIGNING and (made := [(e.id, e.hash) for e in entries if e.name in RECEIPTED]):
        transaction.on_commit(lambda: give(made), robust=True)


def give_waiting() -> int:
    """Receipts for what this process has routed since the last call; how many were made."""
    cases = sorted(_waiting)
    if not cases:
        return 0
    _waiting.difference_update(cases)
    with connection.cursor() as cursor:
        cursor.execute(UNPROMISED, [cases, [str(name) for name in RECEIPTED]])
        made = [(event, bytes(leaf_hash)) for event, leaf_hash in cursor.fetchall()]
    give(made)
    return len(made)


def kept(events: Sequence[UUID]) -> list[str]:
    """The receipts of these events, in the order of the log; one that is not there yet is made. Login: web."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.id, e.leaf_hash, r.note FROM audit.event_web e LEFT JOIN audit.receipt r ON r.event_id = e.id"
            " WHERE e.id = ANY (%s) AND e.name = ANY (%s) ORDER BY e.n",
            [list(events), [str(name) for name in RECEIPTED]],
        )
        rows = cursor.fetchall()
    made = iter(give([(event, bytes(leaf_hash)) for event, leaf_hash, text in rows if text is None]))
    return [next(made) if text is None else text for _, _, text in rows]


def give(events: Sequence[tuple[UUID, bytes]]) -> list[str]:
    """Sign a receipt for each committed event (id, leaf hash) and keep it. Not inside the event's transaction."""
    if not events:
        return []
    with transaction.atomic(), connection.cursor() as cursor:
        # A receipt lost in a crash is made again when somebody asks for it; nobody waits for the disk.
        cursor.execute("SELECT set_config('synchronous_commit', 'off', true), clock_timestamp()")
        at = stamp(cursor.fetchone()[1])
        signer = _signer(role(), settings.SECRETS_DIR, settings.LOG_ORIGIN)
        made = [_receipt(signer, event, leaf_hash, at) for event, leaf_hash in events]
        cursor.execute(
            "INSERT INTO audit.receipt_key (vkey, role) VALUES (%s, %s) ON CONFLICT (vkey) DO NOTHING",
            [signer.vkey, role()],
        )
        cursor.execute(KEEP, [[event for event, _ in events], made])
    return made


def _receipt(signer: Signer, event: UUID, leaf_hash: bytes, at: str) -> str:
    lines = (HEADER, settings.LOG_ORIGIN, str(event), base64.b64encode(leaf_hash).decode(), at, str(MMD_SECONDS))
    body = "\n".join(lines) + "\n"
    return note(body, signer.sign(body))


def role() -> str:
    return "one" if getattr(settings, "ONE_ROLE", False) else str(settings.DATABASE_ROLE)


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
