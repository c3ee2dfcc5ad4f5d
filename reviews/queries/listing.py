"""The keys of one page of the queue, in order: keyset paging, no OFFSET, no unbounded count.

The default order is served cell by cell from the indexes over waiting items.
Conditions that no index carries are held against blocks along that order,
and the search stops after one second with what it found.
"""

from __future__ import annotations

import base64
import json
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import OperationalError, connection, transaction

from reviews.errors import sqlstate
from reviews.queries.cube import Cell, chosen
from reviews.queries.filters import Filter, confidence_clause
from reviews.states import Risk

BUDGET = 1.0  # seconds a page may search
DIRECT = 0.4  # of them, for matches that are not rare; then block by block, so that something is shown
FIRST_BLOCK, MOST_BLOCK = 1_000, 64_000
NARROW = 0.05  # below this share of the chosen risks, cells are cut by confidence too
LONG_AGO = datetime.fromisoformat("0001-01-01T00:00:00+00:00")
ORDERS = {
    "prio": "most urgent first",
    "age": "longest waiting first",
    "-age": "newest first",
    "due": "due soonest first",
    "conf": "least confident first",
    "-conf": "most confident first",
}
_BY_RISK = ("CROSS JOIN unnest(%(risks)s::int[]) AS r (risk)", "r.risk")
_COLUMNS = {
    "age": ("i.entered", "timestamptz", "ASC"),
    "-age": ("i.entered", "timestamptz", "DESC"),
    "due": ("i.due", "timestamptz", "ASC"),
    "conf": ("i.confidence", "float8", "ASC"),
    "-conf": ("i.confidence", "float8", "DESC"),
}


@dataclass(slots=True)
class Keys:
    """The ids of a page, the cursor after it, and whether the search was cut short."""

    ids: list[UUID] = field(default_factory=list)
    after: str = ""
    searched: int | None = None  # rows looked at, where the second ran out
    too_wide: bool = False  # nothing at all could be found in time

    @property
    def stopped(self) -> bool:
        return self.searched is not None or self.too_wide


def page(wanted: Filter, found: list[Cell], *, order: str, after: str, rows: int) -> Keys:
    """The keys of `rows` items after a cursor. `found`: every cell within reach."""
    if not wanted.waiting:
        return _history(wanted, after, rows)
    if order != "prio":
        return _ordered(wanted, order, after, rows)
    cells = chosen(found, wanted)
    if not cells:
        return Keys()
    return _sought(wanted, cells, after, rows) if wanted.clauses else _flat(wanted, cells, found, after, rows)


# The default order.

_BY_CELL = """
SELECT x.prio, x.entered, x.id
  FROM unnest(%(queues)s::text[], %(risks)s::int[], %(cbs)s::int[], %(lows)s::bigint[], %(low_ats)s::timestamptz[])
       AS m (queue, risk, cb, low, low_at)
 CROSS JOIN LATERAL (
       SELECT i.prio, i.entered, i.id FROM reviews_item_desk i
        WHERE i.waiting AND i.queue_id = m.queue AND i.risk_rank = m.risk {cell}
          AND (i.prio, i.entered) >= (m.low, m.low_at)
          AND (i.prio, i.entered, i.id) > (%(prio)s, %(entered)s, %(id)s) AND {condition}
        ORDER BY i.prio, i.entered, i.id LIMIT %(rows)s) x
 ORDER BY x.prio, x.entered, x.id LIMIT %(rows)s
"""


def _flat(wanted: Filter, cells: list[Cell], found: list[Cell], after: str, rows: int) -> Keys:
    sql, values = _cell_query(wanted, cells, by_bucket=_by_bucket(wanted, cells, found))
    got = _run(sql, values | _cursor(after) | {"rows": rows + 1}, BUDGET)
    return _cut([(_pack("prio", *row), row[2]) for row in got], rows)


def _by_bucket(wanted: Filter, cells: list[Cell], found: list[Cell]) -> bool:
    """Whether the narrow index serves: limits on bucket edges, and few of the chosen rows within them."""
    if wanted.buckets() is None:
        return False
    whole = sum(c.n for c in found if c.queue in wanted.queues and c.risk in wanted.risks)
    return sum(c.n for c in cells) <= NARROW * whole


def _cell_query(
    wanted: Filter, cells: list[Cell], *, by_bucket: bool, conditions: str = "true"
) -> tuple[str, dict[str, Any]]:
    condition, values = ("true", {}) if by_bucket else confidence_clause(wanted)
    merged = cells if by_bucket else _merged(cells)
    sql = _BY_CELL.format(cell="AND i.cb = m.cb" if by_bucket else "", condition=f"{condition} AND {conditions}")
    return sql, values | {
        "queues": [c.queue for c in merged],
        "risks": [Risk(c.risk).rank for c in merged],
        "cbs": [c.cb for c in merged],
        "lows": [c.low for c in merged],
        "low_ats": [c.low_at or LONG_AGO for c in merged],
    }


def _merged(cells: list[Cell]) -> list[Cell]:
    """One cell for each queue and risk, starting at the least of the low-water marks."""
    kept: dict[tuple[str, str], Cell] = {}
    for cell in sorted(cells, key=lambda c: (c.low, c.low_at or LONG_AGO)):
        kept.setdefault((cell.queue, cell.risk), cell)
    return list(kept.values())


# Conditions beyond the cells, sought along the same order in blocks that grow.

_BLOCK = """
WITH block AS MATERIALIZED ({keys}),
     hit AS (SELECT b.prio, b.entered, b.id FROM block b JOIN reviews_item_desk i USING (id)
              WHERE {conditions} ORDER BY b.prio, b.entered, b.id LIMIT %(wanted)s)
SELECT true, h.prio, h.entered, h.id, 0 FROM hit h
UNION ALL
(SELECT false, b.prio, b.entered, b.id, (SELECT count(*) FROM block) FROM block b
  ORDER BY b.prio DESC, b.entered DESC, b.id DESC LIMIT 1)
"""


def _sought(wanted: Filter, cells: list[Cell], after: str, rows: int) -> Keys:
    """First straight through the index; where that takes too long, block by block as far as a second goes."""
    conditions, given = _conditions(wanted)
    sql, values = _cell_query(wanted, cells, by_bucket=False, conditions=conditions)
    got = _try(sql, values | given | _cursor(after) | {"rows": rows + 1}, DIRECT)
    if got is not None:
        return _cut([(_pack("prio", *row), row[2]) for row in got], rows)
    inner, values = _cell_query(wanted, cells, by_bucket=False)
    sql = _BLOCK.format(keys=inner, conditions=conditions)
    return _blocks(sql, values | given, after, rows, BUDGET - DIRECT)


def _blocks(sql: str, values: dict[str, Any], after: str, rows: int, seconds: float) -> Keys:
    until, searched, size = time.monotonic() + seconds, 0, FIRST_BLOCK
    hits: list[tuple[str, UUID]] = []
    while True:
        step = {"rows": size, "wanted": rows + 1 - len(hits)} | _cursor(after)
        left = until - time.monotonic()
        got = _try(sql, values | step, left) if left > 0.02 else None
        if got is None:
            return Keys([i for _, i in hits[:rows]], after, searched, too_wide=not searched)
        hits += [(_pack("prio", *row[1:4]), row[3]) for row in got if row[0]]
        end = next((row for row in got if not row[0]), None)
        if len(hits) > rows or end is None or end[4] < size:
            return _cut(hits, rows)
        searched, after, size = searched + end[4], _pack("prio", *end[1:4]), min(size * 4, MOST_BLOCK)


# Other orders, and what no longer waits.


def _ordered(wanted: Filter, order: str, after: str, rows: int) -> Keys:
    column, kind, direction = _COLUMNS[order]
    sign = ">" if direction == "ASC" else "<"
    last = _unpack(after, order)
    past = f"({column}, i.id) {sign} (%(at)s::{kind}, %(id)s::uuid)" if last else "true"
    conditions, values = _conditions(wanted)
    confidence, more = confidence_clause(wanted)
    # The index of confidence leads with the risk, those of the times do not.
    risks, risk = _BY_RISK if kind == "float8" else ("", "ANY(%(risks)s)")
    sql = f"""
        SELECT x.k, x.id FROM unnest(%(queues)s::text[]) AS m (queue) {risks} CROSS JOIN LATERAL (
               SELECT {column} AS k, i.id FROM reviews_item_desk i
                WHERE i.waiting AND i.queue_id = m.queue AND i.risk_rank = {risk} AND {column} IS NOT NULL
                  AND {past} AND {confidence} AND {conditions}
                ORDER BY {column} {direction}, i.id {direction} LIMIT %(rows)s) x
         ORDER BY x.k {direction}, x.id {direction} LIMIT %(rows)s"""  # noqa: S608  names are from _COLUMNS
    given = {
        "queues": list(wanted.queues),
        "risks": [Risk(risk).rank for risk in wanted.risks],
        "rows": rows + 1,
        **(last or {}),
    }
    got = _try(sql, values | more | given, BUDGET)
    if got is None:
        return Keys(too_wide=True)
    return _cut([(_pack(order, key, i), i) for key, i in got], rows)


def _history(wanted: Filter, after: str, rows: int) -> Keys:
    """Open but not waiting, or decided: newest first."""
    last = _unpack(after, "id")
    conditions, values = _conditions(wanted)
    confidence, more = confidence_clause(wanted)
    sql = f"""
        SELECT i.id FROM reviews_item_desk i JOIN reviews_action a ON a.id = i.action_id
         WHERE i.queue_id = ANY(%(queues)s) AND i.risk_rank = ANY(%(risks)s)
           AND {"i.id < %(id)s::uuid" if last else "true"} AND {confidence} AND {conditions}
         ORDER BY i.id DESC LIMIT %(rows)s"""  # noqa: S608  conditions are built from parameters
    given = {
        "queues": list(wanted.queues),
        "risks": [Risk(risk).rank for risk in wanted.risks],
        "rows": rows + 1,
        **(last or {}),
    }
    got = _try(sql, values | more | given, BUDGET)
    if got is None:
        return Keys(too_wide=True)
    return _cut([(_pack("id", i), i) for (i,) in got], rows)


def _conditions(wanted: Filter) -> tuple[str, dict[str, Any]]:
    values = {key: value for _, given in wanted.clauses for key, value in given.items()}
    return " AND ".join(sql for sql, _ in wanted.clauses) or "true", values


def count(wanted: Filter, found: list[Cell], most: int = 1_000) -> int | None:
    """How many match: exact where cells tell, else exact up to `most`, else `most` + 1; None when out of time."""
    if wanted.flat:
        return sum(cell.n for cell in chosen(found, wanted))
    conditions, values = _conditions(wanted)
    confidence, more = confidence_clause(wanted)
    waiting = "i.waiting" if wanted.waiting else "true"
    join = "" if wanted.waiting else "JOIN reviews_action a ON a.id = i.action_id"
    sql = f"""SELECT count(*) FROM (SELECT 1 FROM reviews_item_desk i {join}
        WHERE {waiting} AND i.queue_id = ANY(%(queues)s) AND i.risk_rank = ANY(%(risks)s)
          AND {confidence} AND {conditions} LIMIT %(most)s) x"""  # noqa: S608  as above
    given = {"queues": list(wanted.queues), "risks": [Risk(risk).rank for risk in wanted.risks], "most": most + 1}
    got = _try(sql, values | more | given, BUDGET / 4)
    return None if got is None else int(got[0][0])


# Running, and cursors.


def _run(sql: str, values: dict[str, Any], seconds: float) -> list[Any]:
    """The rows, in a transaction of its own with its own time limit."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(max(int(seconds * 1000), 1))])
        cursor.execute(sql, values)
        return list(cursor.fetchall())


def _try(sql: str, values: dict[str, Any], seconds: float) -> list[Any] | None:
    """The same, or None when the time is up."""
    try:
        return _run(sql, values, seconds)
    except OperationalError as exc:
        if sqlstate(exc) != "57014":
            raise
        return None


def _cut(rows: list[tuple[str, UUID]], most: int) -> Keys:
    kept = rows[:most]
    return Keys([i for _, i in kept], kept[-1][0] if len(rows) > most else "")


def _pack(order: str, *key: Any) -> str:
    """A cursor: the key of a row as URL-safe text. It is no secret and proves nothing."""
    plain = [order, *(k.isoformat() if isinstance(k, datetime) else str(k) if isinstance(k, UUID) else k for k in key)]
    return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")


def _unpack(cursor: str, order: str) -> dict[str, Any] | None:
    """The key in a cursor of this order, or None: a cursor that does not fit starts at the beginning."""
    try:
        kind, *key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if kind != order:
            return None
        at = {"at": _typed(order, key[0])} if len(key) == 2 else {}
        return {**at, "id": UUID(key[-1])}
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def _typed(order: str, value: Any) -> Any:
    return float(value) if order.endswith("conf") else datetime.fromisoformat(value)


def _cursor(cursor: str) -> dict[str, Any]:
    """The cursor of the default order, or one before everything."""
    start = {"prio": -1, "entered": LONG_AGO, "id": UUID(int=0)}
    try:
        kind, prio, entered, key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if kind != "prio":
            return start
        return {"prio": int(prio), "entered": datetime.fromisoformat(entered), "id": UUID(key)}
    except (ValueError, TypeError, AttributeError):
        return start
