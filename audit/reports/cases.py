"""R2: one case from beginning to end. R12: incidents, their deadlines and their cases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from audit.report import Query, Report, numbered
from audit.reports.events import COMMON, PROOF, Texts, Told, common, compact, lines, proof, read
from audit.services import now
from audit.tabular import Column, Line
from audit.timeline import title

# Article 73(2) to (4) of Regulation (EU) 2024/1689: days from awareness to report. Check the Official Journal.
DEADLINES = {"serious": 15, "death": 10, "widespread": 2}


def _step(told: Told) -> tuple[object, ...]:
    data = {name: value for name, value in told.data.items() if value not in (None, "", [], {})}
    return told.seq, title(told.name), told.before, told.after, compact(data)


R2 = Report(
    id="R2",
    title="Case dossier",
    question="What happened in one case, step by step, and where is the proof?",
    columns=(
        *COMMON,
        Column("step", "number within the case", "int"),
        Column("what", "in words"),
        Column("from_state"),
        Column("to_state"),
        Column("data", "codes, digests and times; texts are committed, not repeated"),
        *PROOF,
    ),
    lines=lines(None, _step),
    asks=frozenset({"case"}),
    needs_case=True,
    note="The dossier with texts and a proof for each event is the case's export: open the case, then Export.",
)


def deadline(opened: datetime, severity: str) -> datetime:
    """When an incident opened then must have been reported. The clock of the Act starts at awareness, not before."""
    return opened + timedelta(days=DEADLINES.get(severity, 15))


def _incidents(query: Query) -> Iterator[Line]:
    """Each incident with its cases; with `case=incident:<id>` every event of those cases."""
    if query.case:
        yield from numbered(query, _pack(query))
        return
    closed = {told.case: told for told in read(_all(query), ("incident.closed",))}
    for told in read(query, ("incident.opened",)):
        yield Line(str(told.n), _incident(told, closed.get(told.case)))


def _all(query: Query) -> Query:
    """Later events too: an incident of the time asked for may have been closed after it."""
    return Query(since=query.since, until=datetime.max.replace(tzinfo=query.until.tzinfo), chunk=query.chunk)


def _incident(told: Told, closed: Told | None) -> tuple[object, ...]:
    data = told.data
    due = deadline(told.at, data["severity"])
    end = (closed.at, closed.data.get("outcome")) if closed else (None, "")
    return *common(told), data["severity"], " ".join(data["actions"]), due, *end, *proof(told)


def _pack(query: Query) -> Iterator[tuple[object, ...]]:
    opened = next(read(_of(query, query.case), ("incident.opened",)), None)
    if opened is None:
        return
    texts = Texts.of([opened.id]) if query.opened else Texts()
    due = deadline(opened.at, opened.data["severity"])
    for case in (query.case, *(f"action:{action}" for action in opened.data["actions"])):
        for told in read(_of(query, case), None):
            words = texts.get(told.id, "summary") or compact(told.data)
            yield *common(told), title(told.name), words, due, None, told.after, *proof(told)


def _of(query: Query, case: str) -> Query:
    first = query.since.replace(year=1970)
    return Query(since=first, until=datetime.max.replace(tzinfo=query.until.tzinfo), case=case, chunk=query.chunk)


def late(query: Query, now: datetime) -> list[str]:
    """Open incidents whose time to report is over, or ends within three days."""
    done = {told.case for told in read(_all(query), ("incident.closed",))}
    found = []
    for told in read(query, ("incident.opened",)):
        due = deadline(told.at, told.data["severity"])
        if told.case not in done and due - now < timedelta(days=3):
            found.append(f"{told.case} is open: to be reported by {due:%Y-%m-%d %H:%M} UTC")
    return found


R12 = Report(
    id="R12",
    title="Incident pack",
    question="Which incidents were opened, by when must each be reported, and what happened in their cases?",
    columns=(
        *COMMON,
        Column("severity", "serious, death or widespread; in a pack: the step in words"),
        Column("cases", "actions concerned; in a pack: what the event says"),
        Column("report_by", "15 days after opening, 10 with a death, 2 if widespread", "time"),
        Column("closed_at", "", "time"),
        Column("outcome", "how it was closed; in a pack: the state it led to"),
        *PROOF,
    ),
    lines=_incidents,
    asks=frozenset({"case"}),
    texts=True,
    alarms=lambda query: [] if query.case else late(query, now()),
    note="With the case incident:<id>, every event of all its cases. The time to report runs from awareness, which "
    "may lie before the opening: check it.",
)

REPORTS = (R2, R12)
