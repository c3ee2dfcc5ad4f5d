"""Autonomy by hand: a level and a threshold for one agent version and type, never without an end."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from audit import events
from audit.services import load_chain, prepare, record
from reviews.errors import InvalidDecision, desk_errors
from reviews.models import ActionType, Level, Principal
from reviews.policy import HAND_SET_LONGEST
from reviews.queries.policy import standing_level
from reviews.services.base import By, actor
from reviews.services.proving import demand_proof
from reviews.services.rights import demand, demand_reason
from reviews.states import Level as LevelName


def set_level(
    *,
    principal: Principal,
    action_type: ActionType,
    level: LevelName,
    threshold: int | None,
    expires: datetime,
    reason: str,
    by: By,
) -> Level:
    """Set by hand how far the present version of an agent may go with one type.

    `threshold` is in thousandths: a confidence below it is reviewed. None,
    and level 0, let nothing pass. The row replaces every earlier one of the
    same agent version and type, and ends at `expires`, at most 90 days from
    now; then the level is 0. It carries no guarantee.
    """
    demand(by, "add_level")
    demand_proof(by, "setting a level")
    reason = demand_reason(reason)
    _check(level, threshold)
    with desk_errors(), transaction.atomic():
        chain = load_chain(f"principal:{principal.id}")
        _check_expiry(expires, chain.at)
        before = standing_level(principal=principal.id, version=principal.version, type_name=action_type.name)
        entry = prepare(
            name=events.EventName.LEVEL_SET,
            data=_event(principal, action_type, before, level, threshold, expires),
            chain=chain,
            actor=actor(by, "lead"),
            content={"reason": reason},
            request=by.request,
        )
        row = Level.objects.create(
            principal=principal,
            version=principal.version,
            action_type=action_type,
            level=level,
            tau=None if threshold is None else threshold / 1000,
            hand_set=True,
            reason=reason,
            by=by.user,
            at=entry.at,
            expires=expires,
        )
        record([entry])
    return row


def _check(level: LevelName, threshold: int | None) -> None:
    if level is LevelName.L0 and threshold is not None:
        raise InvalidDecision("level 0 lets nothing pass, so it has no threshold")
    if level is not LevelName.L0 and threshold is None:
        raise InvalidDecision("above level 0 a threshold is needed: what is below it is reviewed")
    if threshold is not None and not 1 <= threshold <= 1000:
        raise InvalidDecision("a threshold lies above 0 and is at most 1")


def _check_expiry(expires: datetime, now: datetime) -> None:
    if expires <= now:
        raise InvalidDecision("the expiry must lie in the future")
    if expires > now + HAND_SET_LONGEST:
        raise InvalidDecision(f"a level set by hand lasts {HAND_SET_LONGEST.days} days at most")


def _event(
    principal: Principal,
    action_type: ActionType,
    before: Level | None,
    level: LevelName,
    threshold: int | None,
    expires: datetime,
) -> events.LevelSet:
    return events.LevelSet(
        principal=principal.name,
        type=action_type.name,
        version=principal.version,
        before=_plain(before),
        level=level.value,
        threshold_permille=threshold,
        hand_set=True,
        expires=expires,
    )


def _plain(row: Level | None) -> dict[str, object] | None:
    if row is None:
        return None
    return {
        "level": row.level,
        "threshold_permille": None if row.tau is None else round(row.tau * 1000),
        "hand_set": row.hand_set,
        "expires": row.expires.isoformat(),
    }
