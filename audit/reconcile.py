"""Compares the record with the business tables, both ways, without an export.

The rules are the verifier's own: the same class reads the leaves from the database and the lines from the
registered projections.
"""

from argparse import Namespace
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.db import connection

from audit import queries, registry
from audit.export import line_of, one_read
from audit.verify import FOREVER, Check

CHUNK = 2_000
COLUMNS = """
    SELECT e.n, e.case_id FROM audit.event e, LATERAL (SELECT convert_from(e.leaf, 'UTF8')::jsonb AS j) AS parsed
    WHERE (e.id::text, e.name, e.case_id, e.case_seq::text, e.writer, e.actor_ref)
       IS DISTINCT FROM (j->>'id', j->>'name', j#>>'{case,id}', j#>>'{case,seq}', j->>'writer', j#>>'{actor,ref}')
       OR (e.change_from, e.change_to) IS DISTINCT FROM (j#>>'{change,from}', j#>>'{change,to}')
       OR e.at <> (j->>'at')::timestamptz OR e.batch_id::text IS DISTINCT FROM j->>'batch'
       OR e.leaf_hash <> sha256('\\x00'::bytea || e.leaf)
    ORDER BY e.n
"""


class Reconciliation(Check):
    """The verifier's checks of events and rows, fed from the database. Indexes count events in order of `n`."""

    def __init__(self) -> None:
        super().__init__(Path(), Namespace(case="", progress=False))
        self.manifest = {"projections": sorted(registry.projections())}

    def rows(self, name: str, make: Callable[[Any], Any] = lambda row: row) -> Iterator[Any]:
        for lines in registry.projections().values():
            yield from lines(None)

    def read_events(self) -> None:
        for index, line in enumerate(_lines()):
            self.tree.levels[0] += self.check_line(index, line)
        self.check_pruned(FOREVER)

    def check_columns(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(COLUMNS)
            for n, case in cursor.fetchall():
                self.say("COLUMNS", -1, f"{case}: the columns of event {n} say other than its leaf", case)

    def run(self) -> None:
        self.read_events()
        self.check_columns()
        self.check_business()


def reconcile() -> list[dict[str, Any]]:
    """The findings (name, index, count, text), none if rows and record agree. Login: auditor or router."""
    with one_read():
        check = Reconciliation()
        check.run()
    return list(check.found.values())


def _lines() -> Iterator[bytes]:
    with connection.chunked_cursor() as cursor:
        for sql in (queries.LEAVES, queries.WAITING):
            cursor.execute(sql)
            while rows := cursor.fetchmany(CHUNK):
                yield from (line_of(*row) for row in rows)
