"""Which rows of an open page are no longer what the page says, and how many it does not have yet."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from reviews.models import QueueStamp
from reviews.queries.counting import tally
from reviews.queries.cube import Cell
from reviews.queries.filters import PASSED_ON, Clause, Filter, Scope
from reviews.queries.reach import Reader
from reviews.queries.rows import Row, rows

MOST_CHANGED = 50  # beyond it the page is told that the list changed, and nothing else


def stamp(queues: Iterable[str]) -> str:
    """What identifies the state of these queues; compared for equality only."""
    found = QueueStamp.objects.filter(queue__in=list(queues)).order_by("queue")
    return "-".join(f"{queue}.{n}" for queue, n in found.values_list("queue", "n"))


class Moved(NamedTuple):
    """One row that is still open, or what became of it and who did it."""

    id: UUID
    ref: str
    state: str
    by: str
    mine: bool
    waiting: bool
    closed: bool

    def gone(self, scope: Scope) -> bool:
        """Whether it has left a list of this kind: what was put off leaves what waits, not the list of what was."""
        if scope == "waiting":
            return not self.waiting
        return self.closed or (scope == "parked" and self.waiting)


_SQL = """
SELECT i.id, 'ACT-' || i.ref, a.state, coalesce(d.username, ''), coalesce(d.reviewer_id = %(me)s, p.mine),
       i.waiting AND NOT p.mine, i.closed_at IS NOT NULL
  FROM reviews_item_desk i JOIN reviews_action a ON a.id = i.action_id
 CROSS JOIN LATERAL (SELECT coalesce({passed_on}, false) AS mine) p
  LEFT JOIN LATERAL (SELECT u.username, v.reviewer_id
        FROM reviews_decision v JOIN reviews_user u ON u.id = v.reviewer_id
        WHERE v.action_id = i.action_id AND i.closed_at IS NOT NULL AND v.verdict IN ('approve', 'reject')
        ORDER BY v.created_at DESC LIMIT 1) d ON true
 WHERE i.ref = ANY(%(refs)s) AND i.queue_id = ANY(%(queues)s)
"""


def moved(refs: Collection[int], reader: Reader) -> list[Moved]:
    """The state of these rows, within reach."""
    if not refs:
        return []
    with connection.cursor() as cursor:
        values: dict[str, Any] = {"refs": list(refs), "queues": list(reader.queues), "me": reader.user.pk}
        cursor.execute(_SQL.format(passed_on=PASSED_ON), values)
        return [Moved(*row) for row in cursor.fetchall()]


def changed(found: Iterable[Moved], marks: Mapping[str, str], reader: Reader) -> list[Row]:
    """The rows that still wait and no longer look as the page shows them."""
    ids = [each.id for each in found if not each.closed and marks.get(each.ref)]
    return [row for row in rows(ids, reader.queues) if row.mark != marks[row.ref]] if ids else []


def fresh(wanted: Filter, cells: list[Cell], *, since: datetime, shown: Collection[int]) -> int:
    """How many matches came since the page was made; those it shows by now are none of them."""
    values = {"since": since, "shown": list(shown)}
    newer = Clause("i.entered > %(since)s AND NOT i.ref = ANY(%(shown)s)", values, _SINCE)
    found = tally(replace(wanted, clauses=[newer, *wanted.clauses]), cells)
    return found.n or 0


_SINCE = """SELECT i.action_id FROM reviews_item_desk i WHERE i.waiting AND i.queue_id = ANY(%(queues)s)
    AND i.risk_rank = ANY(%(risks)s) AND i.entered > %(since)s"""
