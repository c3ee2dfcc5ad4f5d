"""The statistics that the pages print: intervals, a control chart, and how many labels a proof needs. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

Z95 = 1.959963984540054
D2 = 1.128  # mean moving range of two over sigma, for normal data
ALPHA, DELTA = 0.02, 0.05  # what a certificate will promise unless a lead says otherwise


class Share(NamedTuple):
    """`k` of `n`, with its 95 % interval; without a single case there is no share."""

    k: int
    n: int
    value: float | None
    low: float | None
    high: float | None


def share(k: int, n: int) -> Share:
    """Wilson's score interval (Wilson 1927), which keeps its coverage for small n and rare k."""
    if n <= 0:
        return Share(k, n, None, None, None)
    p, z2 = k / n, Z95 * Z95
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    low = 0.0 if k == 0 else max(0.0, middle - half)
    high = 1.0 if k == n else min(1.0, middle + half)
    return Share(k, n, p, low, high)


class Point(NamedTuple):
    """One day of a control chart. `out`: beyond the limits. Above 1: more approvals than the day's mix explains."""

    label: str
    n: int
    value: float
    low: float
    high: float

    @property
    def out(self) -> bool:
        return not self.low - 1e-9 <= self.value <= self.high + 1e-9


class Control(NamedTuple):
    center: float
    points: tuple[Point, ...]


Day = Mapping[str, tuple[int, int]]  # type -> (approved, decided)


def laney(days: Mapping[str, Day]) -> Control | None:
    """Laney's p' chart (Laney 2002) of the approval share, standardised by the mix of types.

    The standardised share of a day is observed over expected approvals, times
    the share of all days; expected takes each type at its own share. None
    with fewer than three days: there is no spread to judge by.
    """
    days = {label: day for label, day in days.items() if sum(n for _, n in day.values())}
    if len(days) < 3:
        return None
    shares, center = _by_type(days)
    rows = [(label, *_standardised(day, shares, center)) for label, day in days.items()]
    spread = _spread([(value - center) / sigma if (sigma := _sigma(center, n)) else 0.0 for _, n, value in rows])
    return Control(center, tuple(_point(row, _sigma(center, row[1]) * spread, center) for row in rows))


def _sigma(center: float, n: int) -> float:
    """Of a binomial share."""
    return math.sqrt(center * (1 - center) / n)


def _by_type(days: Mapping[str, Day]) -> tuple[dict[str, float], float]:
    sums: dict[str, list[int]] = {}
    for day in days.values():
        for kind, (k, n) in day.items():
            found = sums.setdefault(kind, [0, 0])
            found[0], found[1] = found[0] + k, found[1] + n
    total = sum(n for _, n in sums.values())
    return {kind: k / n for kind, (k, n) in sums.items() if n}, sum(k for k, _ in sums.values()) / total


def _standardised(day: Day, shares: Mapping[str, float], center: float) -> tuple[int, float]:
    n = sum(count for _, count in day.values())
    expected = sum(count * shares.get(kind, 0.0) for kind, (_, count) in day.items())
    observed = sum(k for k, _ in day.values())
    return n, (observed / expected * center if expected else center)


def _spread(z: Sequence[float]) -> float:
    """Sigma of the z values from their mean moving range."""
    ranges = [abs(b - a) for a, b in pairwise(z)]
    return sum(ranges) / len(ranges) / D2


def _point(row: tuple[str, int, float], sigma: float, center: float) -> Point:
    label, n, value = row
    return Point(label, n, value, max(0.0, center - 3 * sigma), center + 3 * sigma)


def labels_needed(alpha: float = ALPHA, delta: float = DELTA, starts: int = 2) -> int:
    """Fewest labelled cases that could certify an error below `alpha`, one error among them allowed.

    The smallest m with P(Binomial(m, alpha) <= 1) <= delta / starts.
    """
    m, limit = 1, delta / starts
    while (1 - alpha) ** m + m * alpha * (1 - alpha) ** (m - 1) > limit:
        m += 1
    return m


def correlation(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """Pearson's; None where one of the two does not vary."""
    n = len(xs)
    if n < 2:
        return None
    mx, my = sum(xs) / n, sum(ys) / n
    sx = math.sqrt(sum((x - mx) ** 2 for x in xs))
    sy = math.sqrt(sum((y - my) ** 2 for y in ys))
    if not sx or not sy:
        return None
    return sum((x - mx) * (y - my) for x, y in zip(xs, ys, strict=True)) / (sx * sy)


class TimeSignal(NamedTuple):
    """Whether the time taken has to do with what there was to read."""

    n: int
    fast: Share
    correlation: float | None

    @property
    def alarming(self) -> bool:
        """More than a fifth too fast to have been read, and time does not follow length; from 100 decisions on."""
        low = self.correlation is None or self.correlation < 0.25
        return self.n >= 100 and (self.fast.value or 0.0) > 0.2 and low


def reading_seconds(words: int) -> float:
    """Two seconds, and 35 % of the words at 700 words a minute: less than that is no reading."""
    return 2 + 0.35 * words * 60 / 700


def time_signal(looks: Sequence[tuple[float, int]]) -> TimeSignal:
    """Of decisions as (seconds on screen, words of what was shown)."""
    fast = sum(seconds < reading_seconds(words) for seconds, words in looks)
    logs = [(math.log(max(seconds, 0.1)), math.log(max(words, 1))) for seconds, words in looks]
    found = correlation([x for x, _ in logs], [y for _, y in logs])
    return TimeSignal(len(looks), share(fast, len(looks)), found)


def quantile(values: Sequence[float], q: float) -> float | None:
    """Linear between the two nearest."""
    if not values:
        return None
    ordered = sorted(values)
    place = q * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)
