"""Tables as files: no cell is a formula, times are UTC, what is unknown stays empty."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta, timezone

import pytest

from audit.tabular import Column, Line, cell, csv_lines, json_lines

EVIL = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", " =1", "\u00a0=1", "\ufeff=1", "＝1", "＠x"]


@pytest.mark.parametrize("text", EVIL)
def test_no_text_begins_like_a_formula(text: str) -> None:
    assert cell(text) == f"'{text}"


def test_numbers_and_harmless_text_stay_as_they_are() -> None:
    assert [cell(value) for value in (-5, 0.25, 1 / 3, None, True, "a=b", "", "1-2")] == [
        "-5", "0.25", "0.3333", "", "true", "a=b", "", "1-2",
    ]  # fmt: skip


def test_times_are_utc_and_every_line_reads_back() -> None:
    at = datetime(2026, 11, 20, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    columns = (Column("at"), Column("text"), Column("digest"), Column("detail"))
    values = (at, 'say "hi",\r\nthen go', b"\x00\xff", {"b": 1, "a": [None]})
    rows = list(csv.reader(io.StringIO("".join(csv_lines(columns, [Line("1", values)])), newline="")))
    assert rows == [
        ["at", "text", "digest", "detail"],
        ["2026-11-19T23:30:00.000000Z", 'say "hi",\r\nthen go', "00ff", '{"b": 1, "a": [null]}'],
    ]
    (line,) = json_lines(columns, [Line("1", values)])
    told = json.loads(line)
    assert told["at"] == "2026-11-19T23:30:00.000000Z"
    assert told["text"] == 'say "hi",\r\nthen go'
    assert (told["digest"], told["detail"]) == ("00ff", {"b": 1, "a": [None]})


def test_a_row_of_the_wrong_length_is_a_mistake_not_a_file() -> None:
    with pytest.raises(ValueError, match="shorter"):
        list(json_lines((Column("a"), Column("b")), [Line("1", ("x",))]))
