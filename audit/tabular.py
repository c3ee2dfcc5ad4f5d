"""Tables as CSV and JSON Lines: one column, one cell, one line. Pure.

A cell that a spreadsheet would run as a formula is led by an apostrophe (OWASP, "CSV injection").
Times are written in UTC, shares as fractions with four places.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal, NamedTuple

from audit.canonical import stamp

# `bound`: an end of the interval of the share before it; pages show the three as one.
Kind = Literal["text", "int", "share", "bound", "seconds", "time", "day", "code", "case", "event"]
# The first character of a formula, also in its full-width form; a tab or a line break hides one.
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")


@dataclass(frozen=True, slots=True)
class Column:
    """`name` is the field of a JSON line and the heading of a CSV; `meaning` is for people."""

    name: str
    meaning: str = ""
    kind: Kind = "text"

    @property
    def label(self) -> str:
        name = self.name.removesuffix("_seconds") if self.kind == "seconds" else self.name
        return name.replace("_", " ").capitalize()

    @property
    def end(self) -> bool:
        """Whether it is set to the right: numbers."""
        return self.kind in ("int", "share", "seconds")


class Line(NamedTuple):
    """One row, in the order of the columns, and the key that the next page goes on after."""

    key: str
    values: Sequence[Any]


def plain(value: Any) -> Any:
    """A value as JSON knows it: times in UTC, shares rounded, everything unknown as text."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return round(value, 4)
        case datetime():
            return stamp(value)
        case date():
            return value.isoformat()
        case bytes() | memoryview():
            return bytes(value).hex()
        case dict():
            return {str(name): plain(part) for name, part in value.items()}
        case list() | tuple():
            return [plain(part) for part in value]
        case _:
            return str(value)


def cell(value: Any) -> str:
    """A value as one cell of a CSV; text never begins like a formula."""
    found = plain(value)
    if isinstance(found, bool):
        return "true" if found else "false"
    if isinstance(found, int | float):
        return str(found)
    text = "" if found is None else found if isinstance(found, str) else json.dumps(found, ensure_ascii=False)
    return f"'{text}" if text.lstrip(" \u00a0\ufeff").startswith(FORMULA) or text.startswith(FORMULA) else text


def csv_lines(columns: Sequence[Column], lines: Iterable[Line]) -> Iterator[str]:
    """Head and rows (RFC 4180: CRLF, quotes doubled)."""
    yield _csv(column.name for column in columns)
    for line in lines:
        yield _csv(cell(value) for value in line.values)


def _csv(cells: Iterable[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(list(cells))
    return out.getvalue()


def json_lines(columns: Sequence[Column], lines: Iterable[Line]) -> Iterator[str]:
    """One object a line, fields named by the columns."""
    names = [column.name for column in columns]
    for line in lines:
        found = dict(zip(names, map(plain, line.values), strict=True))
        yield json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n"
