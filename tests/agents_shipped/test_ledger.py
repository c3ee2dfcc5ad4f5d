"""The ledger writes down what happened, as often as it happened, and forgets nothing."""

from __future__ import annotations

import hashlib
import sqlite3
from pathlib import Path

import pytest

from agents import ledger


def test_an_effect_that_happens_twice_stands_there_twice(tmp_path: Path) -> None:
    path = tmp_path / "new" / "ledger.sqlite"
    for _ in range(2):
        ledger.append(path, action="a", key="desk-a-1", body=b"{}")
    rows = ledger.rows(path)
    assert [(row.n, row.key, row.sha256) for row in rows] == [
        (n, "desk-a-1", hashlib.sha256(b"{}").hexdigest()) for n in (1, 2)
    ]
    assert rows[0].at < rows[1].at


def test_rows_are_found_by_their_key_and_no_file_is_no_effect(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    assert ledger.rows(path) == []
    ledger.append(path, action="a", key="desk-a-1", body=b"1")
    ledger.append(path, action="b", key="desk-b-1", body=b"2")
    assert [row.action for row in ledger.rows(path, key="desk-b-1")] == ["b"]


@pytest.mark.parametrize("statement", ["DELETE FROM effect", "UPDATE effect SET key = 'x'"])
def test_the_ledger_refuses_to_change_what_it_holds(tmp_path: Path, statement: str) -> None:
    path = tmp_path / "ledger.sqlite"
    ledger.append(path, action="a", key="k", body=b"1")
    with (
        sqlite3.connect(path) as connection,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        connection.execute(statement)
    connection.close()
    assert len(ledger.rows(path)) == 1
