"""Counts and the histogram, from the roll-up that moves in the same transaction as each item."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from reviews.queries.filters import BUCKETS, PASSED_ON, UNKNOWN, Filter
from reviews.states import Risk

_RISKS = [risk.value for risk in Risk]


class Cell(NamedTuple):
    """How many wait in one queue, risk and bucket; no live row sorts before (low, low_at)."""

    queue: str
    risk: str
    cb: int
    n: int
    low: int
    low_at: datetime | None


Counts = dict[tuple[str, int], int]  # by risk and bucket


MOST_PASSED = 10_000  # of what one reader has passed on and nobody has taken up, so many are left out of the counts
_CELLS = """
WITH passed AS MATERIALIZED (
    SELECT i.queue_id AS queue, i.risk_rank AS risk, i.cb, count(*) AS n
      FROM (SELECT i.queue_id, i.risk_rank, i.cb FROM reviews_item_desk i WHERE {passed_on} LIMIT %(most)s) i
     GROUP BY 1, 2, 3)
SELECT c.queue, c.risk, c.cb, c.n - coalesce(p.n, 0), c.low, c.low_at
  FROM reviews_cube c LEFT JOIN passed p USING (queue, risk, cb)
 WHERE c.queue = ANY(%(queues)s) AND c.n > coalesce(p.n, 0)
"""


def cells(queues: Sequence[str], me: int | None = None) -> list[Cell]:
    """The cells of these queues that hold anything: exact as of this statement. `me`: without what one passed on."""
    with connection.cursor() as cursor:
        cursor.execute(_CELLS.format(passed_on=PASSED_ON), {"queues": list(queues), "me": me, "most": MOST_PASSED})
        return [Cell(queue, _RISKS[rank], *rest) for queue, rank, *rest in cursor.fetchall()]


def by_risk(found: Iterable[Cell]) -> dict[str, int]:
    """Pending by risk, most urgent first; every risk is there."""
    counts = {risk.value: 0 for risk in reversed(Risk)}
    for cell in found:
        counts[cell.risk] += cell.n
    return counts


class Bar(NamedTuple):
    """One bucket of the histogram: its limits, and how many of each risk are in it."""

    bucket: int
    low: float
    high: float
    counts: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


def histogram(counts: Counts) -> tuple[list[Bar], Bar]:
    """20 bars and the one of unknown confidence."""
    bars = [Bar(b, b / BUCKETS, (b + 1) / BUCKETS, _of_bucket(counts, b)) for b in range(BUCKETS)]
    return bars, Bar(UNKNOWN, 0.0, 0.0, _of_bucket(counts, UNKNOWN))


def _of_bucket(counts: Counts, bucket: int) -> dict[str, int]:
    return {risk.value: counts.get((risk.value, bucket), 0) for risk in Risk}


def waiting(found: Iterable[Cell], wanted: Filter) -> Counts:
    """How many wait of the risks and queues asked for, whatever else is asked."""
    counts: Counts = defaultdict(int)
    for cell in found:
        if cell.risk in wanted.risks and cell.queue in wanted.queues:
            counts[cell.risk, cell.cb] += cell.n
    return counts


def chosen(found: Iterable[Cell], wanted: Filter) -> list[Cell]:
    """The cells that can hold a match: a range that ends inside a bucket keeps that bucket."""
    touched = _touched(wanted)
    return [cell for cell in found if cell.queue in wanted.queues and cell.risk in wanted.risks and cell.cb in touched]


def _touched(wanted: Filter) -> frozenset[int]:
    if wanted.any_confidence:
        return frozenset(range(UNKNOWN, BUCKETS))
    exact = wanted.buckets()
    if exact is not None:
        return exact
    own = {UNKNOWN} if wanted.unknown else set()
    for each in wanted.ranges:
        own |= set(range(int(each.low * BUCKETS), min(BUCKETS, int(each.high * BUCKETS) + 1)))
    return frozenset(own)
