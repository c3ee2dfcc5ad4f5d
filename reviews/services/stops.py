"""The kill switch. What holds while a stop stands is held by the database; see `docs/policy.md`."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from audit import events
from audit.services import load_chain, prepare, record
from reviews.errors import AlreadyDecided, NotFound, desk_errors
from reviews.ids import new_id
from reviews.models import ActionType, Principal, Stop
from reviews.services.base import By, actor
from reviews.services.proving import demand_proof
from reviews.services.rights import demand, demand_reason
from reviews.states import StopScope


def place_stop(
    *,
    reason: str,
    by: By,
    action_type: ActionType | None = None,
    principal: Principal | None = None,
) -> Stop:
    """Stop a type, an agent, or, with neither, everything. At once.

    While it stands no policy approves, no worker leases and none begins
    within its scope; people may go on deciding. Raises AlreadyDecided where
    the same scope is stopped already, and ValueError for two scopes at once.
    """
    demand(by, "add_stop")
    reason = demand_reason(reason)
    scope, target = _scope(action_type, principal)
    with desk_errors(), transaction.atomic():
        chain = load_chain(_case(scope, target))  # two people pressing it make one stop
        _refuse_second(scope, action_type, principal)
        stop = new_id()
        entry = prepare(
            name=events.EventName.STOP_PLACED,
            data=events.StopPlaced(stop=str(stop), scope=scope.value, target=target or None),
            chain=chain,
            actor=actor(by, "lead"),
            content={"reason": reason},
            request=by.request,
        )
        row = Stop.objects.create(
            id=stop,
            scope=scope,
            action_type=action_type,
            principal=principal,
            reason=reason,
            by=by.user,
            at=entry.at,
        )
        record([entry])
    return row


def _scope(action_type: ActionType | None, principal: Principal | None) -> tuple[StopScope, str]:
    if action_type is not None and principal is not None:
        raise ValueError("a stop has one scope; place two stops")
    if action_type is not None:
        return StopScope.TYPE, action_type.name
    if principal is not None:
        return StopScope.AGENT, principal.name
    return StopScope.ALL, ""


def _case(scope: StopScope, target: str) -> str:
    """One chain of events for each thing that can be stopped."""
    return f"stop:{scope}:{target}" if target else f"stop:{scope}"


def _refuse_second(scope: StopScope, action_type: ActionType | None, principal: Principal | None) -> None:
    standing = (
        Stop.objects.filter(scope=scope, action_type=action_type, principal=principal, lifted_at=None)
        .select_related("by")
        .first()
    )
    if standing is not None:
        raise AlreadyDecided(by=str(standing.by), at=standing.at, state="stopped")


def lift_stop(*, stop: UUID, reason: str, by: By) -> Stop:
    """Lift a stop. AlreadyDecided names who lifted it before, NotFound where there is none.

    Placing one asks for nothing but the right, since it hurries; lifting one sets things going again.
    """
    demand(by, "change_stop")
    demand_proof(by, "lifting a stop")
    reason = demand_reason(reason)
    with desk_errors(), transaction.atomic():
        scope, target = _scope_of(stop)
        chain = load_chain(_case(scope, target))
        row = Stop.objects.select_related("lifted_by").get(id=stop)
        if row.lifted_at is not None:
            raise AlreadyDecided(by=str(row.lifted_by), at=row.lifted_at, state="lifted")
        entry = prepare(
            name=events.EventName.STOP_LIFTED,
            data=events.StopLifted(stop=str(stop), scope=scope.value, target=target or None),
            chain=chain,
            actor=actor(by, "lead"),
            content={"reason": reason},
            request=by.request,
        )
        row.lifted_at, row.lifted_by, row.lift_reason = entry.at, by.user, reason
        row.save(update_fields=["lifted_at", "lifted_by", "lift_reason"])
        record([entry])
    return row


def _scope_of(stop: UUID) -> tuple[StopScope, str]:
    row = Stop.objects.filter(id=stop).select_related("action_type", "principal").first()
    if row is None:
        raise NotFound("there is no such stop")
    return _scope(row.action_type, row.principal)
