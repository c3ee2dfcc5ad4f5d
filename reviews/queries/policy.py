"""What policy stands, who stands where in it, and what a change of it would have done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, TypeAlias
from uuid import UUID

from django.db.models import Q

from reviews import registry
from reviews.errors import InvalidPayload
from reviews.models import (
    Action,
    ActionType,
    Authority,
    DeskItem,
    Level,
    PolicyDraft,
    PolicyVersion,
    Principal,
    Revision,
    SearchText,
    Stop,
    User,
)
from reviews.policy import FLOOR_NAMES, Facts, Floor, Grant, Plan, Routing, route, with_floors
from reviews.policy.document import DEFAULT_POLICY, PolicyDocument, parse
from reviews.states import Level as LevelName
from reviews.states import Outcome, Reversibility, Risk, StopScope

PREVIEWED = 1_000
EXAMPLES = 20
# Levels ever set, newest first, by agent, its version and type.
_Levels: TypeAlias = dict[tuple[UUID | None, str, str], list[Level]]


@dataclass(frozen=True, slots=True)
class Current:
    """The policy in force; number 0 is the shipped default, which has no row."""

    number: int
    document: PolicyDocument
    row: PolicyVersion | None = None


def current_policy() -> Current:
    row = PolicyVersion.objects.order_by("-number").first()
    return Current(row.number, parse(row.document), row) if row else Current(0, DEFAULT_POLICY)


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
    rows = Authority.objects.filter(group__user=user).select_related("action_type")
    return tuple(_grant(row) for row in rows)


def _grant(row: Authority) -> Grant:
    return Grant(
        type=row.action_type_id or "",
        max_risk=Risk(row.max_risk),
        max_amount=row.max_amount,
        currency=row.action_type.currency if row.action_type else "",
        valid_until=row.valid_until,
        qualification=row.qualification,
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


@dataclass(frozen=True, slots=True)
class Moved:
    """One past action that another policy would have treated otherwise."""

    action: UUID
    title: str
    ref: int | None
    before: Outcome
    after: Outcome
    why: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What a draft would have done to past actions, beside the policy in force."""

    looked_at: int
    before: Counter[Outcome]
    after: Counter[Outcome]
    moves: Counter[tuple[Outcome, Outcome]]
    examples: tuple[Moved, ...]
    unreadable: int  # payloads erased or sealed: their amounts are unknown

    @property
    def moved(self) -> int:
        return self.moves.total()

    @property
    def looser(self) -> int:
        """How many would have been treated less strictly."""
        return sum(n for (a, b), n in self.moves.items() if b.rank < a.rank)

    @property
    def stricter(self) -> int:
        return self.moved - self.looser


def preview(draft: PolicyDocument, *, limit: int = PREVIEWED) -> Preview:
    """Route the last `limit` routed actions by the policy in force and by `draft`.

    Both see the same facts: amount, confidence and level as they were when
    the action was routed, so that only the change of policy shows. What can
    no longer be known (an erased body) counts as unknown for both.
    """
    actions = list(
        Action.objects.filter(routed_at__isnull=False)
        .select_related("type", "proposer")
        .order_by("-routed_at", "-id")[:limit]
    )
    bodies = _bodies(actions)
    levels = _levels(actions)
    now_in_force = current_policy().document
    return _compare(actions, bodies, levels, now_in_force, draft)


def _compare(
    actions: Sequence[Action],
    bodies: Mapping[UUID, Any],
    levels: _Levels,
    old: PolicyDocument,
    new: PolicyDocument,
) -> Preview:
    routed = [
        (action, _again(action, facts(old)), _again(action, facts(new)))
        for action in actions
        for facts in [partial(_facts_then, action, bodies.get(action.id, {}), levels)]
    ]
    changed = [r for r in routed if r[1].outcome is not r[2].outcome]
    return Preview(
        looked_at=len(actions),
        before=Counter(was.outcome for _, was, _ in routed),
        after=Counter(would.outcome for _, _, would in routed),
        moves=Counter((was.outcome, would.outcome) for _, was, would in changed),
        examples=_examples(changed),
        unreadable=sum(a.id not in bodies for a in actions),
    )


def _again(action: Action, facts: Facts) -> Routing:
    """Route once more, keeping the floors that came from elsewhere, such as hidden characters."""
    others = [
        Floor(floor["name"], floor["value"], Outcome(floor["outcome"]))
        for floor in action.floors
        if floor["name"] not in FLOOR_NAMES
    ]
    return with_floors(route(facts), *others)


def _facts_then(
    action: Action,
    payload: Mapping[str, Any],
    levels: _Levels,
    document: PolicyDocument,
) -> Facts:
    kind, moment = action.type, action.routed_at or action.created_at
    amount, currency = registry.amount(kind, payload)
    rows = levels.get((action.proposer_id, action.agent_version, kind.name), [])
    return Facts(
        risk=Risk(action.risk),
        reversibility=Reversibility(action.reversibility),
        now=moment,
        confidence=action.confidence,
        amount=amount,
        currency=currency,
        amount_required=bool(kind.amount_path),
        rules=document.of(kind.name).rules(),
        is_release=kind.release,
        **_remembered(action.floors),
        **level_facts(next((row for row in rows if row.at <= moment), None)),
    )


def _remembered(floors: Iterable[Mapping[str, str]]) -> dict[str, Any]:
    """What only the moment of routing knew, read back from the floors it wrote."""
    found = {floor["name"]: floor for floor in floors}
    state = found.get("state", {}).get("value", "")
    off = found.get("off_plan", {}).get("outcome") == Outcome.REVIEW
    return {
        "plan": Plan.OFF if off else Plan.NONE,
        "stopped": state.removeprefix("stopped: ") if state.startswith("stopped: ") else "",
        "past_deadline": state.startswith("past its deadline"),
        "qa_drawn": found.get("qa_draw", {}).get("outcome") == Outcome.REVIEW,
    }


def _bodies(actions: Sequence[Action]) -> dict[UUID, Any]:
    """The first payload of each action that has an amount; what routing saw."""
    wanted = [a.id for a in actions if a.type.amount_path]
    rows = Revision.objects.filter(action__in=wanted, number=1).select_related("body")
    found: dict[UUID, Any] = {a.id: {} for a in actions if not a.type.amount_path}
    for row in rows.exclude(body=None):
        try:
            found[row.action_id] = registry.payload_of(row.body.body)
        except InvalidPayload:  # sealed: its amount is not for this page
            continue
    return found


def _levels(actions: Sequence[Action]) -> _Levels:
    found: _Levels = {}
    principals = {a.proposer_id for a in actions if a.proposer_id}
    for row in Level.objects.filter(principal__in=principals).order_by("-at", "-id"):
        found.setdefault((row.principal_id, row.version, row.action_type_id), []).append(row)
    return found


def _examples(changed: Sequence[tuple[Action, Routing, Routing]]) -> tuple[Moved, ...]:
    """The loosened ones first: those are what a lead must look at."""
    ranked = sorted(changed, key=lambda c: c[2].outcome.rank - c[1].outcome.rank)[:EXAMPLES]
    ids = [action.id for action, _, _ in ranked]
    titles = dict(
        SearchText.objects.filter(action__in=ids).order_by("action_id", "revision").values_list("action_id", "title")
    )
    refs = dict(DeskItem.objects.filter(action__in=ids).order_by("ref").values_list("action_id", "ref"))
    return tuple(
        Moved(
            action.id,
            titles.get(action.id, action.type.label),
            refs.get(action.id),
            was.outcome,
            would.outcome,
            "; ".join(f"{f.name.replace('_', ' ')}: {f.value}" for f in would.why),
        )
        for action, was, would in ranked
    )


def draft_of(user: Any) -> PolicyDraft | None:
    """This person's draft of the next policy, if they have begun one."""
    return PolicyDraft.objects.filter(by=user.pk).first()
