"""Checks that a lead seeds to see whether people look: born like their twin, over with the first verdict."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from audit import events
from audit.events import EventName
from audit.services import Entry, now, prepare
from reviews.errors import InvalidDecision, NotFound, WrongState, desk_errors
from reviews.facts import gather
from reviews.ids import new_id
from reviews.models import Action, ActionType, Decision, DeskItem, Evidence, Message
from reviews.policy import route
from reviews.queries.policy import current_policy
from reviews.registry import canonical, is_loaded
from reviews.schemas import MAX_NOTE, AttachmentIn, EvidenceIn, Proposal, decode, encode
from reviews.services.base import By, Case, actor, body_of, change_item, newborn, reached
from reviews.services.proposing import Birth, Proposer, action_type, artefact, message_text, text_of
from reviews.services.rights import demand
from reviews.services.sql import Statement
from reviews.services.voting import Vote, insert_vote, vote_event
from reviews.states import LET_THROUGH, Outcome, Status, Verdict

SHORTEST_NOTE, LONGEST_NOTE = 10, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    """What a check is to be: the payload with its fault, the verdict that is right, and what to tell afterwards."""

    payload: Mapping[str, Any]
    answer: Verdict
    note: str
    mutation: str = "by_hand"
    evidence: frozenset[int] | None = None  # numbers of the source's evidence that it keeps; None: all


def seed_canary(*, source: UUID, seed: Seed, by: By) -> UUID:
    """Put a check into the queue, made from something that was let through. Its action's id.

    Nothing on a page tells it from its twin. Refused where policy would stop
    such a proposal by itself: nobody would ever be asked about it.
    """
    demand(by, "add_canary")
    note = seed.note.strip()
    if not SHORTEST_NOTE <= len(note) <= LONGEST_NOTE:
        raise InvalidDecision(f"say in {SHORTEST_NOTE} to {LONGEST_NOTE} characters what should be noticed")
    if seed.answer not in (Verdict.APPROVE, Verdict.REJECT):
        raise InvalidDecision("say whether approving or rejecting it is right")
    twin = _twin(source, by)
    draft = _draft(twin, seed, note, by)
    with desk_errors(), transaction.atomic():
        draft.write(now())
    return draft.id


def _twin(source: UUID, by: By) -> Action:
    """The action it is made from: within reach, proposed by an agent of its own accord, let through."""
    row = Action.objects.select_related("type").filter(id=source).first()
    if row is None or not reached(by.user).filter(queue=row.type.queue_id).exists():
        raise NotFound("there is no such action, or it is out of your reach")
    if row.state not in LET_THROUGH or DeskItem.objects.filter(action=row, was_check=True).exists():
        raise WrongState(f"a check is made from what was let through; this is {row.state}", state=row.state)
    if row.proposer_id is None or row.plan_id or row.reverses_id or row.type.question or row.type.plan:
        raise WrongState("a check is made from a single action of an agent: no plan, step, question or reversal")
    return row


def _draft(twin: Action, seed: Seed, note: str, by: By) -> _Birth:
    kind = action_type(twin.type_id)
    if not is_loaded(kind, kind.version):
        raise InvalidDecision(f"{kind.name} is not loaded in this process")
    value, body = canonical(kind, dict(seed.payload), stored=True)
    _demand_people(twin, kind, value)
    proposal = Proposal(
        type=kind.name,
        payload=value,
        dedup_key=new_id().hex,
        confidence=twin.confidence,
        reasoning=_reasoning(twin),
        evidence=tuple(_evidence(twin, seed.evidence)),
    )
    return _Birth(
        id=new_id(),
        who=Proposer(run=None, principal=twin.proposer_id, by=None),
        kind=kind,
        proposal=proposal,
        payload=text_of(body),
        evidence=[text_of(artefact(one)) for one in proposal.evidence],
        reasoning=message_text(proposal.reasoning) if proposal.reasoning else None,
        retry_of=None,
        reverses=None,
        twin=twin,
        seed=seed,
        note=note,
        by=by,
    )


def _demand_people(twin: Action, kind: ActionType, payload: Mapping[str, Any]) -> None:
    """Policy lets no such thing be rejected before anybody sees it."""
    at = now()
    unborn = Action(id=new_id(), type=kind, proposer_id=twin.proposer_id, agent_version=twin.agent_version)
    for name in ("run", "confidence", "risk", "reversibility"):
        setattr(unborn, name, getattr(twin, name))
    answer = route(gather(unborn, kind, payload, current_policy(), at))
    if answer.outcome is Outcome.REJECT:
        raise InvalidDecision(f"policy rejects such a thing by itself: {answer.why[0].name} {answer.why[0].value}")


def _reasoning(twin: Action) -> str:
    first = Message.objects.filter(action=twin, kind="reasoning").select_related("body").order_by("number").first()
    body = getattr(first, "body", None)
    said = body.plain if body is not None else None
    return str(decode(said).get("text", "")) if said is not None else ""


def _evidence(twin: Action, kept: frozenset[int] | None) -> Iterable[EvidenceIn | AttachmentIn]:
    """The artefacts that the agent brought with the twin, those that were not left out on purpose."""
    rows = Evidence.objects.filter(action=twin, author=None).select_related("body").order_by("number")
    for row in rows:
        body = row.body.plain if hasattr(row, "body") else None
        if body is not None and (kept is None or row.number in kept):
            yield _again(row, body)


def _again(row: Evidence, body: bytes) -> EvidenceIn | AttachmentIn:
    same: dict[str, Any] = {"title": row.title, "source": row.source, "conflict": row.conflict}
    if row.kind == "file":
        return AttachmentIn(base64=base64.b64encode(body).decode(), **same)
    return EvidenceIn.model_validate({"kind": row.kind, "text": body.decode("utf-8", "replace"), **same})


@dataclass(frozen=True, slots=True)
class _Birth(Birth):
    """The rows of a check: those of any action, but the case row through the function that knows what it is."""

    twin: Action
    seed: Seed
    note: str
    by: By

    def _entry(self, at: Any) -> Entry:
        return prepare(
            name=EventName.CANARY_SEEDED,
            data=events.CanarySeeded(
                canary=str(self.id),
                digest=self.payload.digest,
                values={
                    "source": str(self.twin.id),
                    "type": self.kind.name,
                    "mutation": self.seed.mutation,
                    "answer": self.seed.answer.value,
                },
            ),
            chain=newborn(self.id, at),
            actor=actor(self.by, "lead"),
            change=(None, Status.PROPOSED.value),
            request=self.by.request,
            content={"note": self.note, "identity": str(self.by.user)},
            commit=self._commitments(),
        )

    def _action(self, entry: Entry) -> Statement:
        return Statement(
            "SELECT reviews_seed_canary(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                self.id, self.twin.id, self.by.user.pk, self.proposal.dedup_key, self.payload.digest, entry.hash,
                entry.id, self.seed.mutation, json.dumps(self._faults()), self.seed.answer.value, self.note,
            ],
        )  # fmt: skip

    def _faults(self) -> list[str]:
        """The fields that differ from the twin's: who mends one of them has seen the fault."""
        return changed_fields(body_of(self.twin.id, self.twin.revision), encode(self.proposal.payload))


def changed_fields(before: bytes | None, after: bytes | None) -> list[str]:
    """Names of the fields at the top of a payload that differ."""
    if before is None or after is None:
        return []
    old, new = decode(before), decode(after)
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def take_verdict(cases: Sequence[tuple[Case, DeskItem]], verdict: Verdict, by: By) -> dict[UUID, bool]:
    """Which of these visits are checks, and whether this verdict is the right one. The first verdict stands."""
    edited = {str(row.id): _edited(case.action) for case, row in cases if case.action.revision > 1}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT item, caught FROM reviews_take_verdict(%s, %s, %s, %s)",
            [[row.id for _, row in cases], by.user.pk, verdict.value, json.dumps(edited)],
        )
        return dict(cursor.fetchall())


def _edited(action: Action) -> list[str]:
    return changed_fields(body_of(action.id, 1), body_of(action.id, action.revision))


def close_canary(case: Case, row: DeskItem, vote: Vote, by: By, *, caught: bool) -> Decision:
    """The verdict as it was given, and the end of the check: withdrawn, nothing carried out, nothing to take back."""
    made = new_id()
    said = case.note(
        EventName.DECISION_RECORDED,
        vote_event(case, row, vote, by, made),
        content={"rationale": vote.rationale[:MAX_NOTE], "identity": str(by.user)},
    )
    decision = insert_vote(case, row, vote, by, made, said.id)
    case.move(said)
    score = case.note(
        EventName.CANARY_SCORED,
        events.CanaryScored(
            canary=str(case.action.id),
            caught=caught,
            values={"verdict": vote.verdict.value, "reviewer": by.user.pseudonym, "via": vote.via},
        ),
        to=Status.WITHDRAWN,
    )
    case.move(score, state=Status.WITHDRAWN)
    change_item(row, closed_at=case.now, claimed_by=None, claimed_until=None)
    return decision
