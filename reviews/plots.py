"""Numbers into the coordinates of server-rendered pictures. Pure: templates draw, nothing measures.

Widths and heights are user units of the picture's viewBox. Colours are class names (`mark-good`),
so that a picture follows the theme and needs no style attribute.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reviews.intervals import Control, Share

WIDTH, HEIGHT = 360.0, 120.0
LEFT = 110.0  # where the scale of whiskers begins; labels stand before it
STEP = 18.0


class Part(NamedTuple):
    tone: str
    y: float
    height: float


class Stack(NamedTuple):
    """One bar: where it stands and its parts, from the bottom up."""

    x: float
    width: float
    label: str
    total: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Bars:
    stacks: tuple[Stack, ...]
    legend: tuple[tuple[str, str], ...]  # tone, words
    most: int
    kind: str = "bars"
    width: float = WIDTH
    height: float = HEIGHT

    @property
    def first(self) -> str:
        return self.stacks[0].label if self.stacks else ""

    @property
    def last(self) -> str:
        return self.stacks[-1].label if self.stacks else ""


def bars(labels: Sequence[str], series: Mapping[str, tuple[str, Sequence[int]]]) -> Bars | None:
    """Stacked bars. `series`: tone -> (words, one count for each label). None when there is nothing to draw."""
    totals = [sum(counts[i] for _, counts in series.values()) for i in range(len(labels))]
    most = max(totals, default=0)
    if not most:
        return None
    step = WIDTH / len(labels)
    stacks = tuple(
        _stack(i, step, label, totals[i], {tone: counts[i] for tone, (_, counts) in series.items()}, most)
        for i, label in enumerate(labels)
    )
    return Bars(stacks, tuple((tone, words) for tone, (words, _) in series.items()), most)


def _stack(i: int, step: float, label: str, total: int, counts: Mapping[str, int], most: int) -> Stack:
    parts, y = [], HEIGHT
    for tone, count in counts.items():
        if count:
            height = max(1.5, count / most * (HEIGHT - 12))
            y -= height
            parts.append(Part(tone, round(y, 2), round(height, 2)))
    gap = min(2.0, step * 0.2)
    return Stack(round(i * step + gap / 2, 2), round(step - gap, 2), label, total, tuple(parts))


class Whisker(NamedTuple):
    """A share with its interval on a line of its own. `mark`: where it would be expected."""

    y: float
    label: str
    low: float
    value: float
    high: float
    words: str
    mark: float | None


@dataclass(frozen=True, slots=True)
class Whiskers:
    rows: tuple[Whisker, ...]
    height: float
    most: float  # the share at the right end
    ticks: tuple[tuple[float, str], ...]
    kind: str = "whiskers"
    width: float = WIDTH
    left: float = LEFT


def whiskers(rows: Sequence[tuple[str, Share, float | None]], *, whole: bool = False) -> Whiskers | None:
    """Shares with their intervals, one below the other. `whole`: the scale goes to 1 in any case."""
    known = [(label, found, mark) for label, found, mark in rows if found.value is not None]
    if not known:
        return None
    top = max(found.high or 0.0 for _, found, _ in known)
    most = 1.0 if whole else next((limit for limit in (0.05, 0.1, 0.25, 0.5) if top <= limit), 1.0)
    drawn = tuple(_whisker(i, row, most) for i, row in enumerate(known))
    ticks = tuple((_x(part * most, most), f"{part * most:.0%}") for part in (0.0, 0.5, 1.0))
    return Whiskers(drawn, STEP * len(known) + 4, most, ticks)


def _x(value: float, most: float) -> float:
    return round(LEFT + min(value / most, 1.0) * (WIDTH - LEFT - 8), 2)


def _whisker(i: int, row: tuple[str, Share, float | None], most: float) -> Whisker:
    label, found, mark = row
    low, value, high = (part or 0.0 for part in (found.low, found.value, found.high))
    words = f"{value:.1%} of {found.n}, 95 % interval {low:.1%} to {high:.1%}"
    short = label if len(label) <= 20 else label[:19] + "…"
    placed = None if mark is None else _x(mark, most)
    return Whisker(STEP * i + STEP / 2, short, _x(low, most), _x(value, most), _x(high, most), words, placed)


class Dot(NamedTuple):
    x: float
    y: float
    out: bool
    words: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A control chart: the centre, the two limits as steps, and the days."""

    dots: tuple[Dot, ...]
    line: str
    upper: str
    lower: str
    center: float
    low: float  # the share at the bottom
    high: float
    first: str
    last: str
    kind: str = "control"
    width: float = WIDTH
    height: float = HEIGHT


def control(found: Control | None) -> Chart | None:
    """The picture of a p' chart."""
    if found is None:
        return None
    low = min(min(point.low, point.value) for point in found.points)
    high = max(max(point.high, point.value) for point in found.points)
    if high - low < 0.02:
        low, high = max(0.0, low - 0.01), min(1.0, high + 0.01)

    def y(value: float) -> float:
        return round(HEIGHT - 6 - (value - low) / (high - low) * (HEIGHT - 12), 2)

    step = WIDTH / len(found.points)
    xs = [round(step * (i + 0.5), 2) for i in range(len(found.points))]
    dots = tuple(Dot(x, y(p.value), p.out, _told(p.label, p.value, p.n)) for x, p in zip(xs, found.points, strict=True))
    return Chart(
        dots=dots,
        line=_path((dot.x, dot.y) for dot in dots),
        upper=_path((x, y(p.high)) for x, p in zip(xs, found.points, strict=True)),
        lower=_path((x, y(p.low)) for x, p in zip(xs, found.points, strict=True)),
        center=y(found.center),
        low=low,
        high=high,
        first=found.points[0].label,
        last=found.points[-1].label,
    )


def _told(label: str, value: float, n: int) -> str:
    return f"{label}: {value:.1%} of {n}"


def _path(places: Iterable[tuple[float, float]]) -> str:
    return " ".join(f"{x},{y}" for x, y in places)


Plot = Bars | Whiskers | Chart
