"""Events as lines of a report: by name and time, in the order in which they were written."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from audit import registry, seal
from audit.events.names import VOTES
from audit.report import Query
from audit.tabular import Column, Line

READ = """
SELECT e.n, e.id, e.name, e.at, e.case_id, e.case_seq, e.change_from, e.change_to, e.leaf, l.leaf_index
  FROM audit.event_web e LEFT JOIN audit.leaf l USING (n)
 WHERE e.at >= %(since)s AND e.at < %(until)s AND e.n > %(after)s
   AND (%(names)s::text[] IS NULL OR e.name = ANY (%(names)s)) AND (%(case)s = '' OR e.case_id = %(case)s) {where}
 ORDER BY e.n LIMIT %(chunk)s
"""


@dataclass(frozen=True, slots=True)
class Told:
    """One event, opened: its envelope is in `leaf`."""

    n: int
    id: UUID
    name: str
    at: datetime
    case: str
    seq: int
    before: str | None
    after: str | None
    leaf: dict[str, Any]
    leaf_index: int | None
    who: str = ""

    @property
    def data(self) -> dict[str, Any]:
        return dict(self.leaf["data"])

    @property
    def actor(self) -> dict[str, str]:
        return dict(self.leaf["actor"])

    def of(self, *names: str) -> list[Any]:
        """Fields of the event's data; None where this event has no such field."""
        return [self.data.get(name) for name in names]


COMMON = (
    Column("at", "when, by the database's clock", "time"),
    Column("event", "name of the event"),
    Column("case", "what it belongs to", "case"),
    Column("by", "pseudonym or id of who did it", "code"),
    Column("name", "what people call them now"),
)
PROOF = (
    Column("leaf_index", "place in the log; empty while it waits for one", "int"),
    Column("event_id", "its proof of inclusion", "event"),
)


def common(told: Told) -> tuple[Any, ...]:
    return told.at, told.name, told.case, told.actor["ref"], told.who


def proof(told: Told) -> tuple[Any, ...]:
    return told.leaf_index, told.id


def read(query: Query, names: Sequence[str] | None, where: str = "") -> Iterator[Told]:
    """Events of these names, chunk by chunk. `where` is a constant of the caller's."""
    after, wanted = _after(query), list(names) if names is not None else None
    values = {"since": query.since, "until": query.until, "names": wanted, "case": query.case, "chunk": query.chunk}
    while True:
        with connection.cursor() as cursor:
            cursor.execute(READ.format(where=where), values | {"after": after})
            rows = cursor.fetchall()
        yield from _named(rows)
        if len(rows) < query.chunk:
            return
        after = rows[-1][0]


def _after(query: Query) -> int:
    return int(query.after) if query.after.isdecimal() and len(query.after) < 19 else 0


def _told(rows: Sequence[tuple[Any, ...]]) -> Sequence[tuple[Any, ...]]:
    """A report tells no vote while somebody else may still vote on its case: the file has no single reader."""
    waiting = registry.veils_of({row[4] for row in rows if row[2] in VOTES}, None)
    return [row for row in rows if row[2] not in VOTES or row[4] not in waiting]


def _named(rows: Sequence[tuple[Any, ...]]) -> Iterator[Told]:
    rows = _told(rows)
    leaves = [json.loads(bytes(row[8])) for row in rows]
    names = registry.names_of({leaf["actor"]["ref"] for leaf in leaves})
    for row, leaf in zip(rows, leaves, strict=True):
        n, event, name, at, case, seq, before, after, _, place = row
        who = names.get(leaf["actor"]["ref"], "")
        yield Told(n, event, name, at, case, seq, before, after, leaf, place, who)


def lines(
    names: Sequence[str] | None, values: Callable[[Told], Sequence[Any]], where: str = ""
) -> Callable[[Query], Iterator[Line]]:
    """The lines of a report whose every line is one event."""

    def found(query: Query) -> Iterator[Line]:
        for told in read(query, names, where):
            yield Line(str(told.n), (*common(told), *values(told), *proof(told)))

    return found


def places(events: Sequence[UUID]) -> dict[UUID, int]:
    """Leaf index of those of these events that have one."""
    sql = "SELECT e.id, l.leaf_index FROM audit.event_web e JOIN audit.leaf l USING (n) WHERE e.id = ANY (%s)"
    with connection.cursor() as cursor:
        cursor.execute(sql, [list(events)])
        return dict(cursor.fetchall())


def compact(value: Any) -> str:
    """A small JSON object on one line."""
    return "" if value in (None, {}, []) else json.dumps(value, ensure_ascii=False, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Texts:
    """Committed texts of events, read where they may be opened."""

    found: dict[tuple[str, str], str] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Sequence[UUID]) -> Texts:
        """Those of these events that are there and that this process can open."""
        sql = "SELECT event_id, field, salt, scheme, body FROM audit.content WHERE event_id = ANY (%s)"
        with connection.cursor() as cursor:
            cursor.execute(sql, [list(events)])
            rows = cursor.fetchall()
        opened = {
            (str(event), name): seal.value(seal.Lying(bytes(salt), scheme, bytes(body)))
            for event, name, salt, scheme, body in rows
        }
        return cls({slot: words for slot, words in opened.items() if words is not None})

    def get(self, event: UUID, name: str) -> str:
        return self.found.get((str(event), name), "")
