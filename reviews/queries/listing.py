"""The keys of one page of the queue, in order: keyset paging, no OFFSET, no unbounded count.

What waits is served cell by cell from the indexes made for it. A condition that
few rows meet is where the search starts; any other is held against the rows along
the order, block by block, and after one second the page shows what was found.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction

from reviews.errors import sqlstate
from reviews.queries.contents import BY_TEXT
from reviews.queries.cube import Cell, chosen
from reviews.queries.filters import Filter, conditions
from reviews.queries.orders import LONG_AGO, NEWEST, NEWEST_OVER, URGENT, Order
from reviews.states import Risk

BUDGET = 1.0  # seconds a page may search
FROM_FEW = 0.25  # of them, to look whether few rows can match
DIRECT = 0.35  # then straight along the order, for matches that are not rare
FIRST_BLOCK, MOST_BLOCK = 1_000, 64_000
FEW = 10_000  # so many candidates are sorted sooner than the queue is walked
COMMON = 20 * FEW  # where the planner expects more, counting them is not tried: it is seldom wrong by so much
NARROW = 0.05  # below this share of the chosen risks, cells are cut by confidence too


@dataclass(slots=True)
class Keys:
    """The ids of a page, the cursor after it, and whether the search was cut short."""

    ids: list[UUID] = field(default_factory=list)
    after: str = ""
    searched: int | None = None  # rows looked at, where the second ran out

    @property
    def stopped(self) -> bool:
        return self.searched is not None


@dataclass(frozen=True, slots=True)
class Walk:
    """Where rows are read in order: the cells, and what makes a row one of a cell."""

    cells: dict[str, tuple[str, list[Any]]]  # column of `m`: type and values
    scope: str
    rest: str  # conditions beyond it
    values: dict[str, Any]


def page(wanted: Filter, found: list[Cell], *, order: Order, after: str, rows: int) -> Keys:
    """The keys of `rows` items after a cursor. `found`: every cell within reach."""
    order = order_within(wanted, order)
    until = time.monotonic() + BUDGET
    few = _from_few(wanted, order, after, rows)
    if few is not None:
        return few
    walk = _walk(wanted, found, order)
    if not all(values for _, values in walk.cells.values()):
        return Keys()
    return _straight(walk, order, after, rows, held=bool(wanted.clauses)) or _blocks(walk, order, after, rows, until)


def order_within(wanted: Filter, order: Order) -> Order:
    """What no longer waits has an order of its own: the last decided first, or the newest."""
    if wanted.scope == "waiting":
        return order
    return NEWEST_OVER if wanted.scope == "closed" else NEWEST


SCOPES = {
    "waiting": "i.waiting",
    "parked": "i.closed_at IS NULL AND NOT i.waiting",
    # A seeded check that is over belongs to no list of what was decided.
    "closed": "i.closed_at IS NOT NULL AND NOT i.was_check",
    "any": "NOT i.was_check",
}


def reach(wanted: Filter) -> dict[str, Any]:
    """The parameters that every search has: which queues and risks."""
    return {"queues": list(wanted.queues), "risks": [Risk(risk).rank for risk in wanted.risks]}


# Few rows can match: they are fetched, held against the rest, and sorted.

_FEW = """
WITH few AS MATERIALIZED (SELECT DISTINCT action_id FROM (SELECT d.action_id FROM ({driver}) d LIMIT %(few)s) d),
     size AS MATERIALIZED (SELECT count(*) AS n FROM few)
SELECT s.n, x.* FROM size s LEFT JOIN LATERAL (
       SELECT i.risk_rank AS rank, {keys} FROM few f JOIN reviews_item_desk i ON i.action_id = f.action_id
        WHERE s.n < %(few)s AND {scope} AND {past}
          AND i.queue_id = ANY(%(queues)s) AND i.risk_rank = ANY(%(risks)s) AND {conditions}
        ORDER BY {by} LIMIT %(rows)s) x ON true
"""


def drivers(wanted: Filter) -> list[str]:
    """Where a search could start instead of at the head of the queue: at no word that most rows hold."""
    values = conditions(wanted).values
    starts = [clause.driver for clause in wanted.clauses if clause.driver]
    return [start for start in starts if not start.startswith(BY_TEXT) or _expected(start, values) <= COMMON]


def _from_few(wanted: Filter, order: Order, after: str, rows: int) -> Keys | None:
    """The page by way of a clause that few rows meet; None where no clause is known to."""
    until = time.monotonic() + FROM_FEW
    for driver in drivers(wanted):
        left = until - time.monotonic()
        got = try_run(*_few_query(wanted, order, after, rows, driver), left) if left > 0.01 else None
        if got is not None and got[0][0] < FEW:
            return _cut([(row[1], row[2:]) for row in got if row[1] is not None], order, rows)
    return None


def _expected(driver: str, values: Mapping[str, Any]) -> int:
    """How many rows the planner's statistics let expect: good for what is frequent, a guess for what is rare."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (FORMAT JSON) {driver}", values)
        return int(cursor.fetchone()[0][0]["Plan"]["Plan Rows"])


def _few_query(wanted: Filter, order: Order, after: str, rows: int, driver: str) -> tuple[str, dict[str, Any]]:
    rest = conditions(wanted)
    past, marks = order.past(order.unpack(after))
    by = f"i.risk_rank {'DESC' if order.risk > 0 else 'ASC'}, {order.by}" if order.risk else order.by
    null = f"{order.columns[0]} IS NOT NULL AND "
    sql = _FEW.format(
        driver=driver, keys=order.select, scope=null + SCOPES[wanted.scope], past=past, by=by, conditions=rest.sql
    )
    return sql, {**rest.values, **marks, **reach(wanted), "few": FEW, "rows": rows + 1}


# Along the order.

_WALK = """
SELECT x.* FROM unnest({arrays}) AS m ({names})
 CROSS JOIN LATERAL (
       SELECT i.risk_rank AS rank, {keys} FROM reviews_item_desk i
        WHERE {scope} AND {past} AND {rest}
        ORDER BY {by} LIMIT %(rows)s) x
 ORDER BY {over_all} LIMIT %(rows)s
"""


def _walk(wanted: Filter, found: list[Cell], order: Order) -> Walk:
    """The index that this filter and order are read from."""
    if wanted.scope != "waiting":
        return _through_history(wanted)
    if order is URGENT:
        return _by_type(wanted) if wanted.types is not None else _by_cell(wanted, found)
    if order.name == "type":
        return _by_type(wanted)
    return _by_risk(wanted, order)


def _by_cell(wanted: Filter, found: list[Cell]) -> Walk:
    """The default order: by queue and risk, and by bucket too where few of the chosen rows lie in the range."""
    cells = chosen(found, wanted)
    narrow = _narrow(wanted, cells, found)
    rest = conditions(wanted, confidence=not narrow)
    merged = cells if narrow else _merged(cells)
    scope = "i.waiting AND i.queue_id = m.queue AND i.risk_rank = m.risk AND (i.prio, i.entered) >= (m.low, m.low_at)"
    columns: dict[str, tuple[str, list[Any]]] = {
        "queue": ("text", [c.queue for c in merged]),
        "risk": ("int", [Risk(c.risk).rank for c in merged]),
        "low": ("bigint", [c.low for c in merged]),
        "low_at": ("timestamptz", [c.low_at or LONG_AGO for c in merged]),
    }
    if narrow:
        columns["cb"] = ("int", [c.cb for c in merged])
        scope += " AND i.cb = m.cb"
    return Walk(columns, scope, rest.sql, dict(rest.values))


def _narrow(wanted: Filter, cells: list[Cell], found: list[Cell]) -> bool:
    """Whether the narrow index serves: limits on bucket edges, and few of the chosen rows within them."""
    if wanted.buckets() is None:
        return False
    whole = sum(c.n for c in found if c.queue in wanted.queues and c.risk in wanted.risks)
    return sum(c.n for c in cells) <= NARROW * whole


def _merged(cells: list[Cell]) -> list[Cell]:
    """One cell for each queue and risk, starting at the least of the low-water marks."""
    kept: dict[tuple[str, str], Cell] = {}
    for cell in sorted(cells, key=lambda c: (c.low, c.low_at or LONG_AGO)):
        kept.setdefault((cell.queue, cell.risk), cell)
    return list(kept.values())


def _by_type(wanted: Filter) -> Walk:
    """By queue and type, in the default order within each; other risks are passed over."""
    kinds = wanted.every_type if wanted.types is None else wanted.types
    pairs = [(queue, kind) for queue in wanted.queues for kind in kinds]
    rest = conditions(wanted)
    scope = "i.waiting AND i.queue_id = m.queue AND i.action_type_id = m.kind AND i.risk_rank = ANY(%(risks)s)"
    columns: dict[str, tuple[str, list[Any]]] = {
        "queue": ("text", [queue for queue, _ in pairs]),
        "kind": ("text", [kind for _, kind in pairs]),
    }
    return Walk(columns, scope, rest.sql, {**rest.values, **reach(wanted)})


def _by_risk(wanted: Filter, order: Order) -> Walk:
    """By queue and risk in another order; what has no place in it is left out."""
    pairs = [(queue, Risk(risk).rank) for queue in wanted.queues for risk in wanted.risks]
    rest = conditions(wanted)
    known = f" AND {order.columns[0]} IS NOT NULL" if order.columns[0] != "i.prio" else ""
    columns: dict[str, tuple[str, list[Any]]] = {
        "queue": ("text", [queue for queue, _ in pairs]),
        "risk": ("int", [rank for _, rank in pairs]),
    }
    scope = f"i.waiting AND i.queue_id = m.queue AND i.risk_rank = m.risk{known}"
    return Walk(columns, scope, rest.sql, dict(rest.values))


def _through_history(wanted: Filter) -> Walk:
    """What is over or parked by queue; everything in one go, since no index leads through all of it by queue."""
    rest = conditions(wanted)
    values = {**rest.values, **reach(wanted)}
    risk = f"{SCOPES[wanted.scope]} AND i.risk_rank = ANY(%(risks)s)"
    if wanted.scope == "any":
        return Walk({"one": ("int", [1])}, f"{risk} AND i.queue_id = ANY(%(queues)s)", rest.sql, values)
    return Walk({"queue": ("text", list(wanted.queues))}, f"{risk} AND i.queue_id = m.queue", rest.sql, values)


def _walk_query(walk: Walk, order: Order, after: str, rows: int, *, rest: bool = True) -> tuple[str, dict[str, Any]]:
    past, marks = order.past(order.unpack(after))
    sql = _WALK.format(
        arrays=", ".join(f"%(c_{name})s::{kind}[]" for name, (kind, _) in walk.cells.items()),
        names=", ".join(walk.cells),
        keys=order.select,
        scope=walk.scope,
        past=past,
        rest=walk.rest if rest else "true",
        by=order.by,
        over_all=order.over_all,
    )
    cells = {f"c_{name}": values for name, (_, values) in walk.cells.items()}
    return sql, {**walk.values, **marks, **cells, "rows": rows}


def _straight(walk: Walk, order: Order, after: str, rows: int, *, held: bool) -> Keys | None:
    """In one statement; None when that takes too long. `held`: against conditions that no index carries."""
    got = try_run(*_walk_query(walk, order, after, rows + 1), DIRECT if held else BUDGET)
    return None if got is None else _cut([(row[0], row[1:]) for row in got], order, rows)


_BLOCK = """
WITH block AS MATERIALIZED ({walk}),
     hit AS (SELECT x.* FROM block x JOIN reviews_item_desk i ON i.id = x.{id} WHERE {rest}
              ORDER BY {over_all} LIMIT %(wanted)s)
SELECT true, 0, x.* FROM hit x
UNION ALL
(SELECT false, (SELECT count(*) FROM block), x.* FROM block x ORDER BY {backwards} LIMIT 1)
"""


def _blocks(walk: Walk, order: Order, after: str, rows: int, until: float) -> Keys:
    """Block by block along the order, so that something is shown when the time is up."""
    searched, size = 0, FIRST_BLOCK
    hits: list[tuple[int, tuple[Any, ...]]] = []
    while True:
        left = until - time.monotonic()
        got = try_run(*_block_query(walk, order, after, size, rows + 1 - len(hits)), left) if left > 0.02 else None
        if got is None:
            return Keys([key[-1] for _, key in hits[:rows]], after, searched)
        hits += sorted(((row[2], row[3:]) for row in got if row[0]), key=lambda hit: _place(order, hit))
        end = next((row for row in got if not row[0]), None)
        if len(hits) > rows or end is None or end[1] < size:
            return _cut(hits, order, rows)
        searched, after, size = searched + end[1], order.pack(end[2], end[3:]), min(size * 4, MOST_BLOCK)


def _place(order: Order, hit: tuple[int, tuple[Any, ...]]) -> Any:
    return (-hit[0] * order.risk, *hit[1])


def _block_query(walk: Walk, order: Order, after: str, size: int, wanted: int) -> tuple[str, dict[str, Any]]:
    inner, values = _walk_query(walk, order, after, size, rest=False)
    turned = {"ASC": "DESC", "DESC": "ASC"}
    backwards = ", ".join(f"{part.split()[0]} {turned[part.split()[1]]}" for part in order.over_all.split(", "))
    last = f"k{len(order.columns) - 1}"
    sql = _BLOCK.format(walk=inner, id=last, rest=walk.rest, over_all=order.over_all, backwards=backwards)
    return sql, values | {"wanted": wanted}


# Running.


def run(sql: str, values: dict[str, Any], seconds: float) -> list[Any]:
    """The rows, in a transaction of its own with its own time limit."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(max(int(seconds * 1000), 1))])
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def try_run(sql: str, values: dict[str, Any], seconds: float) -> list[Any] | None:
    """The same, or None when the time is up."""
    try:
        return run(sql, values, seconds)
    except OperationalError as exc:
        if sqlstate(exc) != "57014":
            raise
        return None


def _cut(hits: list[tuple[int, tuple[Any, ...]]], order: Order, most: int) -> Keys:
    kept = hits[:most]
    after = order.pack(kept[-1][0], tuple(kept[-1][1])) if len(hits) > most else ""
    return Keys([key[-1] for _, key in kept], after)
