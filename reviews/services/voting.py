"""A vote as it is written: what its event repeats of the action, and its row. Who may vote is judged elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit import events
from reviews.models import Action, Decision, DeskItem, Retraction
from reviews.policy import Grant
from reviews.schemas import Seen
from reviews.services.base import By, Case, digest_of
from reviews.services.proposing import permille
from reviews.states import MODE, Outcome, Verdict

CLOSING = (Verdict.APPROVE, Verdict.REJECT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """A verdict that passed every check and is about to be written."""

    verdict: Verdict
    code: str
    rationale: str
    seen: Seen
    dwell_ms: int | None = None
    via: str = "single"
    grant: Grant | None = None  # the line of authority that allows it


def retractions(action: Action, by: By) -> int:
    """How often this person took a vote on this action back: the round of the next."""
    return Retraction.objects.filter(decision__action=action, decision__reviewer=by.user).count()


def vote_event(
    case: Case, row: DeskItem, vote: Vote, by: By, decision: UUID, *, taken_back: int | None = None, **more: Any
) -> events.DecisionRecorded:
    """`taken_back`: this person's retractions on the action, where they are known already."""
    action = case.action
    return events.DecisionRecorded(
        verdict=vote.verdict.value,
        single=vote.via == "single",
        reason_code=vote.code,
        decision=str(decision),
        reviewer=by.user.pseudonym,
        round=retractions(action, by) if taken_back is None else taken_back,
        evidence_seen=vote.seen.evidence,
        messages_seen=vote.seen.message,
        opened_at=vote.seen.opened_at,
        shown_ms=vote.dwell_ms,
        deadline=action.decide_by,
        item=f"ACT-{row.ref}",
        qualification=vote.grant.qualification or None if vote.grant else None,
        qualified_until=vote.grant.qualified_until if vote.grant else None,
        **case_facts(action),
        **more,
    )


def case_facts(action: Action) -> dict[str, Any]:
    """What a decision's event repeats of the action, so that it can be read by itself."""
    outcome = Outcome(action.outcome or Outcome.REVIEW)
    fired = [f["name"] for f in action.floors if f.get("outcome") == outcome]
    return {
        "revision": action.revision,
        "digest": digest_of(action),
        "principal": str(action.proposer_id or ""),
        "agent_version": action.agent_version,
        "type": action.type_id,
        "type_version": str(action.type_version),
        "run": str(action.run) if action.run else None,
        "policy": "default",
        "policy_version": action.policy_version,
        "outcome": outcome.value,
        "mode": MODE[outcome].value,
        "trigger": "; ".join(fired)[:200],
        "risk": action.risk,
        "confidence_permille": permille(action.confidence),
        "needed": action.needed,
    }


def insert_vote(case: Case, row: DeskItem, vote: Vote, by: By, decision: UUID, event: UUID, **more: Any) -> Decision:
    made = vote_row(case, row, vote, by, decision, event, **more)
    made.save(force_insert=True)
    return made


def vote_row(case: Case, row: DeskItem, vote: Vote, by: By, decision: UUID, event: UUID, **more: Any) -> Decision:
    """The row of a vote, not yet stored."""
    action = case.action
    return Decision(
        id=decision,
        action_id=action.id,
        item_id=row.id,
        revision=action.revision,
        digest=digest_of(action),
        reviewer=by.user,
        verdict=vote.verdict.value,
        via=vote.via,
        risk=action.risk,
        reason_code=vote.code,
        batch=case.batch,
        seen_evidence=vote.seen.evidence,
        seen_message=vote.seen.message,
        opened_at=vote.seen.opened_at,
        dwell_ms=vote.dwell_ms,
        event_id=event,
        created_at=case.now,
        **more,
    )
