"""R1: every decision, by a person or by policy, with its place in the log."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any
from uuid import UUID

from audit.canonical import stamp
from audit.ids import as_uuid, id_in
from audit.report import Query, Report
from audit.reports.events import places
from audit.tabular import Column, Line
from reviews.queries.numbers.window import read

SQL = """
SELECT d.id, d.created_at, 'ACT-' || i.ref, 'action:' || d.action_id, a.type_id, a.type_version,
       coalesce(p.name, 'people'), a.agent_version, d.verdict, d.reason_code, coalesce(u.pseudonym, 'policy'), d.via,
       d.batch, d.risk, a.outcome, a.policy_version, d.revision, d.digest, a.confidence, d.opened_at, d.dwell_ms,
       r.created_at, a.state, d.event_id
  FROM reviews_decision d
  JOIN reviews_action a ON a.id = d.action_id
  LEFT JOIN reviews_item_desk i ON i.id = d.item_id
  LEFT JOIN reviews_principal p ON p.id = a.proposer_id
  LEFT JOIN reviews_user u ON u.id = d.reviewer_id
  LEFT JOIN reviews_retraction r ON r.decision_id = d.id
 WHERE (d.created_at, d.id) > (%(at)s, %(id)s) AND d.created_at >= %(since)s AND d.created_at < %(until)s
   AND d.purpose <> 'canary' AND NOT (a.state = 'pending' AND a.needed > 1) AND (%(type)s = '' OR a.type_id = %(type)s)
   AND (%(action)s::uuid IS NULL OR d.action_id = %(action)s)
 ORDER BY d.created_at, d.id LIMIT %(chunk)s
"""
COLUMNS = (
    Column("decided_at", "when, by the database's clock", "time"),
    Column("item", "its visit to the desk"),
    Column("case", "the action", "case"),
    Column("type", "kind of action"),
    Column("type_version", "of the payload's schema", "int"),
    Column("agent", "who proposed"),
    Column("agent_version"),
    Column("verdict", "approve, reject, escalate or ask"),
    Column("reason_code", "as picked; the rationale is committed text"),
    Column("reviewer", "pseudonym, or policy", "code"),
    Column("via", "single, batch or policy"),
    Column("batch", "the batch it was part of", "code"),
    Column("risk", "when it was decided"),
    Column("routing", "what policy returned"),
    Column("policy_version", "in force at routing", "int"),
    Column("revision", "of the payload", "int"),
    Column("digest", "salted SHA-256 of the exact bytes decided on", "code"),
    Column("confidence", "as the agent stated it", "share"),
    Column("opened_at", "when the reviewer opened it", "time"),
    Column("dwell_ms", "visible time the browser reported: a hint", "int"),
    Column("taken_back_at", "undone before release", "time"),
    Column("state", "of the action now"),
    Column("leaf_index", "place in the log; empty while it waits for one", "int"),
    Column("event_id", "its proof of inclusion", "event"),
)
FIRST = UUID(int=0)


def cursor_of(after: str, since: datetime) -> tuple[datetime, UUID]:
    """Where the page before ended: time and id. Anything else begins at the beginning."""
    at, _, found = after.partition(" ")
    try:
        return datetime.fromisoformat(at), UUID(found)
    except ValueError:
        return since, FIRST


def _lines(query: Query) -> Iterator[Line]:
    at, last = cursor_of(query.after, query.since)
    fixed = {"since": query.since, "until": query.until, "type": query.type, "chunk": query.chunk}
    fixed["action"] = _action(query.case)
    while True:
        rows = read(SQL, fixed | {"at": at, "id": last})
        found = places([row[-1] for row in rows])
        for key, *values, event in rows:
            yield Line(f"{stamp(values[0])} {key}", _values(values, found.get(event), event))
        if len(rows) < query.chunk:
            return
        last, at = rows[-1][:2]


def _action(case: str) -> UUID | None:
    """The action that a case names; what is no action has no decisions."""
    return id_in(case, "action") or as_uuid(case) or (FIRST if case else None)


def _values(values: list[Any], place: int | None, event: UUID) -> tuple[Any, ...]:
    return *values, place, event


R1 = Report(
    id="R1",
    title="Register of decisions",
    question="Who decided what, when, on which bytes, under which policy, and where is it in the log?",
    columns=COLUMNS,
    lines=_lines,
    asks=frozenset({"case", "type"}),
    note="Reviewers stand here by pseudonym. Seeded checks are no decisions and are left out. "
    "A vote that waits for another's stands here once the case is closed, so that nobody reads it before voting.",
)
