"""Tiles (C2SP tlog-tiles): 256 hashes a file, as folders to publish and as a source of proofs."""

import os
import re
from collections.abc import Callable
from pathlib import Path

from audit.tree import Node, node_hash, root_of

WIDTH = 256


def tile_path(level: int | str, index: int, width: int = WIDTH) -> str:
    """`tile/0/x001/234`, with `.p/W` where fewer than 256 hashes are there yet."""
    digits = f"{index:03d}"
    while len(digits) % 3:
        digits = "0" + digits
    parts = re.findall("...", digits)
    name = "/".join(["x" + part for part in parts[:-1]] + parts[-1:])
    return f"tile/{level}/{name}" + ("" if width == WIDTH else f".p/{width}")


def put(path: Path, body: bytes, *, lasting: bool = False) -> None:
    """Write a file so that readers see the old bytes or the new ones. `lasting` waits for the disk."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with draft.open("wb") as file:
        file.write(body)
        if lasting:
            file.flush()
            os.fsync(file.fileno())
    draft.replace(path)


def packed(leaf: bytes) -> bytes:
    """An entry as bundles hold it; a pruned one is an empty place."""
    return len(leaf).to_bytes(2) + leaf


class TileWriter:
    """Turns leaves into tile files, keeping at most 255 hashes of each level in memory."""

    def __init__(self, folder: Path, *, entries: bool) -> None:
        self.folder = folder
        self.entries = entries
        self.rows: list[list[bytes]] = [[]]
        self.full: list[int] = [0]
        self.bundle: list[bytes] = []
        self.shown: dict[Path, Path] = {}
        self.stale: list[Path] = []

    @property
    def size(self) -> int:
        return self.full[0] * WIDTH + len(self.rows[0])

    def add(self, leaf_hash: bytes, leaf: bytes | None = None, *, write: bool = True) -> None:
        """The next leaf. With `write` off the files are there already, and only the state is rebuilt."""
        if self.entries:
            self.bundle.append(b"" if leaf is None else packed(leaf))
        self._push(0, leaf_hash, write=write)

    def _push(self, level: int, item: bytes, *, write: bool) -> None:
        if level == len(self.rows):
            self.rows.append([])
            self.full.append(0)
        row = self.rows[level]
        row.append(item)
        if len(row) < WIDTH:
            return
        if write:
            self._finish(level, row)
        if level == 0:
            self.bundle = []
        self.rows[level] = []
        self.full[level] += 1
        self._push(level + 1, root_of(row), write=write)

    def _finish(self, level: int, row: list[bytes]) -> None:
        self._write(level, self.full[level], row)
        if level == 0 and self.entries:
            self._write("entries", self.full[0], self.bundle)

    def partials(self) -> None:
        """Write the tiles that are not full yet, and drop narrower ones of the time before last.

        Whoever holds the checkpoint before this one still finds its tiles.
        """
        for path in self.stale:
            path.unlink(missing_ok=True)
        self.stale = []
        for level, row in enumerate(self.rows):
            if row:
                self._write(level, self.full[level], row)
        if self.entries and self.bundle:
            self._write("entries", self.full[0], self.bundle)

    def _write(self, level: int | str, index: int, parts: list[bytes]) -> None:
        path = self.folder / tile_path(level, index, len(parts))
        put(path, b"".join(parts))
        home = self.folder / tile_path(level, index)
        older = self.shown.pop(home, None)
        if older is not None and older != path:
            self.stale.append(older)
        if path != home:
            self.shown[home] = path


def nodes_from(tile: Callable[[int, int, int], list[bytes]], size: int) -> Node:
    """Subtree roots read from tiles of a tree of `size` leaves; `tile(level, index, width)` gives the hashes.

    A tile that was needed once is kept with the seven levels above its hashes: the next proof only looks up.
    """
    kept: dict[tuple[int, int], list[list[bytes]]] = {}

    def rows(tile_level: int, home: int) -> list[list[bytes]]:
        if (tile_level, home) not in kept:
            width = min(WIDTH, (size >> 8 * tile_level) - home * WIDTH)
            kept[tile_level, home] = _levels(tile(tile_level, home, width))
        return kept[tile_level, home]

    def node(level: int, index: int) -> bytes:
        tile_level, within = divmod(level, 8)
        home, start = divmod(index << within, WIDTH)
        return rows(tile_level, home)[within][start >> within]

    return node


def _levels(row: list[bytes]) -> list[list[bytes]]:
    """The tile's hashes, and the roots of the perfect subtrees above them, level by level."""
    found = [row]
    while len(row) > 1:
        row = [node_hash(row[i], row[i + 1]) for i in range(0, len(row) - 1, 2)]
        found.append(row)
    return found
