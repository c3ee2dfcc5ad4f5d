"""One figure of an insight page: a table, its picture, and what it can and cannot say. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from audit.tabular import Column, Line
from reviews.intervals import Share
from reviews.plots import Plot


@dataclass(frozen=True, slots=True)
class Figure:
    """`key` names it in the URL of its CSV. `missing`: what is not known yet, in words, with real counts."""

    key: str
    title: str
    says: str
    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Any]] = field(default_factory=tuple)
    plot: Plot | None = None
    missing: str = ""
    alarms: tuple[str, ...] = ()
    empty: str = "Nothing in this time."

    @property
    def lines(self) -> Iterator[Line]:
        for number, row in enumerate(self.rows):
            yield Line(str(number), row)


def shares(name: str, meaning: str) -> tuple[Column, Column, Column]:
    """The three columns of a share: itself and its interval."""
    return (
        Column(name, meaning, "share"),
        Column(f"{name}_low", f"lower end of the 95 % interval of {name}", "bound"),
        Column(f"{name}_high", f"upper end of the 95 % interval of {name}", "bound"),
    )


def cells(found: Share) -> tuple[float | None, float | None, float | None]:
    return found.value, found.low, found.high
