"""What the audit compares the log with: each run's state, as its case should have left it."""

from collections.abc import Collection, Iterator
from typing import Any

from agents.models import OPEN, Run
from audit.canonical import b64
from audit.registry import register_projection
from reviews.record import is_uuid


def lines(cases: Collection[str] | None) -> Iterator[dict[str, Any]]:
    """One line for each run; `cases` limits it to these."""
    rows = Run.objects.order_by("id")
    if cases is not None:
        names = [case.removeprefix("run:") for case in cases if case.startswith("run:")]
        rows = rows.filter(id__in=[name for name in names if is_uuid(name)])
    for run, state, seq, head in rows.values_list("id", "state", "case_seq", "case_head").iterator(chunk_size=2000):
        told = "open" if state in OPEN else state
        yield {"kind": "case", "case": f"run:{run}", "state": told, "seq": seq, "head": b64(bytes(head))}


def register() -> None:
    register_projection("agents", lines)
