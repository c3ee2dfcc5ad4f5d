"""A second system to have effects in: an append-only SQLite file outside the desk's database.

Rows have no unique key, so that an effect which happens twice stands there twice, and what happened can
be compared with what was approved. Columns: action, idempotency key, SHA-256 of the bytes received, time.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

_SCHEMA = """
CREATE TABLE IF NOT EXISTS effect (
    n INTEGER PRIMARY KEY,
    action TEXT NOT NULL,
    key TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;
CREATE TRIGGER IF NOT EXISTS effect_not_changed BEFORE UPDATE ON effect
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER IF NOT EXISTS effect_not_removed BEFORE DELETE ON effect
BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
"""


class Row(NamedTuple):
    """One effect that happened. `sha256` in hex, `at` in UTC as ISO 8601."""

    n: int
    action: str
    key: str
    sha256: str
    at: str


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'effect_not_removed'").fetchone():
            connection.executescript(_SCHEMA)
        yield connection


def append(path: Path, *, action: str, key: str, body: bytes) -> Row:
    """Writes one effect down, on disk when it returns. It never looks whether the key is there already."""
    digest, at = (
        hashlib.sha256(body).hexdigest(),
        datetime.now(UTC).isoformat(timespec="microseconds"),
    )
    with _open(path) as connection:
        connection.execute("PRAGMA synchronous = FULL")
        done = connection.execute(
            "INSERT INTO effect (action, key, sha256, at) VALUES (?, ?, ?, ?)",
            (action, key, digest, at),
        )
        return Row(int(done.lastrowid or 0), action, key, digest, at)


def rows(path: Path, *, key: str | None = None) -> list[Row]:
    """What happened, in order; with `key` only what happened under that key. No file is no effects."""
    if not path.exists():
        return []
    chosen = "SELECT n, action, key, sha256, at FROM effect WHERE ? IS NULL OR key = ? ORDER BY n"
    with _open(path) as connection:
        return [Row(*row) for row in connection.execute(chosen, (key, key))]
