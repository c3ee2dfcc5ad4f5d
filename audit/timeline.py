"""The events of a case as people read them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from audit import registry, seal
from audit.events.names import RECEIPTED

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
    "privacy.keys_erased": "Keys erased",
    "privacy.master_changed": "Master key changed",
    "hold.placed": "Legal hold placed",
    "hold.lifted": "Legal hold lifted",
    "retention.pruned": "Old entries pruned",
    "decision.recorded": "Decided",
}
VERDICTS = {"approve": "Approved", "reject": "Rejected", "escalate": "Escalated", "ask": "Asked a question"}
TONES = {"approve": "good", "reject": "bad", "escalate": "warn", "ask": "note"}
TELLING = {
    "outcome": "outcome", "mode": "mode", "policy_version": "policy", "reason_code": "reason", "revision": "revision",
    "risk": "risk", "fence": "fence", "worker": "worker", "key": "key", "cause": "cause", "error": "error",
    "confidence_permille": "confidence", "until": "until", "release_at": "not before", "assignee": "assigned to",
    "target": "to", "version": "version", "type": "type", "how": "how",
}  # fmt: skip


Texts = dict[tuple[str, str], str]  # by event and field
Gone = dict[tuple[str, str], list[Any]]  # the erasure's event, time and basis


@dataclass(frozen=True)
class CommittedText:
    """A text that the event committed to: its value, or that it was erased, or that it is not shown here.

    `by` names the erasure's event, `at` its time, `basis` the code of why.
    """

    field: str
    value: str | None
    erased: bool = False
    by: str = ""
    at: datetime | None = None
    basis: str = ""


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

    @property
    def receipted(self) -> bool:
        """Whether whoever made this event can have a signed receipt for it."""
        return self.name in RECEIPTED


def timeline(case: str, *, opened: bool = False) -> list[TimelineRow]:
    """Every event of the case, oldest first. `opened` also reads the committed texts that lie in the record."""
    with connection.cursor() as cursor:
        cursor.execute(ROWS, [case])
        rows = cursor.fetchall()
    events = [json.loads(bytes(row[7])) for row in rows]
    names = registry.names_of({event["actor"]["ref"] for event in events})
    texts = _texts(case, [row[0] for row in rows]) if opened else None
    gone = _erased(events)
    return [_row(row, event, names, texts, gone) for row, event in zip(rows, events, strict=True)]


def _row(
    row: Sequence[Any],
    event: dict[str, Any],
    names: dict[str, str],
    texts: Texts | None,
    gone: Gone,
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
        facts=[(word, _fact(key, data[key])) for key, word in TELLING.items() if data.get(key) not in (None, "", [])],
        texts=[_text(event["id"], name, texts, gone) for name in sorted(event["commit"])],
    )


def _fact(key: str, value: Any) -> str:
    """A value as people write it: per mille as a share, codes without their underscores."""
    if key == "confidence_permille" and isinstance(value, int):
        return f"{value / 1000:.2f}"
    return str(value).replace("_", " ") if key in ("outcome", "cause") else str(value)


def short(case: str) -> str:
    """A case's name as lists have room for: its kind, and both ends of its id."""
    return case if len(case) < 24 else f"{case[:15]}…{case[-4:]}"


def title(name: str) -> str:
    """An event's name in words."""
    return TITLES.get(name, name.replace(".", " ").replace("_", " ").capitalize())


def _text(event: str, name: str, texts: Texts | None, gone: Gone) -> CommittedText:
    slot = (event, name)
    if slot in gone:
        return CommittedText(name, None, True, *gone[slot])
    return CommittedText(name, None if texts is None else texts.get(slot))


def _texts(case: str, events: list[UUID]) -> Texts:
    """Every text of the case that can be read: the record's own, and what the apps keep."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT event_id, field, salt, scheme, body FROM audit.content WHERE event_id = ANY (%s)", [events]
        )
        found = {
            (str(event), name): seal.value(seal.Lying(bytes(salt), scheme, bytes(body)))
            for event, name, salt, scheme, body in cursor.fetchall()
        }
    for source in registry.texts().values():
        for text in source([case]):
            found[str(text.event), text.field] = None if text.body is None else readable(text.body)
    return {slot: value for slot, value in found.items() if value is not None}


def readable(body: bytes) -> str:
    """Bytes as a person reads them: the words of a message, else the text as it is."""
    text = body.decode("utf-8", "replace")
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if isinstance(value, dict) and isinstance(value.get("text"), str) and value.keys() <= {"text", "expects"}:
        return str(value["text"])
    return json.dumps(value, ensure_ascii=False, indent=1) if isinstance(value, dict | list) else text


def _erased(events: list[dict[str, Any]]) -> Gone:
    """Which committed texts of these events were erased: by which event, when, on what basis."""
    slots = {(event["id"], name) for event in events for name in event["commit"]}
    if not slots:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT x->>'event', x->>'field', e.id::text, e.at, d->>'basis' FROM audit.event_web e,"
            " LATERAL (SELECT convert_from(e.leaf, 'UTF8')::jsonb -> 'data' AS d) said,"
            " jsonb_array_elements(d -> 'entries') x"
            " WHERE e.name = 'privacy.erased' AND x->>'event' = ANY (%s)",
            [sorted({event for event, _ in slots})],
        )
        return {(event, name): more for event, name, *more in cursor.fetchall() if (event, name) in slots}
