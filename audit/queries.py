"""Reads of the record: status, proofs, receipts, jobs; health, search and timelines have modules of their own."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import connection

from audit.events.names import RECEIPTED
from audit.health import MMD, Alarm, AnchorState, Health, alarms, anchors, health
from audit.models import Checkpoint, Job
from audit.notes import note, proof_text
from audit.searching import Filters, matching_cases, search, unveiled
from audit.tiles import WIDTH, nodes_from, tile_path
from audit.timeline import CommittedText, TimelineRow, timeline
from audit.tree import Node, inclusion, root_of

__all__ = [
    "MMD",
    "Alarm",
    "AnchorState",
    "CommittedText",
    "Filters",
    "Health",
    "TimelineRow",
    "alarms",
    "anchors",
    "health",
    "matching_cases",
    "search",
    "timeline",
    "unveiled",
]
EVERY_EVENT, FOR_PEOPLE = "audit.event", "audit.event_web"

HASHES = "SELECT leaf_hash FROM audit.leaf WHERE leaf_index < %s ORDER BY leaf_index"
LEAVES = """
    SELECT e.leaf, l.leaf_hash FROM audit.leaf l LEFT JOIN audit.event e USING (n)
    WHERE e.n IS NOT NULL OR l.leaf_index < (SELECT min_index FROM audit.head) ORDER BY l.leaf_index
"""
WAITING = """
    SELECT e.leaf, e.leaf_hash FROM audit.event e
    WHERE NOT EXISTS (SELECT FROM audit.leaf l WHERE l.n = e.n) ORDER BY e.n
"""


@dataclass(frozen=True)
class LogStatus:
    """The log at one moment: leaves in the tree, leaves under a signature, what was pruned and what waits."""

    now: datetime
    size: int
    min_index: int
    signed_size: int
    oldest: datetime | None


def log_status() -> LogStatus:
    """One consistent look, for exports."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT clock_timestamp(), (SELECT size FROM audit.head),"
            " (SELECT min_index FROM audit.head),"
            " coalesce((SELECT max(size) FROM audit.checkpoint WHERE signature IS NOT NULL), 0),"
            " (SELECT e.at FROM audit.pending p JOIN audit.event e USING (n) ORDER BY p.n LIMIT 1)"
        )
        return LogStatus(*cursor.fetchone())


def case_leaves(cases: Sequence[str], size: int) -> Iterator[tuple[int, bytes]]:
    """Index and bytes of the sequenced events of these cases, in tree order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT l.leaf_index, e.leaf FROM audit.event e JOIN audit.leaf l USING (n)"
            " WHERE e.case_id = ANY (%s) AND l.leaf_index < %s ORDER BY l.leaf_index",
            [list(cases), size],
        )
        for index, leaf in cursor.fetchall():
            yield index, bytes(leaf)


def index_of(leaf_hash: bytes) -> int | None:
    """Where this hash stands in the tree. Reads the whole of it: hashes have no index."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT leaf_index FROM audit.leaf WHERE leaf_hash = %s LIMIT 1", [leaf_hash])
        row = cursor.fetchone()
    return None if row is None else int(row[0])


def pruned_ends(cases: Sequence[str]) -> list[tuple[str, int, bytes]]:
    """Of these cases: number and hash of the newest event that was pruned."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT case_id, case_seq, leaf_hash FROM audit.pruned_case WHERE case_id = ANY (%s) ORDER BY case_id",
            [list(cases)],
        )
        return [(case, seq, bytes(leaf_hash)) for case, seq, leaf_hash in cursor.fetchall()]


def nodes(size: int, *, published: bool = True) -> Node:
    """Subtree roots of the tree of `size` leaves: full upper tiles from the anchor folder, the rest from rows.

    Without `published` all of it from rows, for who wants to know what the rows say.
    """
    kept: dict[tuple[int, int, int], list[bytes]] = {}

    def tile(level: int, index: int, width: int) -> list[bytes]:
        key = (level, index, width)
        if key not in kept:
            kept[key] = _published(level, index) if published and level and width == WIDTH else []
            kept[key] = kept[key] or _computed(level, index, width)
        return kept[key]

    def _computed(level: int, index: int, width: int) -> list[bytes]:
        if level == 0:
            return leaf_hashes(index * WIDTH, index * WIDTH + width)
        return [root_of(tile(level - 1, index * WIDTH + place, WIDTH)) for place in range(width)]

    return nodes_from(tile, size)


def _published(level: int, index: int) -> list[bytes]:
    try:
        raw = (settings.ANCHOR_DIR / tile_path(level, index)).read_bytes()
    except OSError:
        return []
    return [raw[i : i + 32] for i in range(0, len(raw), 32)]


def leaf_hashes(start: int, stop: int) -> list[bytes]:
    """The tree's leaves [start, stop)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT leaf_hash FROM audit.leaf WHERE leaf_index >= %s AND leaf_index < %s ORDER BY leaf_index",
            [start, stop],
        )
        return [bytes(row[0]) for row in cursor.fetchall()]


def cosignatures(size: int) -> dict[int, list[str]]:
    """Witnesses' lines under the checkpoint of this size, or with 0 of all; of each its first and its newest."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT s.size, s.line FROM (SELECT x.*,"
            " row_number() OVER (PARTITION BY x.size, x.signer ORDER BY x.at) AS first,"
            " row_number() OVER (PARTITION BY x.size, x.signer ORDER BY x.at DESC) AS newest"
            " FROM audit.signature x WHERE x.size = %s OR %s = 0) s"
            " WHERE s.first = 1 OR s.newest = 1 ORDER BY s.size, s.signer, s.at",
            [size, size],
        )
        found: dict[int, list[str]] = {}
        for at, line in cursor.fetchall():
            found.setdefault(at, []).append(line)
    return found


@dataclass(frozen=True)
class Cosigned:
    """The largest checkpoint that a witness signed: its size, by how many, and when the last of them was here."""

    size: int
    witnesses: int
    at: datetime


def cosigned() -> Cosigned | None:
    """How far witnesses have seen the log; None where none ever signed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT size, count(DISTINCT signer), max(at) FROM audit.signature"
            " WHERE size = (SELECT max(size) FROM audit.signature) GROUP BY size"
        )
        row = cursor.fetchone()
    return None if row is None else Cosigned(*row)


def merge_delay() -> tuple[float, float] | None:
    """Median and 99th percentile, in seconds, from event to checkpoint over the newest 500 leaves."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT percentile_cont(ARRAY[0.5, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM c.at - e.at))"
            " FROM (SELECT n, leaf_index FROM audit.leaf ORDER BY leaf_index DESC LIMIT 500) l"
            " JOIN audit.event_web e USING (n), LATERAL (SELECT at FROM audit.checkpoint"
            " WHERE size > l.leaf_index ORDER BY size LIMIT 1) c"
        )
        found = cursor.fetchone()[0]
    return (float(found[0]), float(found[1])) if found else None


def newest_checkpoint() -> Checkpoint | None:
    return Checkpoint.objects.filter(signature__isnull=False).order_by("-size").first()


def proof(event: UUID) -> str | None:
    """The event's inclusion under the newest signed checkpoint, as a .tlog-proof; None while it waits."""
    checkpoint = newest_checkpoint()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT l.leaf_index FROM audit.event_web e JOIN audit.leaf l USING (n) WHERE e.id = %s", [event]
        )
        row = cursor.fetchone()
    if row is None or checkpoint is None or row[0] >= checkpoint.size:
        return None
    path = inclusion(nodes(checkpoint.size), row[0], checkpoint.size)
    return proof_text(row[0], path, note(checkpoint.body, checkpoint.signature or ""))


@dataclass(frozen=True)
class Receipted:
    """An event that somebody wants a receipt of; `note` is empty where none was made yet."""

    actor_ref: str
    leaf_hash: bytes
    note: str


def receipted(event: UUID) -> Receipted | None:
    """The event as far as a receipt needs it, by whoever may read events through the web view."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT e.actor_ref, e.leaf_hash, coalesce(r.note, '') FROM audit.event_web e"
            " LEFT JOIN audit.receipt r ON r.event_id = e.id WHERE e.id = %s AND e.name = ANY (%s)",
            [event, [str(name) for name in RECEIPTED]],
        )
        row = cursor.fetchone()
    return None if row is None else Receipted(row[0], bytes(row[1]), row[2])


def vkeys(table: str = FOR_PEOPLE) -> list[str]:
    """The log's keys, as its own events name them, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT convert_from(leaf, 'UTF8')::jsonb #>> '{{data,vkey}}' FROM {table}"  # noqa: S608  one of two names
            " WHERE name = 'log.key_added' ORDER BY n"
        )
        return [row[0] for row in cursor.fetchall()]


def job_waiting() -> bool:
    """Cheap enough for every tick of the keeper."""
    return Job.objects.filter(state="waiting").exists()


def job(job_id: UUID) -> Job | None:
    return Job.objects.filter(id=job_id).first()


def newest_job(kind: str) -> Job | None:
    """The last finished job of this kind."""
    return Job.objects.filter(kind=kind, state__in=("done", "failed")).order_by("-created").first()


def newest_comparison() -> Job | None:
    """The last job that compared the record with the desk's rows."""
    return Job.objects.filter(state="done", result__has_key="reconciled").order_by("-finished").first()


def jobs(limit: int = 10) -> list[Job]:
    return list(Job.objects.order_by("-created")[:limit])
