"""Takes pruned entries out of the bundles that were published before; their hashes and tiles stay.

Whoever reads the folder then finds an empty place, as in the exports. A file beside the tiles says how many prunings
it has followed, so that a new leader knows.
"""

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.db import connection

from audit.tiles import WIDTH, TileWriter, packed, put, tile_path

logger = logging.getLogger(__name__)

MARK = "forgotten"
LOOK_EVERY, AGAIN_AFTER = 30.0, 3600.0  # seconds
TURN = 0.05  # seconds that a round of the sequencer may spend on it
WITH_GAPS = """
    SELECT DISTINCT l.leaf_index / %s FROM audit.leaf l
    WHERE l.leaf_index < (SELECT max(c.below) FROM audit.carried_out c)
      AND NOT EXISTS (SELECT FROM audit.event e WHERE e.n = l.n) ORDER BY 1
"""
BUNDLE = """
    SELECT coalesce(e.leaf, '') FROM audit.leaf l LEFT JOIN audit.event e USING (n)
    WHERE l.leaf_index >= %s AND l.leaf_index < %s ORDER BY l.leaf_index
"""


class Forgetting:
    """A little in each round, so that a long pruning holds up no signature."""

    def __init__(self) -> None:
        self.work: Iterator[None] | None = None
        self.look_at = 0.0

    def turn(self, folder: Path, tiles: TileWriter) -> None:
        """Go on for a moment. A folder that refuses is told of, and tried again later; it holds up nothing."""
        now = time.monotonic()
        if self.work is None:
            if now < self.look_at:
                return
            self.look_at = now + LOOK_EVERY
            self.work = _forget(folder, tiles)
        try:
            for _ in self.work:
                if time.monotonic() > now + TURN:
                    return
        except OSError:
            logger.exception("sequencer: pruned entries still lie in %s", folder)
            self.look_at = now + AGAIN_AFTER
        self.work = None


def _forget(folder: Path, tiles: TileWriter) -> Iterator[None]:
    done = _carried_out()
    if done == _marked(folder):
        return
    tiles.bundle = [packed(leaf) for leaf in _bundle(tiles.full[0])][: len(tiles.bundle)]
    for index in _with_gaps():
        entries = [packed(leaf) for leaf in _bundle(index)]
        for path, width in _files(folder, index):
            put(path, b"".join(entries[:width]))
        yield
    put(folder / MARK, f"{done}\n".encode())


def _files(folder: Path, index: int) -> Iterator[tuple[Path, int]]:
    """The bundle as it was published, whole and in parts."""
    whole = folder / tile_path("entries", index)
    if whole.is_file():
        yield whole, WIDTH
    for part in sorted(whole.with_name(f"{whole.name}.p").glob("[0-9]*")):
        yield part, int(part.name)


def _marked(folder: Path) -> int:
    try:
        return int((folder / MARK).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return 0


def _carried_out() -> int:
    return int(_column("SELECT count(*) FROM audit.carried_out")[0])


def _with_gaps() -> list[int]:
    return [int(index) for index in _column(WITH_GAPS, WIDTH)]


def _bundle(index: int) -> list[bytes]:
    return [bytes(leaf) for leaf in _column(BUNDLE, index * WIDTH, (index + 1) * WIDTH)]


def _column(sql: str, *values: int) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return [row[0] for row in cursor.fetchall()]
