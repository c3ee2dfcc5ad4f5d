"""R8: what the log can show about itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from audit import queries
from audit.keeping import pruned
from audit.report import Query, Report, numbered
from audit.tabular import Column, Line


def _facts() -> Iterator[tuple[str, Any, str]]:
    health, head = queries.health(), queries.newest_checkpoint()
    yield "events in the tree", health.size, "leaves that have their place"
    yield "events under a signature", health.signed_size, "leaves below the newest signed checkpoint"
    yield "newest signature", health.signed_at, "when it was made"
    yield "root", bytes(head.root).hex() if head else None, "of the newest signed checkpoint"
    yield "waiting for a place", health.waiting, "committed, not yet in the tree"
    yield "oldest waiting, seconds", round(health.oldest_waiting_s, 1), "10 at most are promised"
    yield "neither in the tree nor waiting", health.without_leaf, "must be 0"
    if delay := queries.merge_delay():
        yield "merge delay, median seconds", round(delay[0], 3), "from event to checkpoint, newest 500"
        yield "merge delay, 99th percentile", round(delay[1], 3), "seconds, newest 500"
    seen = queries.cosigned()
    yield "signed by witnesses up to", seen.size if seen else None, "leaves of the largest checkpoint that one signed"
    yield "witnesses", seen.witnesses if seen else 0, "that signed it"
    yield "outside copy, size", health.anchored_size, "leaves under the published checkpoint"
    yield "outside copy, written", health.anchored_at, "at the anchor folder"
    yield "texts erased", health.erased, "their proofs stay valid"
    gone = pruned()
    yield "pruned entries", gone.entries, "their hashes stay, and their proofs stay valid"
    yield "whole from index", gone.min_index, "from here on every entry is in the log"
    yield from _verified()
    yield from _compared()
    for number, vkey in enumerate(queries.vkeys(), start=1):
        yield f"key {number}", vkey, "verifier line; keep it elsewhere"


def _verified() -> Iterator[tuple[str, Any, str]]:
    job = queries.newest_job("verify")
    if job is None:
        yield "verified", None, "nobody has verified this log here yet"
        return
    yield "verified up to", job.result.get("size"), "events, by the last verification"
    yield "verified at", job.finished, "when it ended"
    yield "verdict", job.result.get("verdict") or job.result.get("error"), "of verify.py"


def _compared() -> Iterator[tuple[str, Any, str]]:
    job = queries.newest_comparison()
    if job is None:
        yield "record and rows compared", None, "not here yet"
        return
    yield "record and rows compared", job.finished, "when that ended"
    yield "rows that differ", " ".join(job.result["reconciled"]) or "none", "names of findings"


def _lines(query: Query) -> Iterator[Line]:
    yield from numbered(query, _facts())


R8 = Report(
    id="R8",
    title="Integrity",
    question="How much of the log is signed, checked and copied elsewhere?",
    columns=(Column("fact"), Column("value"), Column("meaning")),
    lines=_lines,
    note="Verified up to a size at a time; never more than that. What an outsider needs is an export and verify.py.",
    alarms=lambda query: list(queries.health().alarms),
)
REPORTS = (R8,)
