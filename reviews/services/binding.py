"""Cases that a lead holds up for their type: with a note, until a day, and let go with a reason."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.db import transaction

from audit import events
from audit.events import EventName
from audit.services import Chain, Entry, load_chain, prepare, record
from reviews.errors import InvalidDecision, NotFound, WrongState, desk_errors
from reviews.ids import new_id
from reviews.models import Action, BindingPrecedent
from reviews.services.base import By, actor
from reviews.services.proving import demand_proof
from reviews.services.rights import demand, demand_reason
from reviews.services.talk import demand_reach
from reviews.states import Status

LONGEST = 365  # days
RIGHT = "change_actiontype"  # what binds changes how all of a type are decided
_NOT_YET = (Status.PROPOSED, Status.PENDING, Status.EXPIRED, Status.WITHDRAWN)


def bind_precedent(*, action: UUID, note: str, days: int, by: By) -> BindingPrecedent:
    """Hold a decided and released case up as a binding precedent of its type.

    WrongState where it is not over, or binds already; InvalidDecision for a note that says too little.
    """
    demand(by, RIGHT)
    note = demand_reason(note)
    if not 1 <= days <= LONGEST:
        raise InvalidDecision(f"it binds for 1 to {LONGEST} days")
    demand_reach(action, by)
    with desk_errors(), transaction.atomic():
        case = Action.objects.get(id=action)
        chain = load_chain(f"type:{case.type_id}")
        if case.state in _NOT_YET or case.release_at is None or case.release_at > chain.at:
            raise WrongState("a case binds once it is decided and released", state=case.state)
        if BindingPrecedent.objects.filter(action=case, lifted_at=None).exists():
            raise WrongState("this case binds already")
        expires = chain.at + timedelta(days=days)
        entry = _told(case, chain, by, note, {}, {"binding": str(action), "expires": expires.date().isoformat()})
        row = BindingPrecedent.objects.create(
            id=new_id(), action=case, action_type_id=case.type_id, note=note, by=by.user, at=entry.at, expires=expires
        )
        record([entry])
    return row


def release_precedent(*, action: UUID, reason: str, by: By) -> BindingPrecedent:
    """Let a binding precedent go before its time."""
    demand(by, RIGHT)
    demand_proof(by, "letting a binding precedent go")
    reason = demand_reason(reason)
    demand_reach(action, by)
    with desk_errors(), transaction.atomic():
        case = Action.objects.get(id=action)
        chain = load_chain(f"type:{case.type_id}")
        row = BindingPrecedent.objects.filter(action=case, lifted_at=None).first()
        if row is None:
            raise NotFound("this case does not bind")
        entry = _told(case, chain, by, reason, {"binding": str(action)}, {"binding": ""})
        row.lifted_at, row.lifted_by, row.lift_reason = entry.at, by.user, reason
        row.save(update_fields=["lifted_at", "lifted_by", "lift_reason"])
        record([entry])
    return row


def _told(
    case: Action, chain: Chain, by: By, reason: str, before: dict[str, str], after: dict[str, str]
) -> Entry:  # fmt: skip
    return prepare(
        name=EventName.ACTION_TYPE_CHANGED,
        data=events.Changed(name=case.type_id, before=before, after=after, reason_code="precedent"),
        chain=chain,
        actor=actor(by, "lead"),
        content={"reason": reason},
        request=by.request,
    )
