"""What is kept, since when, for how long at least; what a pruning would remove, what stays and why, and what went."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction

WORDS = {
    "decisions": "Actions, votes, messages, evidence, effects, checks",
    "runs": "Runs of agents",
    "rules": "Policy, levels, types, stops, people's rights, incidents",
    "access": "Sign-ins, searches, exports, opened texts",
    "privacy": "Erasures, legal holds, prunings",
    "log": "The log's own keys, alarms and beginnings",
}
PRUNABLE = ("decisions", "runs", "access")
KEPT = """
    SELECT r.class, r.days, k.oldest
    FROM audit.retention r LEFT JOIN LATERAL (
        SELECT min(x.at) AS oldest FROM audit.event_name n, LATERAL (
            SELECT e.at FROM audit.event_web e WHERE e.name = n.name ORDER BY e.n LIMIT 1) x
        WHERE audit.retention_class(n.name) = r.class) k ON true
    ORDER BY r.days DESC, r.class
"""
ORDERS = """
    SELECT e.id, e.at, l.leaf_index, d.data, e.actor_ref, c.at, c.count, j.id, j.state, j.result ->> 'error'
    FROM audit.event_web e LEFT JOIN audit.leaf l USING (n)
         LEFT JOIN audit.carried_out c ON c.event = e.id
         LEFT JOIN audit.job j ON j.kind = 'prune' AND j.params ->> 'order' = e.id::text,
         LATERAL (SELECT convert_from(e.leaf, 'UTF8')::jsonb -> 'data' AS data) d
    WHERE e.name = 'retention.pruned' ORDER BY e.n DESC LIMIT %s
"""


@dataclass(frozen=True)
class Kept:
    """One class of events. `oldest` is the first one that is here; None where there is none yet."""

    name: str
    words: str
    days: int
    oldest: datetime | None

    @property
    def prunable(self) -> bool:
        """Whether such events ever go. The others say why these look as they do, and stay as long as the log."""
        return self.name in PRUNABLE

    @property
    def period(self) -> str:
        """How long it is kept, in words."""
        return f"{self.days} days at least" if self.prunable else "as long as the log"


def kept() -> list[Kept]:
    """The statement of what is kept since when."""
    with connection.cursor() as cursor:
        cursor.execute(KEPT)
        return [Kept(name, WORDS.get(name, name), days, oldest) for name, days, oldest in cursor]


@dataclass(frozen=True)
class Pruned:
    """What is gone so far. Of the classes that are pruned, entries from `min_index` on are all here."""

    min_index: int
    entries: int
    last: datetime | None


def pruned() -> Pruned:
    """Of the log as a whole, by what was carried out."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT h.min_index, coalesce(sum(c.count), 0), max(c.at)"
            " FROM audit.head h LEFT JOIN audit.carried_out c ON true GROUP BY h.min_index"
        )
        below, entries, last = cursor.fetchone()
    return Pruned(below, int(entries), last)


def is_lawful() -> bool:
    """Whether exactly those entries are gone that an order names. Reads the whole log."""
    try:
        with transaction.atomic():
            _one("SELECT count FROM audit.pruning(0, '{}')")
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", "") == "AU001":
            return False
        raise
    return True


def is_pruned(case: str) -> bool:
    """Whether events of this case were pruned."""
    return bool(_one("SELECT EXISTS (SELECT FROM audit.pruned_case WHERE case_id = %s)", case)[0])


@dataclass(frozen=True)
class Prunable:
    """Up to which index entries of the classes may go, how many they are, and what stops there."""

    below: int
    stopped_by: str
    count: int
    gone: int
    digest: bytes


def prunable(classes: Sequence[str] = PRUNABLE, *, below: int | None = None, seconds: int = 0) -> Prunable:
    """What could go now. With `below`: only entries below it. It reads the whole log; 0 seconds: without a limit."""
    with transaction.atomic():
        _limit(seconds)
        limit, stopped_by = _one("SELECT below, stopped_by FROM audit.prune_limit(%s)", list(classes))
        wanted = limit if below is None else min(limit, below)
        count, gone, digest = _one("SELECT count, gone, digest FROM audit.pruning(%s, %s)", wanted, list(classes))
    return Prunable(wanted, stopped_by, count, gone, bytes(digest))


@dataclass(frozen=True)
class Going:
    """Entries of one class that would go: how many, of how many cases, from when to when."""

    name: str
    words: str
    entries: int
    cases: int
    since: datetime
    until: datetime


@dataclass(frozen=True)
class Staying:
    """Entries past their period that stay: under a legal hold, or (without one) since their case is still open."""

    hold: UUID | None
    entries: int
    cases: int


@dataclass(frozen=True)
class Plan:
    """What a pruning of these classes would do."""

    found: Prunable
    going: list[Going]
    staying: list[Staying]


def plan(classes: Sequence[str] = PRUNABLE, *, below: int | None = None, seconds: int = 0) -> Plan:
    """The whole preview. Raises OperationalError where it takes longer than these seconds."""
    with transaction.atomic():
        found = prunable(classes, below=below, seconds=seconds)
        going = _all("SELECT * FROM audit.prune_plan(%s, %s)", found.below, list(classes))
        staying = _all("SELECT * FROM audit.prune_kept(%s)", list(classes))
    return Plan(
        found, [Going(name, WORDS.get(name, name), *more) for name, *more in going], [Staying(*row) for row in staying]
    )


@dataclass(frozen=True)
class Order:
    """A pruning as its event tells it; no `index` while it has no place, nor `done` till it was carried out."""

    id: UUID
    at: datetime
    index: int | None
    below: int
    periods: list[dict[str, Any]]
    count: int
    gone: int
    by: str
    done: datetime | None
    went: int
    job: UUID | None
    state: str
    error: str

    @property
    def classes(self) -> list[str]:
        return [str(period["name"]) for period in self.periods]

    @property
    def under_way(self) -> bool:
        """Whether the keeper was asked and has not ended it yet."""
        return self.done is None and self.state in ("waiting", "running")

    @property
    def told(self) -> str:
        """How it stands, in words."""
        if self.done:
            return f"carried out {self.done:%Y-%m-%d}: {self.went} entries went"
        if self.state == "failed":
            return f"not carried out: {self.error}"
        return "under way" if self.under_way else "not carried out"


def orders(limit: int = 20) -> list[Order]:
    """Ordered prunings, newest first."""
    return [_order(*row) for row in _all(ORDERS, limit)]


def _order(event: UUID, at: datetime, index: int | None, data: str, by: str, *carried: Any) -> Order:
    told = json.loads(data)
    done, went, job, state, error = carried
    return Order(
        event, at, index, told["below"], told["periods"], told["count"], told["gone"], by,
        done, went or 0, job, state or "", error or "",
    )  # fmt: skip


def _limit(seconds: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{int(seconds)}s'")


def _one(sql: str, *values: Any) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        row: tuple[Any, ...] = cursor.fetchone()
    return row


def _all(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())
