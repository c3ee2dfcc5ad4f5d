"""Everything the detail page shows of one action, read once and within one reader's reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

from django.utils import timezone

from audit import seal
from reviews.errors import NotFound
from reviews.field_order import in_order
from reviews.masking import folded, marked, masked, redacted, secret_values, uninspectable
from reviews.models import Action, Attempt, Decision, DeskItem, PrecedentSearch, User
from reviews.policy import money
from reviews.queries.payload import FIRST_SIGHT, Change, Shown, changes, fields
from reviews.queries.policy import standing_level, standing_stops
from reviews.queries.reach import Reader
from reviews.queries.rows import why
from reviews.queries.texts import Artefact, Note, Version, artefacts, notes, versions
from reviews.registry import amount, get, is_loaded, json_schema, title
from reviews.schemas import encode
from reviews.states import Status, Verdict
from reviews.visible import clip, has_hidden

RAW_SHOWN = 20_000
CLOSING = (Verdict.APPROVE.value, Verdict.REJECT.value)


@dataclass(frozen=True, slots=True)
class Vote:
    """A decision as the history shows it."""

    id: UUID
    verdict: str
    who: str
    mine: bool
    at: datetime
    code: str
    target: str
    revision: int
    via: str
    batch: UUID | None
    retracted: datetime | None
    event: UUID


class Detail:
    """One action for one reader. Cheap to make; each part is read when it is first asked for."""

    def __init__(self, action: Action, item: DeskItem | None, reader: Reader) -> None:
        self.action, self.item, self.reader = action, item, reader
        self.sight = FIRST_SIGHT
        self.kind = action.type
        self.now = timezone.now()

    @property
    def case(self) -> str:
        return self.action.case

    @property
    def state_words(self) -> str:
        return self.action.state.replace("_", " ")

    @property
    def ref(self) -> str:
        return f"ACT-{self.item.ref}" if self.item else ""

    @cached_property
    def revisions(self) -> list[Version]:
        return versions(self.action)

    @property
    def current(self) -> Version:
        return next(v for v in self.revisions if v.number == self.action.revision)

    @cached_property
    def payload(self) -> dict[str, Any] | None:
        return self.current.payload

    @cached_property
    def title(self) -> str:
        if self.payload is None:
            return f"{self.kind.label}: its bytes can no longer be read"
        return title(self.kind, self.payload)

    @property
    def bytes_as_text(self) -> str:
        body = self.current.body
        return "" if body is None else body.decode("utf-8", "backslashreplace")

    @property
    def raw(self) -> str:
        """The bytes as they are, but for secrets; hidden characters are written out by the template."""
        text = self.bytes_as_text if self.sight.bare else masked(self._safe_bytes)
        return text if self.sight.whole else clip(text, RAW_SHOWN).text

    @property
    def _safe_bytes(self) -> str:
        """Fields that are secret by name are masked in the bytes as well."""
        if self.payload is None or not self.secret:
            return self.bytes_as_text
        return encode(redacted(self.payload, self.secret_names)).decode()

    @property
    def raw_more(self) -> int:
        return 0 if self.sight.whole else max(0, len(self.bytes_as_text) - RAW_SHOWN)

    @cached_property
    def secret(self) -> bool:
        """Whether something is masked in the payload, the evidence or the thread."""
        return self.payload_secret or any(a.secret for a in self.evidence) or any(n.secret for n in self.notes)

    @cached_property
    def unread(self) -> bool:
        """Whether part of the payload is shown only when asked for, and was not yet."""
        if self.payload is None or not folded(self.payload, self.secret_names):
            return False
        return not self.sight.whole or (self.payload_secret and not self.sight.bare)

    @cached_property
    def uninspectable(self) -> str:
        return uninspectable(self.payload) if self.payload is not None else ""

    @property
    def loaded(self) -> bool:
        return is_loaded(self.kind, self.action.type_version)

    @cached_property
    def schema(self) -> Mapping[str, Any]:
        """The type's schema; from code where it is loaded, since a jsonb column forgets the order of fields."""
        loaded = get(self.kind.name)
        same = loaded is not None and loaded.version == self.kind.version
        return json_schema(loaded) if loaded is not None and same else in_order(self.kind.schema, self.kind.field_order)

    @cached_property
    def fields(self) -> list[Shown]:
        if self.payload is None or not self.loaded:
            return []
        return fields(self.payload, self.schema, self.kind.machine_paths, self.sight)

    @property
    def hidden(self) -> bool:
        return any(shown.hidden for shown in self.fields) or has_hidden(self.bytes_as_text)

    @cached_property
    def changed(self) -> list[Change]:
        """What the current revision changed of the first, value by value."""
        first = self.revisions[0].payload
        if self.action.revision == 1 or first is None or self.payload is None:
            return []
        return changes(first, self.payload, self.schema)

    @cached_property
    def update(self) -> list[Change]:
        """What an update replaces by what, where its payload says both."""
        given = self.payload or {}
        for old, new in (("before", "after"), ("old", "new")):
            if isinstance(given.get(old), Mapping) and isinstance(given.get(new), Mapping):
                within = {"$defs": {"payload": self.schema}}  # names its secrets, and is no schema of these parts
                return changes(given[old], given[new], within)
        return []

    @cached_property
    def secret_names(self) -> frozenset[str]:
        return marked(self.kind.schema)

    @cached_property
    def payload_secret(self) -> bool:
        return self.payload is not None and any(True for _ in secret_values(self.payload, self.secret_names))

    @cached_property
    def amount(self) -> str:
        if self.payload is None:
            return ""
        found, currency = amount(self.kind, self.payload)
        return "" if found is None else money(found, currency)

    @cached_property
    def currency(self) -> str:
        return amount(self.kind, self.payload)[1] if self.payload is not None else ""

    @property
    def why(self) -> tuple[str, ...]:
        return why(self.action.floors, self.action.outcome)

    @cached_property
    def stops(self) -> list[Any]:
        return standing_stops(type_name=self.kind.name, principal=self.action.proposer_id)

    @cached_property
    def hand_set(self) -> Any:
        """The level that stands for this agent and type where a person set it: no guarantee."""
        if self.action.proposer_id is None:
            return None
        level = standing_level(
            principal=self.action.proposer_id,
            version=self.action.agent_version,
            type_name=self.kind.name,
        )
        return level if level is not None and level.hand_set and level.expires > self.now else None

    @cached_property
    def evidence(self) -> list[Artefact]:
        """Contradictions first, then gaps, then in the order in which they came."""
        return artefacts(self.action, self.sight)

    @cached_property
    def notes(self) -> list[Note]:
        return notes(self.action, self.sight)

    @property
    def reasoning(self) -> list[Note]:
        return [note for note in self.notes if note.kind == "reasoning"]

    @property
    def thread(self) -> list[Note]:
        return [note for note in self.notes if note.kind != "reasoning"]

    @property
    def question(self) -> Note | None:
        """The reviewer's question that nobody has answered."""
        answered = {note.reply_to for note in self.notes if note.kind == "answer"}
        asked = [n for n in self.notes if n.kind == "question" and n.id not in answered]
        return asked[-1] if asked and self.action.state == Status.PENDING else None

    @cached_property
    def votes(self) -> list[Vote]:
        """Verdicts only of what is decided, so that nobody votes after somebody; the reader's own always."""
        rows = (
            Decision.objects.filter(action=self.action)
            .select_related("reviewer", "target", "retraction")
            .order_by("created_at")
        )
        closed = self.action.state not in (Status.PENDING, Status.PROPOSED)
        votes = [_vote(row, self.reader.user) for row in rows]
        return [v for v in votes if closed or v.mine or v.verdict not in CLOSING]

    @property
    def my_vote(self) -> Vote | None:
        mine = [v for v in self.votes if v.mine and v.verdict in CLOSING and v.retracted is None]
        current = [v for v in mine if v.revision == self.action.revision]
        return current[-1] if current else None

    @cached_property
    def attempts(self) -> list[Attempt]:
        return list(Attempt.objects.filter(action=self.action).order_by("fence"))

    @cached_property
    def search(self) -> PrecedentSearch | None:
        """What the keeper found for the revision on the page; None until it has looked."""
        return PrecedentSearch.objects.filter(action=self.action, revision=self.action.revision).first()

    @property
    def began(self) -> datetime | None:
        """When the effect of the last attempt began."""
        return self.attempts[-1].effect_at if self.attempts else None

    @property
    def effect_key(self) -> str:
        return self.attempts[-1].key if self.attempts else ""

    @property
    def result(self) -> str:
        done = [a.result for a in self.attempts if a.result is not None]
        try:
            return seal.unsealed(bytes(done[-1])).decode("utf-8", "backslashreplace") if done else ""
        except seal.CannotOpen:
            return ""

    @property
    def release_in(self) -> float | None:
        """Seconds until what was decided takes its course; None when nothing waits for it."""
        waits = self.action.state in (Status.APPROVED, Status.REJECTED)
        at = self.action.release_at
        return (at - self.now).total_seconds() if waits and at and at > self.now else None

    @property
    def pending(self) -> bool:
        return self.action.state == Status.PENDING and self.item is not None and self.item.closed_at is None

    @property
    def mark(self) -> str:
        """What an open page compares: it differs once there is something that a reviewer must know of."""
        return f"{self.item.version if self.item else 0}.{self.action.state}"

    @property
    def was_check(self) -> bool:
        """It is over, and had been seeded to see whether people look."""
        return self.item is not None and self.item.was_check

    @property
    def last_evidence(self) -> int:
        return max((a.number for a in self.evidence), default=0)

    @property
    def last_message(self) -> int:
        return max((n.number for n in self.notes), default=0)


def by_ref(ref: int, reader: Reader) -> Detail:
    """The item's page, or 404 where the reader does not reach its queue."""
    item = (
        DeskItem.objects.filter(ref=ref, queue__in=list(reader.queues))
        .select_related("claimed_by", "assignee", "escalated_to", "queue")
        .first()
    )
    if item is None:
        raise NotFound
    return Detail(_action(item.action_id), item, reader)


def by_action(action: UUID, reader: Reader) -> Detail:
    """The same by the action's id, whatever its newest item is; it may have none."""
    item = (
        DeskItem.objects.filter(action=action)
        .select_related("claimed_by", "assignee", "escalated_to", "queue")
        .order_by("-ref")
        .first()
    )
    found = _action(action)
    reader.demand(item.queue_id if item else found.type.queue_id)
    return Detail(found, item, reader)


def _action(action: UUID) -> Action:
    found = (
        Action.objects.select_related("type", "proposer", "requested_by", "owner", "retry_of", "reverses")
        .filter(id=action)
        .first()
    )
    if found is None:
        raise NotFound
    return found


def _vote(row: Decision, reader: User) -> Vote:
    retraction = getattr(row, "retraction", None)
    return Vote(
        id=row.id,
        verdict=row.verdict,
        who=str(row.reviewer) if row.reviewer else "policy",
        mine=row.reviewer_id == reader.pk,
        at=row.created_at,
        code=row.reason_code,
        target=str(row.target) if row.target else "",
        revision=row.revision,
        via=row.via,
        batch=row.batch,
        retracted=retraction.created_at if retraction else None,
        event=row.event_id,
    )
