"""What a report is: a question, columns with meanings, and lines in the order of a key. Pure.

Page, CSV, JSON Lines and print all read the same lines. `lines` yields them in order and takes up after
`query.after`; it reads at most `query.chunk` rows at a time, so that neither memory nor a statement grows
with the log.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from audit.tabular import Column, Line

CHUNK = 2_000
MOST = 250_000  # lines of one file; the next file goes on after the last key


@dataclass(frozen=True, slots=True)
class Query:
    """From `since` (included) to `until` (not). `opened`: committed texts may be shown, which is an event."""

    since: datetime
    until: datetime
    case: str = ""
    type: str = ""
    after: str = ""
    chunk: int = CHUNK
    opened: bool = False


Lines = Callable[[Query], Iterator[Line]]


def numbered(query: Query, rows: Iterable[Sequence[Any]]) -> Iterator[Line]:
    """Lines of what has no key of its own, by their number; those up to `query.after` are passed over."""
    shown = int(query.after) if query.after.isdecimal() and len(query.after) < 10 else 0
    for number, values in enumerate(rows, start=1):
        if number > shown:
            yield Line(str(number), values)


Alarms = Callable[[Query], list[str]]


@dataclass(frozen=True, slots=True)
class Report:
    """`asks`: the filters beside time that it understands. `needs_case`: without one it has no lines.

    `texts`: it can show committed texts to whoever may open them. `alarms`: sentences above the table.
    """

    id: str
    title: str
    question: str
    columns: tuple[Column, ...]
    lines: Lines
    note: str = ""
    asks: frozenset[str] = frozenset()
    needs_case: bool = False
    texts: bool = False
    alarms: Alarms | None = None

    @property
    def number(self) -> int:
        return int(self.id[1:])
