"""The rows of one page of the queue, as flat values: the template looks nothing up."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID
from zlib import crc32

from django.db import connection

from reviews.durations import span
from reviews.policy import ROUTINE, Floor, chip, money
from reviews.states import Outcome

SOON = 600  # seconds before the deadline at which a row says so in another colour
TONES = {
    "approved": "good", "succeeded": "good", "rejected": "bad", "failed": "bad",
    "in_doubt": "warn", "pending": "note", "executing": "note", "expired": "warn",
    "finished": "good", "blocked": "bad", "parked": "note",
}  # fmt: skip
_SQL = """
SELECT i.id, i.ref, i.action_id, i.queue_id, i.action_type_id AS type, i.risk, i.confidence, i.amount, i.currency,
       i.entered, i.due, i.breached, i.closed_at, i.question_open, i.deferred_until, i.version, i.waiting,
       i.claimed_by_id, i.claimed_until > now() AS claimed, i.assignee_id,
       c.username AS claimer, u.username AS assignee, p.name AS agent, r.username AS person,
       a.agent_version, a.state, a.floors, a.outcome, a.needed, a.revision, a.digest, a.decide_by, a.reversibility,
       t.question, s.title, clock_timestamp() AS now, i.claimed_until,
       (SELECT array_agg(g.name ORDER BY g.name) FROM reviews_tag g
         WHERE g.action_id = i.action_id AND g.removed_at IS NULL) AS tags,
       coalesce((SELECT max(e.number) FROM reviews_evidence e WHERE e.action_id = i.action_id), 0) AS evidence,
       coalesce((SELECT max(m.number) FROM reviews_message m WHERE m.action_id = i.action_id), 0) AS message
  FROM unnest(%s::uuid[]) WITH ORDINALITY AS k (id, place)
  JOIN reviews_item_desk i ON i.id = k.id
  JOIN reviews_action a ON a.id = i.action_id
  JOIN reviews_actiontype t ON t.name = i.action_type_id
  LEFT JOIN reviews_principal p ON p.id = a.proposer_id
  LEFT JOIN reviews_user r ON r.id = a.requested_by_id
  LEFT JOIN reviews_user c ON c.id = i.claimed_by_id
  LEFT JOIN reviews_user u ON u.id = i.assignee_id
  LEFT JOIN reviews_searchtext s ON s.action_id = i.action_id AND s.revision = a.revision
 WHERE i.queue_id = ANY(%s)
 ORDER BY k.place
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the queue."""

    id: UUID
    ref: str
    action: UUID
    type: str
    risk: str
    state: str
    title: str
    agent: str
    confidence: str
    amount: str
    minor: int | None
    currency: str
    why: str
    version: int
    digest: str
    evidence: int
    message: int
    assignee: str
    claimer: str
    claim_words: str
    tags: tuple[str, ...]
    is_open: bool
    is_question: bool
    question_open: bool
    deferred: bool
    two: bool
    reversibility: str
    marked: bool  # the title holds escapes of hidden characters
    tone: str
    state_words: str
    waited_words: str
    left_words: str
    late: bool

    @property
    def key(self) -> str:
        """What a form sends for this row: which item, in which version, showing which bytes."""
        return f"{self.ref}:{self.version}:{self.digest}"

    @property
    def mark(self) -> str:
        """How it looks but for the clock, in few letters: a page that is open compares it."""
        seen = (self.version, self.state, self.claimer, self.assignee, self.tags, self.question_open, self.deferred)
        return f"{crc32(repr(seen).encode()) & 0xFFFFF:x}"


def rows(ids: Iterable[UUID], queues: Iterable[str]) -> list[Row]:
    """The rows of these items in this order; what is out of reach is left out."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL, [list(ids), list(queues)])
        names = [column.name for column in cursor.description]
        return [_row(dict(zip(names, values, strict=True))) for values in cursor.fetchall()]


def _row(got: Mapping[str, Any]) -> Row:
    is_open = got["closed_at"] is None
    left = (got["decide_by"] - got["now"]).total_seconds() if got["decide_by"] and is_open else None
    return Row(
        id=got["id"],
        ref=f"ACT-{got['ref']}",
        action=got["action_id"],
        type=got["type"],
        risk=got["risk"],
        state=got["state"],
        title=got["title"] or f"{got['type']} (not yet in words)",
        agent=_proposer(got),
        confidence="" if got["confidence"] is None else f"{got['confidence']:.2f}",
        amount="" if got["amount"] is None else money(got["amount"], got["currency"]),
        minor=got["amount"],
        currency=got["currency"],
        why=chip(_fired(json.loads(got["floors"]), got["outcome"])),
        version=got["version"],
        digest=bytes(got["digest"]).hex(),
        evidence=got["evidence"],
        message=got["message"],
        assignee=got["assignee"] or "",
        claimer=(got["claimer"] or "") if got["claimed"] else "",
        claim_words=span((got["claimed_until"] - got["now"]).total_seconds()) if got["claimed"] else "",
        tags=tuple(got["tags"] or ()),
        is_open=is_open,
        is_question=got["question"],
        question_open=got["question_open"],
        deferred=got["deferred_until"] is not None,
        two=got["needed"] > 1,
        reversibility=got["reversibility"],
        marked="[U+" in (got["title"] or ""),
        tone=TONES.get(got["state"], "quiet"),
        state_words=got["state"].replace("_", " "),
        waited_words=span((got["now"] - got["entered"]).total_seconds()),
        left_words="" if left is None else f"{span(left)} left" if left > 0 else "time is up",
        late=got["breached"] or (left is not None and left < SOON),
    )


def _proposer(got: Mapping[str, Any]) -> str:
    if got["person"]:
        return str(got["person"])
    version = f" {got['agent_version']}" if got["agent_version"] else ""
    return f"{got['agent'] or 'unknown'}{version}"


def why(floors: Any, outcome: str | None) -> tuple[str, ...]:
    """The floors that set the outcome, each in a phrase that betrays nothing about sampling."""
    found = [chip((floor,)) for floor in _fired(floors, outcome)]
    named = tuple(dict.fromkeys(words for words in found if words != ROUTINE))
    return named or (ROUTINE,)


def _fired(floors: Any, outcome: str | None) -> tuple[Floor, ...]:
    return tuple(_floor(each) for each in floors or () if each.get("outcome") == outcome)


def _floor(each: Mapping[str, Any]) -> Floor:
    return Floor(str(each.get("name", "")), str(each.get("value", "")), Outcome(each["outcome"]))
