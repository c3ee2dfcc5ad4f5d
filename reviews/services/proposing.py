"""Proposing: the only way an action is born. Raw SQL, since every agent step comes through here."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import starmap
from typing import Any, NamedTuple
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from audit import seal
from audit.events import ActionProposed, EventName
from audit.services import Actor, Entry, prepare, recording
from reviews.attachments import TEXT, media_of, unpacked
from reviews.errors import InvalidPayload, NotFound, NotPermitted, WrongState, desk_errors
from reviews.ids import new_id
from reviews.models import ActionType
from reviews.policy.amounts import value_at
from reviews.registry import canonical
from reviews.schemas import (
    MAX_EVIDENCE,
    AttachmentIn,
    EvidenceIn,
    Proposal,
    commitment,
    encode,
    new_salt,
)
from reviews.services.base import By, actor, after_commit, newborn
from reviews.services.sql import Statement, together
from reviews.states import Status
from reviews.subjects import kind_of


class Proposed(NamedTuple):
    """The action's id, and whether this call made it (False: the same was proposed before)."""

    id: UUID
    created: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposer:
    """Exactly one of run, principal and person speaks; the database derives the rest."""

    run: UUID | None
    principal: UUID | None
    by: By | None

    @property
    def person(self) -> int | None:
        return self.by.user.id if self.by and not (self.principal or self.run) else None

    @property
    def program(self) -> UUID | None:
        """The principal to name in the row; a run's is derived there."""
        return None if self.run else self.principal

    @property
    def actor(self) -> Actor:
        if self.by and self.person:
            return actor(self.by, "proposer")
        return Actor("agent", str(self.principal))


@dataclass(frozen=True, slots=True)
class Text:
    """A plaintext on its way into an erasable row."""

    salt: bytes
    body: bytes

    @property
    def digest(self) -> bytes:
        return commitment(self.salt, self.body)


def text_of(body: bytes) -> Text:
    return Text(new_salt(), body)


def propose(
    *,
    proposal: Proposal,
    run: UUID | None = None,
    principal: UUID | None = None,
    by: By | None = None,
    retry_of: UUID | None = None,
    reverses: UUID | None = None,
) -> Proposed:
    """Park an action. The same key and bytes again give the same action; other bytes KeyReused.

    A run proposes as its agent, `principal` as an outside program, `by` as a
    person. InvalidPayload names each path; then nothing is written.
    """
    who = Proposer(run=run, principal=principal, by=by)
    kind = action_type(proposal.type)
    stored = retry_of is not None or reverses is not None  # the bytes are ours already
    _, body = canonical(kind, proposal.payload, stored=stored)
    evidence = [text_of(artefact(one)) for one in proposal.evidence]
    reasoning = message_text(proposal.reasoning) if proposal.reasoning else None
    draft = Birth(new_id(), who, kind, proposal, text_of(body), evidence, reasoning, retry_of, reverses)
    try:
        return _park(draft)
    except IntegrityError as exc:
        if "action_one_reversal" in str(exc):
            raise WrongState("it is being reversed already") from exc
        if "action_dedup" not in str(exc):
            raise
        return _park(draft)  # a twin committed in between: now it is known


def _park(draft: Birth) -> Proposed:
    with desk_errors(), transaction.atomic():
        known, principal, at = _known(draft)
        if known is not None:
            return Proposed(known, created=False)
        replace(draft, who=replace(draft.who, principal=principal)).write(at)
    return Proposed(draft.id, created=True)


def action_type(name: str) -> ActionType:
    """An action type that may still be proposed."""
    kind = ActionType.objects.filter(name=name).first()
    if kind is None:
        raise NotFound(f"there is no action type {name!r}")
    if not kind.active:
        raise NotPermitted(f"{name} is switched off")
    return kind


def subject_of(kind: ActionType, payload: Mapping[str, Any]) -> bytes | None:
    """Whose data this is, as a keyed hash: the value that the type's subject path names, if it has one."""
    value = value_at(payload, kind.subject_path) if kind.subject_path else None
    if not isinstance(value, str | int) or value in ("", False, True):
        return None
    return seal.lookup_of(kind_of(kind.subject_path, kind.subject_kind), str(value))


def artefact(one: EvidenceIn | AttachmentIn) -> bytes:
    """The bytes of an artefact; it is shown as it came, not approved, so any text will do. A file is looked at."""
    if isinstance(one, AttachmentIn):
        body = unpacked(one).body
        media_of(body)
        return body
    try:
        body = one.text.encode()
    except UnicodeEncodeError as exc:
        raise _refused("evidence", "holds a lone surrogate") from exc
    if len(body) > MAX_EVIDENCE:
        raise _refused("evidence", "an artefact is larger than 1 MiB")
    return body


def _refused(path: str, message: str) -> InvalidPayload:
    return InvalidPayload(f"{path}: {message}", [{"path": path, "message": message}])


def _known(draft: Birth) -> tuple[UUID | None, UUID | None, datetime]:
    """An earlier action of this proposer under the same key; who the proposer is; the clock."""
    who, proposal = draft.who, draft.proposal
    principal = "reviews_run_principal(%s)" if who.run else "%s::uuid"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT reviews_known_proposal(%s, %s, %s, %s, %s, %s, %s), {principal}, clock_timestamp()",
            [
                who.run, who.program, who.person, proposal.dedup_key, proposal.type,
                draft.payload.body, draft.mark, who.run or who.program,
            ],
        )  # fmt: skip
        known, proposer, at = cursor.fetchone()
    return known, proposer, at


@dataclass(frozen=True, slots=True)
class Birth:
    """The rows of one new action: case, first revision, evidence, reasoning, event."""

    id: UUID
    who: Proposer
    kind: ActionType
    proposal: Proposal
    payload: Text
    evidence: Sequence[Text]
    reasoning: Text | None
    retry_of: UUID | None
    reverses: UUID | None

    def write(self, at: datetime) -> None:
        entry = self._entry(at)
        with connection.cursor() as cursor:
            together(cursor, *self._statements(entry), *starmap(Statement, recording([entry])))
        after_commit([self.id])

    def _statements(self, entry: Entry) -> Iterator[Statement]:
        yield self._action(entry)
        subject = subject_of(self.kind, self.proposal.payload)
        if subject is not None:
            yield Statement("SELECT audit.name_subject(%s, %s)", [entry.case, subject])
        sealer = seal.Sealer(entry.case, subject)
        yield from revision_rows(
            action=self.id,
            number=1,
            author=self.who.person,
            text=self.payload,
            event=entry,
            sealer=sealer,
            mark=self.mark,
        )
        if self.evidence:
            yield from self._evidence(entry, sealer)
        if self.reasoning:
            yield from message_rows(
                message=new_id(),
                action=self.id,
                number=1,
                kind="reasoning",
                author=self.who.person,
                text=self.reasoning,
                event=entry,
                sealer=sealer,
            )

    @property
    def mark(self) -> bytes:
        return seal.proposal_mark(self.kind.name, self.proposal.dedup_key, self.payload.body)

    def _entry(self, at: datetime) -> Entry:
        return prepare(
            name=EventName.ACTION_PROPOSED,
            data=self._data(),
            chain=newborn(self.id, at),
            actor=self.who.actor,
            change=(None, Status.PROPOSED.value),
            request=self.who.by.request if self.who.by else "",
            commit=self._commitments(),
        )

    def _commitments(self) -> dict[str, bytes]:
        """Every text that lies in a row of its own, by the name under which it can be found and erased."""
        found = {"payload": self.payload.digest}
        found |= {f"evidence_{n}": text.digest for n, text in enumerate(self.evidence, 1)}
        return found | ({"message_1": self.reasoning.digest} if self.reasoning else {})

    def _data(self) -> ActionProposed:
        kind, proposal = self.kind, self.proposal
        return ActionProposed(
            type=kind.name,
            type_version=str(kind.version),
            proposer=self.who.actor.ref,
            run=_name(self.who.run),
            digest=self.payload.digest,
            risk=kind.risk,
            reversibility=kind.reversibility,
            effect_mode=kind.effect_mode,
            confidence_permille=permille(proposal.confidence),
            needed=kind.reversal_needed if self.reverses else 1,
            retry_of=_name(self.retry_of),
            reverses=_name(self.reverses),
            plan=_name(proposal.plan.action) if proposal.plan else None,
            evidence=[text.digest for text in self.evidence],
        )

    def _action(self, entry: Entry) -> Statement:
        row = self._row(entry)
        marks = ", ".join(["%s"] * len(row))
        return Statement(
            f"INSERT INTO reviews_action ({', '.join(row)}) VALUES ({marks})",  # noqa: S608  our own names
            list(row.values()),
        )

    def _row(self, entry: Entry) -> dict[str, Any]:
        """What an INSERT may name; the rest is derived. A run may not name who proposes."""
        plan = self.proposal.plan
        row = {
            "id": self.id,
            "type_id": self.kind.name,
            "dedup_key": self.proposal.dedup_key,
            "confidence": self.proposal.confidence,
            "digest": self.payload.digest,
            "retry_of_id": self.retry_of,
            "plan_id": plan.action if plan else None,
            "plan_step": plan.step if plan else None,
            "case_seq": entry.seq,
            "case_head": entry.hash,
        }
        if self.who.run is not None:
            return row | {"run": self.who.run}
        return row | {
            "proposer_id": self.who.program,
            "requested_by_id": self.who.person,
            "reverses_id": self.reverses,
        }

    def _evidence(self, entry: Entry, sealer: seal.Sealer) -> Iterator[Statement]:
        ids = [new_id() for _ in self.evidence]
        given = self.proposal.evidence
        yield Statement(
            "INSERT INTO reviews_evidence (id, action_id, number, kind, title, source, conflict, digest, media,"
            " event_id, created_at)"
            " SELECT i, %s, n, k, t, s, c, d, m, %s, %s FROM unnest(%s::uuid[], %s::int[], %s::text[], %s::text[],"
            " %s::text[], %s::bool[], %s::bytea[], %s::text[]) AS e (i, n, k, t, s, c, d, m)",
            [
                self.id, entry.id, entry.at, ids, list(range(1, len(ids) + 1)), [e.kind for e in given],
                [e.title for e in given], [e.source for e in given], [e.conflict for e in given],
                [t.digest for t in self.evidence],
                [media_of(t.body) if e.kind == "file" else TEXT for e, t in zip(given, self.evidence, strict=True)],
            ],
        )  # fmt: skip
        yield Statement(
            "INSERT INTO reviews_evidencebody (evidence_id, salt, scheme, body)"
            " SELECT i, s, k, b FROM unnest(%s::uuid[], %s::bytea[], %s::int[], %s::bytea[]) AS e (i, s, k, b)",
            [ids, *map(list, zip(*(sealer.lying(t.salt, t.body) for t in self.evidence), strict=True))],
        )


def revision_rows(
    *,
    action: UUID,
    number: int,
    author: int | None,
    text: Text,
    event: Entry,
    self_edit: bool = False,
    sealer: seal.Sealer | None = None,
    mark: bytes = seal.NO_SALT,
) -> Iterator[Statement]:
    """A revision and its bytes; the database compares digest, salt and bytes where these lie open."""
    revision = new_id()
    lies = (sealer or seal.Sealer(event.case)).lying(text.salt, text.body, to_agents=True, mark=mark)
    yield Statement(
        "INSERT INTO reviews_revision (id, action_id, number, author_id, digest, self_edit, event_id, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s)",
        [revision, action, number, author, text.digest, self_edit, event.id, event.at],
    )
    yield Statement(
        "INSERT INTO reviews_revisionbody (revision_id, salt, scheme, body) VALUES (%s, %s, %s, %s)",
        [revision, *lies],
    )


def message_rows(
    *,
    message: UUID,
    action: UUID,
    number: int,
    kind: str,
    author: int | None,
    text: Text,
    event: Entry,
    reply_to: UUID | None = None,
    sealer: seal.Sealer | None = None,
) -> Iterator[Statement]:
    """One entry of the thread and its text, a canonical JSON object with at least `text`."""
    yield Statement(
        "INSERT INTO reviews_message (id, action_id, number, kind, author_id, in_reply_to_id, digest, event_id,"
        " created_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [message, action, number, kind, author, reply_to, text.digest, event.id, event.at],
    )
    yield Statement(
        "INSERT INTO reviews_messagebody (message_id, salt, scheme, body) VALUES (%s, %s, %s, %s)",
        [message, *(sealer or seal.Sealer(event.case)).lying(text.salt, text.body, to_agents=kind == "question")],
    )


def message_text(text: str, **more: Any) -> Text:
    """A message's bytes: {"text": ...} and what else belongs to it."""
    return text_of(encode({"text": unicodedata.normalize("NFC", text), **more}))


def permille(confidence: float | None) -> int | None:
    return None if confidence is None else round(confidence * 1000)


def _name(value: UUID | None) -> str | None:
    return None if value is None else str(value)
