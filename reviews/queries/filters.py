"""What a query amounts to: the cells it touches, and conditions on top of them as SQL with parameters.

Risk, queue and confidence choose cells of the cube; that is what keeps the
list flat. Everything else is a clause that rows are held against, or that
the search starts from where few rows can match. `meaning` makes a filter of
a query; column names come from there alone, values only ever as parameters.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any, Literal
from uuid import UUID

BUCKETS = 20
REF = re.compile(r"(?:ACT-)?([0-9]{1,15})", re.IGNORECASE)
UNKNOWN = -1
# Which items a list is made of: what waits, what is open without waiting, what is over, or all of these.
Scope = Literal["waiting", "parked", "closed", "any"]
# What waits and this reader gave out of their hands after an edit that they may not approve. An index finds the few.
PASSED_ON = "i.waiting AND i.passed_by_id = %(me)s AND i.assignee_id IS DISTINCT FROM %(me)s"
# By id, which every index of the list holds; the rows themselves need not be looked at for it.
_NOT_PASSED_ON = "i.id <> ALL (ARRAY(SELECT i.id FROM reviews_item_desk i WHERE $))".replace("$", PASSED_ON)


@dataclass(frozen=True, slots=True)
class Known:
    """What a query may name, for this reader: resolved once for each request."""

    queues: tuple[str, ...]  # within reach, and nothing else exists
    types: tuple[str, ...]
    agents: Mapping[str, UUID]
    people: Mapping[str, int]
    me: int
    teams: Mapping[str, int] = field(default_factory=dict)
    my_teams: tuple[int, ...] = ()
    reasons: tuple[str, ...] = ()
    zone: tzinfo = UTC


@dataclass(frozen=True, slots=True)
class Range:
    """Confidence from `low` to `high`; each end may be open."""

    low: float = 0.0
    high: float = 1.0
    low_open: bool = False
    high_open: bool = False

    def buckets(self) -> frozenset[int] | None:
        """The buckets this range is made of, or None where an end lies inside one."""
        first, last = _edge(self.low), BUCKETS if self.high == 1 and not self.high_open else _edge(self.high)
        on_edges = first is not None and last is not None and not self.low_open
        half_open = self.high_open or self.high == 1
        return frozenset(range(first, last)) if on_edges and half_open else None  # type: ignore[arg-type]


def _edge(value: float) -> int | None:
    place = round(value * BUCKETS)
    return place if abs(value * BUCKETS - place) < 1e-9 else None


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition on an item `i`. `driver`: a query for the actions of every match, read where it finds few."""

    sql: str
    values: Mapping[str, Any] = field(default_factory=dict)
    driver: str = ""


@dataclass(slots=True)
class Filter:
    """A query resolved. `waiting` is the desk's default list, which the indexes serve."""

    queues: tuple[str, ...]
    risks: tuple[str, ...]
    types: tuple[str, ...] | None = None  # None: whichever
    every_type: tuple[str, ...] = ()
    me: int | None = None  # whose list it is, so that it leaves out what they passed on
    ranges: tuple[Range, ...] = ()
    unknown: bool = False  # `conf:none` is asked for
    scope: Scope = "waiting"
    clauses: list[Clause] = field(default_factory=list)

    @property
    def any_confidence(self) -> bool:
        return not self.ranges and not self.unknown

    @property
    def flat(self) -> bool:
        """Whether cells alone answer it: exact counts, and a list that costs the same at any size."""
        whole = self.any_confidence or self.buckets() is not None
        return self.scope == "waiting" and self.types is None and not self.clauses and whole

    def buckets(self) -> frozenset[int] | None:
        """The buckets asked for where every range ends on an edge; None where one does not, or none is asked."""
        sets = [each.buckets() for each in self.ranges]
        if self.any_confidence or any(found is None for found in sets):
            return None
        own = frozenset({UNKNOWN}) if self.unknown else frozenset[int]()
        return own.union(*(found for found in sets if found is not None))


def between(wanted: Range, name: str, number: int) -> tuple[str, dict[str, Any]]:
    """A range of confidence as a condition."""
    low, high = f"{name}l{number}", f"{name}h{number}"
    above, below = ">" if wanted.low_open else ">=", "<" if wanted.high_open else "<="
    sql = f"(i.confidence {above} %({low})s AND i.confidence {below} %({high})s)"
    return sql, {low: wanted.low, high: wanted.high}


def confidence_clause(found: Filter) -> Clause:
    """The confidence of a filter as one condition, for where cells do not carry it."""
    if found.any_confidence:
        return Clause("true")
    parts = [between(r, "conf", n) for n, r in enumerate(found.ranges)]
    sql = [part for part, _ in parts] + (["i.confidence IS NULL"] if found.unknown else [])
    return Clause(f"({' OR '.join(sql)})", {key: value for _, given in parts for key, value in given.items()})


def conditions(found: Filter, *, confidence: bool = True) -> Clause:
    """Every clause at once; that of confidence only where the cells do not choose it."""
    clauses = [
        *found.clauses, *([confidence_clause(found)] if confidence else []), *_of_types(found), *_in_my_hands(found)
    ]  # fmt: skip
    values = {key: value for clause in clauses for key, value in clause.values.items()}
    return Clause(" AND ".join(clause.sql for clause in clauses) or "true", values)


def _of_types(found: Filter) -> list[Clause]:
    if found.types is None:
        return []
    return [Clause("i.action_type_id = ANY(%(of_types)s)", {"of_types": list(found.types)})]


def _in_my_hands(found: Filter) -> list[Clause]:
    """A list of what waits leaves out what its reader passed on; where something is asked for by name it is found."""
    if found.scope != "waiting" or found.me is None:
        return []
    return [Clause(_NOT_PASSED_ON, {"me": found.me})]
