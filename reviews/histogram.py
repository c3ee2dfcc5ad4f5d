"""The queue's histogram as coordinates. Pure; the template draws, nothing measures. Pictures of insights: plots.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from reviews.queries.cube import Bar
from reviews.states import Risk

HEIGHT = 64.0
STEP = 10.0
GAP = 1.5


class Segment(NamedTuple):
    risk: str
    y: float
    height: float


class Column(NamedTuple):
    """One bar: where it stands, its parts from the bottom up, and what it means."""

    x: float
    width: float
    segments: tuple[Segment, ...]
    total: int
    low: str
    high: str
    url: str
    chosen: bool


class Chart(NamedTuple):
    columns: tuple[Column, ...]
    lines: tuple[float, ...]  # hand-set thresholds, as x
    width: float
    height: float
    most: int
    unknown: int

    @property
    def outer(self) -> float:
        """The width with room for a handle at either end."""
        return self.width + 10

    @property
    def middle(self) -> float:
        return self.width / 2


def histogram(
    bars: Sequence[Bar], unknown: Bar, *, chosen: Iterable[int], taus: Iterable[float], url: Callable[[str], str]
) -> Chart:
    """Stacked bars of equal width; any bar that holds something is at least visible. `url`: of a range."""
    most = max((bar.total for bar in bars), default=0)
    marked = frozenset(chosen)
    columns = tuple(_column(bar, most, chosen=bar.bucket in marked, url=url) for bar in bars)
    lines = tuple(sorted({round(tau * STEP * len(bars), 2) for tau in taus}))
    return Chart(columns, lines, STEP * len(bars), HEIGHT, most, unknown.total)


def _column(bar: Bar, most: int, *, chosen: bool, url: Callable[[str], str]) -> Column:
    segments, y = [], HEIGHT
    for risk in Risk:
        count = bar.counts[risk.value]
        if count:
            height = max(1.5, count / most * (HEIGHT - 4))
            y -= height
            segments.append(Segment(risk.value, round(y, 2), round(height, 2)))
    low, high = f"{bar.low:.2f}", f"{bar.high:.2f}"
    x = bar.bucket * STEP + GAP / 2
    return Column(x, STEP - GAP, tuple(segments), bar.total, low, high, url(f"{low}..{high}"), chosen)
