"""The record's search: pages of events, newest first, by what they are and by what the keeper filed of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from audit import registry
from audit.events.names import VOTES
from audit.models import Event
from audit.words import query_of


@dataclass(frozen=True)
class Filters:
    """A search of the record. Empty: everything, newest first."""

    case: str = ""
    name: str = ""
    actor: str = ""
    verdict: str = ""
    type: str = ""
    agent: str = ""
    reason: str = ""
    batch: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    words: tuple[str, ...] = ()


COLUMNS = {"case": "e.case_id = %s", "name": "e.name = %s", "batch": "e.batch_id = %s",
           "since": "e.at >= %s", "until": "e.at < %s"}  # fmt: skip
LAST_BEFORE = (
    "SELECT n FROM audit.event WHERE at < %s::timestamptz - interval '10 minutes' ORDER BY at DESC, n DESC LIMIT 1"
)
FIRST_AFTER = "SELECT n FROM audit.event WHERE at > %s::timestamptz + interval '10 minutes' ORDER BY at, n LIMIT 1"
JOINED = "audit.search s JOIN audit.event_web e ON e.n = s.n"
WALKED = "audit.search s CROSS JOIN LATERAL (SELECT x.* FROM audit.event_web x WHERE x.n = s.n OFFSET 0) e"
FILED = {"verdict": "s.verdict = %s", "type": "s.type = %s", "reason": "s.reason_code = %s"}


def search(filters: Filters, *, before: int | None = None, limit: int = 50) -> list[Event]:
    """A page of events, newest first; `before` is the smallest `n` of the page above (keyset, never OFFSET).

    Type, agent, verdict, reason and words are filed by the keeper once an event has its place in the tree.
    """
    wanted, filed = _conditions(filters)
    bounds = list(_between(filters)) + ([] if before is None else [("< %s", before)])
    order, source = _source(filters) if filed else ("e.n", "audit.event_web e")
    # Of both tables: the planner carries an equality over a join, and not a bound.
    for number in ("s.n", "e.n") if source == JOINED else (order,):
        wanted += [(f"{number} {clause}", bound) for clause, bound in bounds]
    where = " AND ".join(clause for clause, _ in wanted) or "true"
    sql = f"SELECT e.* FROM {source} WHERE {where} ORDER BY {order} DESC LIMIT %s"  # noqa: S608  clauses are ours
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = '1s'")
        return list(Event.objects.raw(sql, [*(value for _, value in wanted), limit]))


def unveiled(rows: Sequence[Event], reader: str) -> list[Event]:
    """Without votes on cases that this person (pseudonym) may still vote on."""
    closed = registry.veils_of({row.case_id for row in rows if row.name in VOTES}, reader)
    return [row for row in rows if row.name not in VOTES or row.case_id not in closed]


def _source(filters: Filters) -> tuple[str, str]:
    """What is filed is walked in order and each event looked up, unless the event itself says what is rare."""
    return "s.n", JOINED if filters.case or filters.name or filters.batch else WALKED


def _between(filters: Filters) -> Iterator[tuple[str, int]]:
    """Bounds of `n` that a time implies, so that a page begins where the time does and not at the log's end.

    The database lets no event be more than 25 seconds older than its insertion, or later (AU002). Ten minutes leave
    room for a clock that was set.
    """
    for sql, moment, clause in ((LAST_BEFORE, filters.since, "> %s"), (FIRST_AFTER, filters.until, "< %s")):
        if moment is not None:
            with connection.cursor() as cursor:
                cursor.execute(sql, [moment])
                if row := cursor.fetchone():
                    yield clause, int(row[0])


def _conditions(filters: Filters) -> tuple[list[tuple[str, Any]], bool]:
    """Clauses with their values, and whether one of them reads what the keeper filed."""
    wanted = [(clause, value) for name, clause in FILED.items() if (value := getattr(filters, name))]
    if filters.agent:
        wanted.append(_who("s.agent", filters.agent))
    if filters.words:
        wanted.append(("s.words @@ %s::tsquery", query_of(filters.words)))
    filed = bool(wanted)
    if filters.actor:  # who did it is filed too, so that such filters meet in one table
        wanted.append(_who("s.actor" if filed else "e.actor_ref", filters.actor))
    wanted += [(clause, value) for name, clause in COLUMNS.items() if (value := getattr(filters, name))]
    return wanted, filed


def _who(column: str, asked: str) -> tuple[str, Any]:
    """One reference compares with an index in order; of several, each is looked up."""
    refs = sorted(registry.refs_of(asked))
    return (f"{column} = %s", refs[0]) if len(refs) == 1 else (f"{column} = ANY (%s)", refs)


def matching_cases(filters: Filters, most: int) -> list[str]:
    """The cases with an event that matches, at most `most` and one more; for an export."""
    wanted, filed = _conditions(filters)
    where = " AND ".join(clause for clause, _ in wanted) or "true"
    source = "audit.search s JOIN audit.event e ON e.n = s.n" if filed else "audit.event e"
    sql = f"SELECT DISTINCT e.case_id FROM {source} WHERE {where} LIMIT %s"  # noqa: S608  clauses are ours
    with connection.cursor() as cursor:
        cursor.execute(sql, [*(value for _, value in wanted), most + 1])
        return [case for (case,) in cursor.fetchall()]
