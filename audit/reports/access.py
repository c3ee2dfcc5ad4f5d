"""R9: who looked at the record. R10: what was erased. R7: what is kept, since when, and what is held."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from django.db import connection

from audit.events import EventName
from audit.keeping import kept, pruned
from audit.report import Query, Report, numbered
from audit.reports.events import COMMON, PROOF, Told, common, compact, lines, proof, read
from audit.tabular import Column, Line

LOOKS = ("audit.searched", "audit.exported", "audit.verified", "content.opened")
SIGN_INS = ("auth.signed_in", "auth.refused", "auth.stepped_up")


def _access(told: Told) -> tuple[object, ...]:
    data = told.data
    what = data.get("case") or data.get("job") or data.get("method")
    return what, data.get("field") or data.get("reason_code") or data.get("purpose"), compact(data.get("filters"))


R9 = Report(
    id="R9",
    title="Access log",
    question="Who searched, exported, verified or opened the record, and who signed in or was refused?",
    columns=(
        *COMMON,
        Column("what", "the case opened, the export or check made, or how somebody signed in", "code"),
        Column("detail", "field, purpose, or why it was refused"),
        Column("filters", "names of the filters used, never what was typed"),
        *PROOF,
    ),
    lines=lines((*LOOKS, *SIGN_INS), _access),
    note="While an item waits, what its reviewer saw is in the decision's own event and writes none here.",
)


def _erasures(query: Query) -> Iterator[Line]:
    """One line for each text; a page may end within an erasure and the next one goes on there."""
    event, _, shown = query.after.partition(".")
    at, passed = (
        (int(event), int(shown)) if f"{event}{shown}".isdecimal() and len(query.after) < 19 and shown else (0, 0)
    )
    for told in read(replace(query, after=str(max(0, at - 1))), ("privacy.erased",)):
        for number, entry in enumerate(told.data["entries"], start=1):
            if told.n > at or number > passed:
                values = (entry["event"], entry["field"], *told.of("basis", "authoriser"))
                yield Line(f"{told.n}.{number}", (*common(told), number, *values, *proof(told)))


R10 = Report(
    id="R10",
    title="Erasure register",
    question="Which committed texts were erased, when, on what legal basis, and on whose word?",
    columns=(
        *COMMON,
        Column("number", "within the erasure", "int"),
        Column("erased_event", "the event that had committed to the text", "event"),
        Column("field", "which of its texts"),
        Column("basis", "legal basis, as a code"),
        Column("authoriser", "pseudonym of who allowed it", "code"),
        *PROOF,
    ),
    lines=_erasures,
    note="Never whose texts they were. Proofs of the events stay valid; the slot says that its text is gone.",
)

# The oldest event of each name: a statement of since when what is kept.
KEPT = """
SELECT m.name, (SELECT e.at FROM audit.event_web e WHERE e.name = m.name ORDER BY e.n LIMIT 1)
  FROM unnest(%s::text[]) m (name) ORDER BY 1
"""
HELD = ("hold.placed", "hold.lifted", "retention.changed", "retention.pruned")


def _retention(query: Query) -> Iterator[Line]:
    kept = query.after.removeprefix("kept ")
    if kept != query.after or not query.after:
        yield from (Line(f"kept {line.key}", line.values) for line in numbered(replace(query, after=kept), _kept()))
        query = replace(query, after="")
    for told in read(query, HELD):
        detail = compact({name: value for name, value in told.data.items() if value not in ("", None)})
        yield Line(str(told.n), (told.name, told.at, detail, told.actor["ref"], told.who, *proof(told)))


def _kept() -> Iterator[tuple[object, ...]]:
    yield from _stated()
    with connection.cursor() as cursor:
        cursor.execute(KEPT, [[str(name) for name in EventName]])
        rows = cursor.fetchall()
    for name, since in rows:
        if since is not None:
            yield f"kept: {name}", since, "oldest that is still here", "", "", None, None


def _stated() -> Iterator[tuple[object, ...]]:
    """The log as a whole, then each class: how long it is kept at least, and whether it is ever pruned."""
    gone = pruned()
    said = f"{gone.entries} entries below index {gone.min_index} were pruned" if gone.entries else "nothing was pruned"
    yield f"whole from index {gone.min_index}", gone.last, said, "", "", None, None
    for one in kept():
        never = "" if one.prunable else "; never pruned"
        yield f"class: {one.name}", one.oldest, f"{one.words}: {one.period}{never}", "", "", None, None


R7 = Report(
    id="R7",
    title="Retention and holds",
    question="What is kept since when, what is on hold, and what was pruned?",
    columns=(
        Column(
            "what", "from where the log is whole; a class or kind of event with its oldest; a hold, period or pruning"
        ),
        Column("since", "when the oldest was written, or when this happened", "time"),
        Column("detail"),
        Column("by", "pseudonym or id of who did it", "code"),
        Column("name", "what people call them now"),
        *PROOF,
    ),
    lines=_retention,
    note="Nothing goes by itself, nor one by one: a pruning names what goes, below one index, and says so here.",
)
REPORTS = (R7, R9, R10)
