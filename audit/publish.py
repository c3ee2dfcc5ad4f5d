"""Anchor A0: a folder with tiles, entry bundles, dated notes and the newest checkpoint, written outside the database.

A restored or shortened database shows against it. The checkpoint is renamed in last.
"""

import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from audit.notes import BadNote, Checkpoint, open_checkpoint
from audit.tiles import WIDTH, TileWriter, put

NOTE_EVERY = 10.0
RENEW_AFTER = 1800.0


def read_anchor(folder: Path, vkeys: list[str]) -> Checkpoint | None:
    """The newest checkpoint published there; None if the folder is new. Raises BadNote if it is not the log's."""
    try:
        text = (folder / "checkpoint").read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise BadNote(f"the anchor in {folder} cannot be read: {error}") from error
    return open_checkpoint(text, vkeys)


class Publication:
    """Keeps the folder in step with the tree."""

    def __init__(self, folder: Path, leaves: Iterable[tuple[bytes, bytes | None]], published: int) -> None:
        """`leaves`: hash, and the leaf itself from the last bundle boundary below `published` on."""
        self.folder = folder
        self.tiles = TileWriter(folder, entries=True)
        self.noted = 0.0
        self.renewed = 0.0
        whole = published // WIDTH * WIDTH
        for index, (leaf_hash, leaf) in enumerate(leaves):
            self.tiles.add(leaf_hash, leaf, write=index >= whole)

    def extend(self, leaves: Iterable[tuple[bytes, bytes]]) -> None:
        for leaf_hash, leaf in leaves:
            self.tiles.add(leaf_hash, leaf)

    def seal(self, checkpoint: str, at: datetime) -> None:
        """Show the tree of this checkpoint."""
        self.tiles.partials()
        if time.monotonic() - self.noted >= NOTE_EVERY:
            name = f"{at:%Y-%m-%d}/{at:%H%M%S.%f}-{self.tiles.size}"
            put(self.folder / "notes" / name, checkpoint.encode())
            self.noted = time.monotonic()
        self._replace(checkpoint)

    def renew(self, checkpoint: str) -> None:
        """An idle log shows every half hour that it is alive."""
        if time.monotonic() - self.renewed >= RENEW_AFTER:
            self._replace(checkpoint)

    def _replace(self, checkpoint: str) -> None:
        put(self.folder / "checkpoint", checkpoint.encode(), lasting=True)
        self.renewed = time.monotonic()
