"""What the audit compares the log with: each run's state, as its case should have left it."""

from collections.abc import Collection, Iterator
from typing import Any
from uuid import UUID

from django.db import connection

from agents.models import OPEN, Run
from audit.canonical import b64
from audit.ids import id_in
from audit.registry import register_eraser, register_loose, register_projection
from reviews.models import Action


def lines(cases: Collection[str] | None) -> Iterator[dict[str, Any]]:
    """One line for each run; `cases` limits it to these."""
    rows = Run.objects.order_by("id")
    if cases is not None:
        rows = rows.filter(id__in=[run for case in cases if (run := id_in(case, "run"))])
    for run, state, seq, head in rows.values_list("id", "state", "case_seq", "case_head").iterator(chunk_size=2000):
        told = "open" if state in OPEN else state
        yield {"kind": "case", "case": f"run:{run}", "state": told, "seq": seq, "head": b64(bytes(head))}


def register() -> None:
    register_projection("agents", lines)
    register_eraser("agents", erase, guard)
    register_loose("agents", journal, run_of)


def erase(event: UUID, field: str) -> bool:
    """Journal, arguments and result of the run that this event began."""
    if field != "journal":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT agents_erase(%s)", [event])
        erased: bool = cursor.fetchone()[0]
    return erased


def guard(case: str) -> str:
    """Why nothing of this run may be erased yet."""
    found = id_in(case, "run")
    run = Run.objects.filter(id=found).first() if found else None
    if run is None:
        return ""
    if run.state not in ("finished", "failed", "cancelled"):
        return "the run is still open; its texts are erased once it is over"
    with connection.cursor() as cursor:
        cursor.execute("SELECT agents_held(%s)", [run.pk])
        hold = cursor.fetchone()[0]
    return f"an action of this run is under legal hold {hold}" if hold else ""


JOURNAL = """
SELECT e.id, octet_length(r.args::text) + octet_length(r.title) + coalesce(octet_length(r.result), 0)
       + coalesce((SELECT sum(octet_length(j.result)) FROM agents_journal j WHERE j.run_id = r.id), 0)
FROM agents_run r JOIN audit.event_web e ON e.case_id = 'run:' || r.id AND e.case_seq = 1
WHERE r.id = %s AND (r.args <> '{}' OR r.title <> '' OR r.result IS NOT NULL
                     OR EXISTS (SELECT FROM agents_journal j WHERE j.run_id = r.id))
"""


def journal(case: str) -> Iterator[tuple[UUID, str, int]]:
    """What a run remembers. No event committed to it: it is named by the one that began the run."""
    run = id_in(case, "run")
    if run is None:
        return
    with connection.cursor() as cursor:
        cursor.execute(JOURNAL, [run])
        yield from ((event, "journal", int(size)) for event, size in cursor.fetchall())


def run_of(case: str) -> Iterator[str]:
    """The run that proposed an action."""
    action = id_in(case, "action")
    if action is None:
        return
    runs = Action.objects.filter(pk=action, run__isnull=False)
    yield from (f"run:{run}" for run in runs.values_list("run", flat=True))
