"""What policy stands, who stands where in it, and what it would say to a proposal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Q

from reviews import registry
from reviews.models import (
    Action,
    ActionType,
    Authority,
    Level,
    PolicyDraft,
    PolicyVersion,
    Principal,
    Stop,
    User,
)
from reviews.policy import Facts, Grant, Routing, Rules, route
from reviews.policy.document import DEFAULT_POLICY, PolicyDocument, TypePolicy, parse
from reviews.queries.people import qualified_until
from reviews.states import Level as LevelName
from reviews.states import Reversibility, Risk, StopScope


@dataclass(frozen=True, slots=True)
class Current:
    """The policy in force; number 0 is the shipped default, which has no row."""

    number: int
    document: PolicyDocument
    row: PolicyVersion | None = None


def current_policy() -> Current:
    row = PolicyVersion.objects.order_by("-number").first()
    return Current(row.number, parse(row.document), row) if row else Current(0, DEFAULT_POLICY)


def policy_of(type_name: str) -> TypePolicy:
    """What the policy in force says about one type."""
    return current_policy().document.of(type_name)


def policy_version(number: int) -> Current | None:
    """A published version by number, or None; 0 is the shipped default."""
    if number == 0:
        return Current(0, DEFAULT_POLICY)
    row = PolicyVersion.objects.filter(number=number).first()
    return Current(row.number, parse(row.document), row) if row else None


def standing_level(*, principal: UUID | None, version: str, type_name: str) -> Level | None:
    """The newest level set for this agent version and type, expired or not.

    The newest alone counts: once it has expired the level is L0, and no older
    row that would last longer comes back into force. `policy.standing` judges
    the expiry.
    """
    return (
        Level.objects.filter(principal=principal, version=version, action_type=type_name).order_by("-at", "-id").first()
    )


def facts_of(
    action: Action,
    kind: ActionType,
    payload: Mapping[str, Any],
    *,
    rules: Rules,
    now: datetime,
    level: Level | None,
    **more: Any,
) -> Facts:
    """The facts of an action that hold at any moment; `more` are those that only this moment knows."""
    found, currency = registry.amount(kind, payload)
    return Facts(
        risk=Risk(action.risk),
        reversibility=Reversibility(action.reversibility),
        now=now,
        confidence=action.confidence,
        amount=found,
        currency=currency,
        amount_required=bool(kind.amount_path),
        rules=rules,
        is_release=kind.release,
        **more,
        **level_facts(level),
    )


def level_facts(row: Level | None) -> dict[str, Any]:
    """The fields of `Facts` that a level row fills."""
    if row is None:
        return {}
    return {
        "level": LevelName(row.level),
        "level_expires": row.expires,
        "tau": row.tau,
        "tau_kind": "hand-set" if row.hand_set else "certified",
    }


def standing_stops(*, type_name: str, principal: UUID | None) -> list[Stop]:
    """The stops that hold this type or agent now, oldest first."""
    scope = Q(scope=StopScope.ALL) | Q(action_type=type_name)
    if principal is not None:
        scope |= Q(principal=principal)
    return list(Stop.objects.filter(scope, lifted_at=None).select_related("by").order_by("at"))


def stop_note(*, type_name: str, principal: UUID | None) -> str:
    """Who stopped it and when, in words; empty where no stop stands."""
    stops = standing_stops(type_name=type_name, principal=principal)
    return f"by {stops[0].by} at {stops[0].at:%Y-%m-%d %H:%M} UTC" if stops else ""


def grants_of(user: User) -> tuple[Grant, ...]:
    """All authority of a person's groups, for `policy.may_decide`."""
    if not user.is_active:
        return ()
    rows = list(Authority.objects.filter(group__user=user).select_related("action_type"))
    held = qualified_until(user) if any(row.qualification for row in rows) else {}
    return tuple(_grant(row, held) for row in rows)


def _grant(row: Authority, held: Mapping[str, datetime]) -> Grant:
    return Grant(
        type=row.action_type_id or "",
        max_risk=Risk(row.max_risk),
        max_amount=row.max_amount,
        currency=row.action_type.currency if row.action_type else "",
        valid_until=row.valid_until,
        qualification=row.qualification,
        qualified_until=held.get(row.qualification),
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """How an agent stands with one type now: its level, and what stops it."""

    level: Level | None
    stopped: str


def standing_of(action_type: ActionType, principal: Principal | None) -> Standing:
    """The standing of an agent's present version; of nobody, level 0."""
    name = action_type.name
    if principal is None:
        return Standing(None, stop_note(type_name=name, principal=None))
    level = standing_level(principal=principal.id, version=principal.version, type_name=name)
    return Standing(level, stop_note(type_name=name, principal=principal.id))


def would_route(
    *,
    action_type: ActionType,
    payload: Mapping[str, Any],
    confidence: float | None,
    now: datetime,
    principal: Principal | None = None,
    policy: Current | None = None,
    standing: Standing | None = None,
) -> Routing:
    """What policy would do with a proposal that nobody made. Writes nothing.

    With `policy` and `standing` given it reads nothing either: for many
    proposals of one agent and type.
    """
    policy = policy or current_policy()
    standing = standing or standing_of(action_type, principal)
    amount, currency = registry.amount(action_type, payload)
    facts = Facts(
        risk=Risk(action_type.risk),
        reversibility=Reversibility(action_type.reversibility),
        now=now,
        confidence=confidence,
        amount=amount,
        currency=currency,
        amount_required=bool(action_type.amount_path),
        rules=policy.document.of(action_type.name).rules(),
        is_release=action_type.release,
        stopped=standing.stopped,
        policy_version=policy.number,
        **level_facts(standing.level),
    )
    return route(facts)


def draft_of(user: Any) -> PolicyDraft | None:
    """This person's draft of the next policy, if they have begun one."""
    return PolicyDraft.objects.filter(by=user.pk).first()
