"""What is kept, since when, for how long at least, and what could be pruned."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

WORDS = {
    "decisions": "Actions, votes, messages, evidence, effects",
    "runs": "Runs of agents",
    "rules": "Policy, levels, types, stops, people's rights, incidents, checks",
    "access": "Sign-ins, searches, exports, opened texts",
    "privacy": "Erasures, legal holds, prunings",
    "log": "The log's own keys, alarms and beginnings",
}
KEPT = """
    SELECT r.class, r.days, k.oldest, clock_timestamp() - make_interval(days => r.days)
    FROM audit.retention r LEFT JOIN LATERAL (
        SELECT min(x.at) AS oldest FROM audit.event_name n, LATERAL (
            SELECT e.at FROM audit.event_web e WHERE e.name = n.name ORDER BY e.n LIMIT 1) x
        WHERE audit.retention_class(n.name) = r.class) k ON true
    ORDER BY r.days DESC, r.class
"""
OVER = """
    SELECT l.leaf_index, e.name, e.at, e.case_id,
           e.at < clock_timestamp() - make_interval(days => r.days) AS over, audit.held(e.case_id) AS hold
    FROM audit.leaf l JOIN audit.event e USING (n)
    JOIN audit.retention r ON r.class = audit.retention_class(e.name)
    WHERE l.leaf_index >= %s ORDER BY l.leaf_index LIMIT %s
"""
STEP = 1_000


@dataclass(frozen=True)
class Kept:
    """One class of events. `oldest` is the first one that is here; None where there is none yet."""

    name: str
    words: str
    days: int
    oldest: datetime | None
    since: datetime

    @property
    def has_over(self) -> bool:
        """Whether some of it has been kept for longer than it has to be."""
        return self.oldest is not None and self.oldest < self.since


def kept() -> list[Kept]:
    """The statement of what is kept since when."""
    with connection.cursor() as cursor:
        cursor.execute(KEPT)
        return [Kept(name, WORDS.get(name, name), days, oldest, since) for name, days, oldest, since in cursor]


@dataclass(frozen=True)
class Prunable:
    """How many entries from the log's beginning are past their period, and what stops there."""

    below: int
    stopped_by: str


def prunable(most: int = 10_000_000) -> Prunable:
    """The longest beginning of the log of which nothing has to stay: no entry in its period, none under hold."""
    below = 0
    for index, name, at, case, over, hold in _entries(most):
        if not over:
            return Prunable(below, f"entry {index}, {name} of {at:%Y-%m-%d}, is still in its period")
        if hold is not None:
            return Prunable(below, f"entry {index}, of {case}, is under legal hold {hold}")
        below = index + 1
    return Prunable(below, "the end of the log")


def _entries(most: int) -> Iterator[tuple[int, str, datetime, str, bool, object]]:
    start = 0
    while start < most:
        with connection.cursor() as cursor:
            cursor.execute(OVER, [start, STEP])
            rows = cursor.fetchall()
        yield from rows
        if len(rows) < STEP:
            return
        start = rows[-1][0] + 1
