"""What a change of the rules would have done to the last actions: routed again on the facts of then."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID

from django.db.models import QuerySet

from reviews import registry
from reviews.errors import InvalidPayload
from reviews.models import (
    Action,
    ActionType,
    DeskItem,
    Level,
    Principal,
    Reach,
    Revision,
    SearchText,
    User,
)
from reviews.policy import FLOOR_NAMES, Facts, Floor, Plan, Routing, route, with_floors
from reviews.policy.document import PolicyDocument
from reviews.queries.policy import current_policy, facts_of
from reviews.states import Level as LevelName
from reviews.states import Outcome

PREVIEWED = 1_000
EXAMPLES = 20
# Levels ever set, newest first, by agent, its version and type.
_Levels: TypeAlias = dict[tuple[UUID | None, str, str], list[Level]]
_Change: TypeAlias = Callable[[Action, Facts], Facts]
_Pair: TypeAlias = tuple[Action, Routing, Routing]


@dataclass(frozen=True, slots=True)
class Moved:
    """One past action that would have been treated otherwise. Unnamed where it is out of reach."""

    action: UUID
    title: str
    ref: int | None
    before: Outcome
    after: Outcome
    why: str


@dataclass(frozen=True, slots=True)
class Preview:
    """What the rules in force, and the changed ones, would do with past actions."""

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


def preview(draft: PolicyDocument, *, seen_by: User, limit: int = PREVIEWED) -> Preview:
    """Route the last `limit` routed actions by the policy in force and by `draft`.

    Both see the same facts: amount, confidence and level as they were when
    the action was routed, so that only the change of policy shows. What can
    no longer be known (an erased body) counts as unknown for both.
    """

    def change(action: Action, facts: Facts) -> Facts:
        return replace(facts, rules=draft.of(action.type_id).rules())

    return _compare(_routed()[:limit], change, seen_by)


def preview_level(
    *,
    principal: Principal,
    action_type: ActionType,
    level: LevelName,
    tau: float | None,
    seen_by: User,
    limit: int = PREVIEWED,
) -> Preview:
    """The same for a level set by hand: the last actions of this type by this agent's version."""

    def change(_: Action, facts: Facts) -> Facts:
        lasts = facts.now + timedelta(days=1)
        return replace(facts, level=level, tau=tau, tau_kind="hand-set", level_expires=lasts)

    own = _routed().filter(proposer=principal, agent_version=principal.version, type=action_type)
    return _compare(own[:limit], change, seen_by)


def _routed() -> QuerySet[Action]:
    routed = Action.objects.filter(routed_at__isnull=False)
    return routed.select_related("type", "proposer").order_by("-routed_at", "-id")


def _compare(chosen: QuerySet[Action], change: _Change, seen_by: User) -> Preview:
    actions = list(chosen)
    bodies, levels = _bodies(actions), _levels(actions)
    in_force = current_policy().document
    routed: list[_Pair] = []
    for action in actions:
        facts = _facts_then(action, bodies.get(action.id, {}), levels, in_force)
        routed.append((action, _again(action, facts), _again(action, change(action, facts))))
    changed = [r for r in routed if r[1].outcome is not r[2].outcome]
    return Preview(
        looked_at=len(actions),
        before=Counter(was.outcome for _, was, _ in routed),
        after=Counter(would.outcome for _, _, would in routed),
        moves=Counter((was.outcome, would.outcome) for _, was, would in changed),
        examples=_examples(changed, seen_by),
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


def _facts_then(action: Action, payload: Mapping[str, Any], levels: _Levels, document: PolicyDocument) -> Facts:
    kind, moment = action.type, action.routed_at or action.created_at
    rows = levels.get((action.proposer_id, action.agent_version, kind.name), [])
    return facts_of(
        action,
        kind,
        payload,
        rules=document.of(kind.name).rules(),
        now=moment,
        level=next((row for row in rows if row.at <= moment), None),
        **_remembered(action.floors),
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


def _examples(changed: Sequence[_Pair], seen_by: User) -> tuple[Moved, ...]:
    """The loosened ones first: those are what a lead must look at."""
    ranked = sorted(changed, key=lambda c: c[2].outcome.rank - c[1].outcome.rank)[:EXAMPLES]
    named = _named([action for action, _, _ in ranked], seen_by) if ranked else {}
    return tuple(
        Moved(
            action.id,
            *named.get(action.id, (f"{action.type.label}, out of your reach", None)),
            was.outcome,
            would.outcome,
            "; ".join(f"{f.name.replace('_', ' ')}: {f.value}" for f in would.why),
        )
        for action, was, would in ranked
    )


def _named(actions: Sequence[Action], seen_by: User) -> dict[UUID, tuple[str, int | None]]:
    """Title and reference of those in a queue that this person sees."""
    queues = set(Reach.objects.filter(group__user=seen_by).values_list("queue_id", flat=True))
    within = [a for a in actions if a.type.queue_id in queues]
    texts = SearchText.objects.filter(action__in=within).order_by("action_id", "revision")
    titles = dict(texts.values_list("action_id", "title"))
    visits = DeskItem.objects.filter(action__in=within, queue__in=queues).order_by("ref")
    refs = dict(visits.values_list("action_id", "ref"))
    return {a.id: (titles.get(a.id, a.type.label), refs.get(a.id)) for a in within}
