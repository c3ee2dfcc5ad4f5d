"""Proposing what was proposed before: once more, or as its reversal."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from reviews.errors import InvalidDecision, NotFound, WrongState, desk_errors
from reviews.models import Action, DeskItem
from reviews.reasons import OTHER, worded
from reviews.registry import payload_of
from reviews.schemas import Proposal
from reviews.services.base import By, body_of, reached
from reviews.services.proposing import Proposed, propose
from reviews.states import RETRYABLE, Status

# A reversal in one of these did not happen; another may be asked for.
_DEAD = (Status.REJECTED, Status.EXPIRED, Status.WITHDRAWN, Status.FAILED)


def propose_again(*, action: UUID, by: By) -> Proposed:
    """The same bytes as a new action, linked and routed anew; whoever asks is its proposer."""
    with desk_errors(), transaction.atomic():
        row = _within_reach(action, by)
        if row.state not in RETRYABLE:
            raise WrongState(f"it is {row.state}; only what ended without effect is tried again")
        if DeskItem.objects.filter(action=row, was_check=True).exists():
            raise WrongState("it was a check and is made to be wrong; nothing like it is proposed")
        proposal = _copy(row, f"again/{action}")
        return propose(proposal=proposal, by=by, retry_of=action)


def reverse(*, action: UUID, by: By, reason: str) -> Proposed:
    """Ask to undo what succeeded: an action of its own, through the gate like any other."""
    with desk_errors(), transaction.atomic():
        row = _within_reach(action, by)
        if not row.type.has_undo:
            raise InvalidDecision(f"{row.type_id} cannot be undone")
        if row.state != Status.SUCCEEDED:
            raise WrongState(f"it is {row.state}; only what succeeded is reversed")
        words = worded(row.type, "reverse", OTHER if reason else "", reason, required=True)
        earlier = Action.objects.filter(reverses=row, state__in=_DEAD).count()
        proposal = _copy(row, f"reverse/{action}/{earlier}", reasoning=words)
        return propose(proposal=proposal, by=by, reverses=action)


def _within_reach(action: UUID, by: By) -> Action:
    queues = reached(by.user).values("queue")
    row = Action.objects.filter(id=action, type__queue__in=queues).select_related("type").first()
    if row is None:
        raise NotFound("there is no such action, or it is out of your reach")
    return row


def _copy(row: Action, key: str, *, reasoning: str = "") -> Proposal:
    """A proposal with the bytes of the current revision. Confidence is not copied: nobody claims it."""
    body = body_of(row.id, row.revision)
    if body is None:
        raise WrongState("its bytes were erased")
    return Proposal(type=row.type_id, payload=payload_of(body), dedup_key=key, reasoning=reasoning)
