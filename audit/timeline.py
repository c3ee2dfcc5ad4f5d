"""The events of a case as people read them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from audit import registry

ROWS = """
    SELECT e.id, e.name, e.at, e.case_seq, e.change_from, e.change_to, e.batch_id, e.leaf, e.leaf_hash,
           l.leaf_index, l.leaf_index < (SELECT max(c.size) FROM audit.checkpoint c WHERE c.signature IS NOT NULL)
    FROM audit.event_web e LEFT JOIN audit.leaf l USING (n)
    WHERE e.case_id = %s ORDER BY e.case_seq
"""
TITLES = {
    "action.proposed": "Proposed",
    "action.withdrawn": "Withdrawn",
    "evidence.added": "Evidence added",
    "question.answered": "Question answered",
    "action.routed": "Routed",
    "decision.retracted": "Decision taken back",
    "question.closed": "Question closed",
    "action.expired": "Expired",
    "action.escalated": "Escalated: time was up",
    "attempt.leased": "Taken by a worker",
    "attempt.begun": "Effect begun",
    "attempt.finished": "Effect ended",
    "attempt.retried": "Will be tried again",
    "attempt.in_doubt": "In doubt",
    "attempt.settled": "Doubt settled",
    "action.reversed": "Reversed",
    "action.edited": "Edited",
    "action.deferred": "Deferred",
    "action.assigned": "Assigned",
    "message.posted": "Message",
    "run.started": "Run started",
    "run.finished": "Run finished",
    "run.blocked": "Run blocked",
    "auth.signed_in": "Signed in",
    "auth.refused": "Sign-in refused",
    "auth.stepped_up": "Signed in once more",
    "audit.searched": "Record searched",
    "audit.exported": "Record exported",
    "audit.verified": "Record verified",
    "content.opened": "Texts opened",
    "privacy.erased": "Texts erased",
    "decision.recorded": "Decided",
}
VERDICTS = {"approve": "Approved", "reject": "Rejected", "escalate": "Escalated", "ask": "Asked a question"}
TONES = {"approve": "good", "reject": "bad", "escalate": "warn", "ask": "note"}
TELLING = {
    "outcome": "outcome", "mode": "mode", "policy_version": "policy", "reason_code": "reason", "revision": "revision",
    "risk": "risk", "fence": "fence", "worker": "worker", "key": "key", "cause": "cause", "error": "error",
    "confidence_permille": "confidence ‰", "until": "until", "release_at": "not before", "assignee": "assigned to",
    "target": "to", "version": "version", "type": "type", "how": "how",
}  # fmt: skip


@dataclass(frozen=True)
class CommittedText:
    """A text that the event committed to: its value, or that it was erased, or that it is not shown here."""

    field: str
    value: str | None
    erased: bool = False


@dataclass(frozen=True)
class TimelineRow:
    """One event of a case."""

    id: UUID
    name: str
    title: str
    tone: str
    at: datetime
    seq: int
    who: str
    actor: dict[str, str]
    change: tuple[str | None, str] | None
    verdict: str
    batch: UUID | None
    leaf_index: int | None
    signed: bool
    leaf_hash: str
    data: dict[str, Any]
    facts: list[tuple[str, str]] = field(default_factory=list)
    texts: list[CommittedText] = field(default_factory=list)


def timeline(case: str, *, opened: bool = False) -> list[TimelineRow]:
    """Every event of the case, oldest first. `opened` also reads the committed texts that lie in the record."""
    with connection.cursor() as cursor:
        cursor.execute(ROWS, [case])
        rows = cursor.fetchall()
    events = [json.loads(bytes(row[7])) for row in rows]
    names = registry.names_of({event["actor"]["ref"] for event in events})
    texts = _texts([row[0] for row in rows]) if opened else None
    gone = _erased(events)
    return [_row(row, event, names, texts, gone) for row, event in zip(rows, events, strict=True)]


def _row(
    row: Sequence[Any],
    event: dict[str, Any],
    names: dict[str, str],
    texts: dict[tuple[str, str], str] | None,
    gone: set[tuple[str, str]],
) -> TimelineRow:
    data, actor, verdict = event["data"], event["actor"], str(event["data"].get("verdict", ""))
    decided = event["name"] == "decision.recorded"
    change = event["change"]
    return TimelineRow(
        id=row[0],
        name=row[1],
        title=VERDICTS.get(verdict, verdict) if decided else title(row[1]),
        tone=TONES.get(verdict, "") if decided else "",
        at=row[2],
        seq=row[3],
        who=names.get(actor["ref"], actor["ref"]),
        actor=actor,
        change=None if change is None else (change["from"], change["to"]),
        verdict=verdict,
        batch=row[6],
        leaf_index=row[9],
        signed=bool(row[10]),
        leaf_hash=bytes(row[8]).hex(),
        data=data,
        facts=[(word, str(data[key])) for key, word in TELLING.items() if data.get(key) not in (None, "", [])],
        texts=[_text(event["id"], name, texts, gone) for name in sorted(event["commit"])],
    )


def title(name: str) -> str:
    """An event's name in words."""
    return TITLES.get(name, name.replace(".", " ").replace("_", " ").capitalize())


def _text(event: str, name: str, texts: dict[tuple[str, str], str] | None, gone: set[tuple[str, str]]) -> CommittedText:
    slot = (event, name)
    return CommittedText(name, None if texts is None else texts.get(slot), slot in gone)


def _texts(events: list[UUID]) -> dict[tuple[str, str], str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT event_id, field, body FROM audit.content WHERE scheme = 0 AND event_id = ANY (%s)", [events]
        )
        return {(str(event), name): str(json.loads(bytes(body))[1]) for event, name, body in cursor.fetchall()}


def _erased(events: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Which committed texts of these events an erasure event names."""
    slots = {(event["id"], name) for event in events for name in event["commit"]}
    if not slots:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT x->>'event', x->>'field' FROM audit.event_web e,"
            " jsonb_array_elements(convert_from(e.leaf, 'UTF8')::jsonb #> '{data,entries}') x"
            " WHERE e.name = 'privacy.erased'"
        )
        return slots & set(cursor.fetchall())
