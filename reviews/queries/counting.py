"""How many match: from the cube where it tells, otherwise counted up to a bound and within a moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from reviews.queries.cube import Cell, Counts, chosen, waiting
from reviews.queries.filters import Filter, conditions
from reviews.queries.grammar import Query, Term
from reviews.queries.listing import FEW, SCOPES, drivers, reach, try_run
from reviews.queries.meaning import resolve
from reviews.queries.reach import Reader
from reviews.states import Risk

MOST = 1_000  # beyond it a count reads "1,000+"
MOST_IN_BARS = 10_000  # beyond it a histogram is one of the first so many
_RISKS = [risk.value for risk in Risk]
MOST_TRIED = 8
MOMENT = 0.08  # seconds that a count may take from a page

_COUNT = """
WITH few AS MATERIALIZED (SELECT d.action_id FROM ({driver}) d LIMIT %(few)s)
SELECT {what}, (SELECT count(*) FROM few) >= %(few)s FROM (
  SELECT i.risk_rank, i.cb FROM reviews_item_desk i
   WHERE {scope} AND i.queue_id = ANY(%(queues)s) AND i.risk_rank = ANY(%(risks)s) AND {start} AND {rest}
   LIMIT %(most)s) x {group}
"""
_NOTHING = "SELECT NULL::uuid AS action_id WHERE false"
_START = "i.action_id IN (SELECT action_id FROM few)"


@dataclass(frozen=True, slots=True)
class Tally:
    """How many match. `more`: at least so many. None where a moment was not enough to say."""

    n: int | None
    more: bool = False

    def __str__(self) -> str:
        if self.n is None:
            return ""
        return f"{MOST:,}+" if self.more else f"{self.n:,}"


def _query(wanted: Filter, what: str, most: int, group: str = "") -> tuple[str, dict[str, Any]]:
    """A bounded count; its last column tells that there were more to start from than were looked at."""
    rest, starts = conditions(wanted), drivers(wanted)
    sql = _COUNT.format(
        driver=starts[0] if starts else _NOTHING, what=what, scope=SCOPES[wanted.scope],
        start=_START if starts else "true", rest=rest.sql, group=group,
    )  # fmt: skip
    return sql, {**rest.values, **reach(wanted), "most": most, "few": FEW}


def tally(wanted: Filter, found: list[Cell], *, seconds: float = MOMENT) -> Tally:
    """How many there are of a filter, exact up to a thousand."""
    if wanted.flat:
        return Tally(sum(cell.n for cell in chosen(found, wanted)))
    if not wanted.queues or not wanted.risks:
        return Tally(0)
    got = try_run(*_query(wanted, "count(*)", MOST + 1), seconds)
    return Tally(None) if got is None else _tally(got[0][0], partly=got[0][1])


def _tally(n: int, *, partly: bool) -> Tally:
    return Tally(min(n, MOST), more=n > MOST) if n > MOST or not partly else Tally(None)


def bars(wanted: Filter, found: list[Cell], *, seconds: float = MOMENT) -> tuple[Counts, str]:
    """Matches by risk and bucket whatever their confidence; and in words what else they leave out."""
    anywhere = replace(wanted, ranges=(), unknown=False)
    if anywhere.flat:
        return waiting(found, anywhere), ""
    got = _of_bars(anywhere, seconds)
    if got is None or any(partly for *_, partly in got):
        return waiting(found, anywhere), "of everything that waits, whatever else is asked for"
    counts: Counts = {(_RISKS[rank], cb): n for rank, cb, n, _ in got}
    return counts, f"of the first {MOST_IN_BARS:,} found" if sum(counts.values()) > MOST_IN_BARS else ""


def _of_bars(wanted: Filter, seconds: float) -> list[Any] | None:
    if not _bounded(wanted):
        return []
    query = _query(wanted, "x.risk_rank, x.cb, count(*)", MOST_IN_BARS + 1, "GROUP BY x.risk_rank, x.cb")
    return try_run(*query, seconds)


def _bounded(wanted: Filter) -> bool:
    return bool(wanted.queues and wanted.risks)


def badges(filters: Sequence[Filter | None], found: list[Cell], *, seconds: float = 2 * MOMENT) -> list[Tally]:
    """A count for each view, all in one statement; None for what is not understood, or not counted in time."""
    asked = [(n, each) for n, each in enumerate(filters) if each is not None and not each.flat and _bounded(each)]
    parts: list[str] = []
    values: dict[str, Any] = {}
    for n, each in asked:
        sql, given = _query(each, f"{n}, count(*)", MOST + 1)
        parts.append(f"({_renamed(sql, given, f'v{n}_')})")
        values |= {f"v{n}_{key}": value for key, value in given.items()}
    got = (try_run(" UNION ALL ".join(parts), values, seconds) or []) if parts else []
    counted = {n: _tally(count, partly=partly) for n, count, partly in got}
    return [_badge(each, counted.get(n), found) for n, each in enumerate(filters)]


def _renamed(sql: str, given: dict[str, Any], prefix: str) -> str:
    """The statement with its parameters under names of its own."""
    for key in sorted(given, key=len, reverse=True):
        sql = sql.replace(f"%({key})s", f"%({prefix}{key})s")
    return sql


def _badge(wanted: Filter | None, counted: Tally | None, found: list[Cell]) -> Tally:
    if wanted is None:
        return Tally(None)
    if wanted.flat:
        return Tally(sum(cell.n for cell in chosen(found, wanted)))
    if not _bounded(wanted):
        return Tally(0)
    return counted or Tally(None)


def most_excluding(query: Query, reader: Reader, found: list[Cell]) -> tuple[Term | None, Tally]:
    """The term without which most would be found, and how many; none where every other term excludes as well."""
    terms = query.without("sort").terms[:MOST_TRIED]
    queries = [query.minus(term) for term in terms]
    known = reader.known(query)
    left = badges([resolve(each, known) for each in queries], found)
    best = max(zip(terms, left, strict=True), key=lambda pair: (pair[1].n or 0, pair[1].more), default=None)
    return best if best and best[1].n else (None, Tally(None))
