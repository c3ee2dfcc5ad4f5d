"""Reads of the record: status, health, search, timelines, proofs."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection

from audit.tiles import WIDTH, nodes_from, tile_path
from audit.tree import Node, root_of

MMD = timedelta(seconds=10)

LEAVES = "SELECT l.leaf_index, l.leaf_hash, e.leaf FROM audit.leaf l JOIN audit.event e USING (n) ORDER BY l.leaf_index"
WAITING = "SELECT e.leaf FROM audit.event e WHERE NOT EXISTS (SELECT FROM audit.leaf l WHERE l.n = e.n) ORDER BY e.n"


@dataclass(frozen=True)
class LogStatus:
    """The log at one moment: leaves in the tree, leaves under a signature, and what waits."""

    now: datetime
    size: int
    signed_size: int
    oldest: datetime | None


def log_status() -> LogStatus:
    """One consistent look, for exports."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT clock_timestamp(), (SELECT size FROM audit.head),"
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


def nodes(size: int) -> Node:
    """Subtree roots of the tree of `size` leaves: full upper tiles from the anchor folder, the rest from rows."""
    kept: dict[tuple[int, int, int], list[bytes]] = {}

    def tile(level: int, index: int, width: int) -> list[bytes]:
        key = (level, index, width)
        if key not in kept:
            kept[key] = _published(level, index) if level and width == WIDTH else []
            kept[key] = kept[key] or _computed(level, index, width)
        return kept[key]

    def _computed(level: int, index: int, width: int) -> list[bytes]:
        if level == 0:
            return _leaf_hashes(index * WIDTH, index * WIDTH + width)
        return [root_of(tile(level - 1, index * WIDTH + place, WIDTH)) for place in range(width)]

    return nodes_from(tile, size)


def _published(level: int, index: int) -> list[bytes]:
    try:
        raw = (settings.ANCHOR_DIR / tile_path(level, index)).read_bytes()
    except OSError:
        return []
    return [raw[i : i + 32] for i in range(0, len(raw), 32)]


def _leaf_hashes(start: int, stop: int) -> list[bytes]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT leaf_hash FROM audit.leaf WHERE leaf_index >= %s AND leaf_index < %s ORDER BY leaf_index",
            [start, stop],
        )
        return [bytes(row[0]) for row in cursor.fetchall()]
