"""What routing looks at, gathered from rows. Reads only; whoever calls holds the action's lock."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection

from reviews.models import Action, ActionType, Principal, Revision
from reviews.policy import Facts, Plan
from reviews.policy.amounts import value_at
from reviews.queries.policy import Current, facts_of, standing_level, stop_note
from reviews.registry import payload_of
from reviews.states import Status

_STANDING_PLAN = (Status.APPROVED, Status.EXECUTING, Status.SUCCEEDED)
_UNUSED = (Status.REJECTED, Status.EXPIRED, Status.WITHDRAWN, Status.FAILED)


def gather(action: Action, kind: ActionType, payload: Mapping[str, Any], policy: Current, now: datetime) -> Facts:
    """The facts about an action and the payload it would have."""
    plan, note = plan_of(action, kind, payload)
    return facts_of(
        action,
        kind,
        payload,
        rules=policy.document.of(kind.name).rules(),
        now=now,
        level=standing_level(principal=action.proposer_id, version=action.agent_version, type_name=kind.name),
        plan=plan,
        plan_note=note,
        stopped=stop_note(type_name=kind.name, principal=action.proposer_id),
        past_deadline=action.decide_by is not None and action.decide_by <= now,
        policy_version=policy.number,
    )


def plan_of(action: Action, kind: ActionType, payload: Mapping[str, Any]) -> tuple[Plan, str]:
    """How a proposal stands to its plan and to the frame that people set for its agent."""
    outside = _outside_frame(action)
    if outside:
        return Plan.OFF, outside
    if action.plan_id is None:
        return _unplanned(action, kind)
    note = _off_plan(action, payload)
    return (Plan.OFF, note) if note else (Plan.ON, "")


def _unplanned(action: Action, kind: ActionType) -> tuple[Plan, str]:
    if kind.plan or kind.question or action.proposer_id is None:
        return Plan.NONE, ""
    if Principal.objects.filter(id=action.proposer_id, plan_first=True).exists():
        return Plan.OFF, "this agent plans first, and this names no plan"
    return Plan.NONE, ""


def _outside_frame(action: Action) -> str:
    """Why an action is outside what its agent or run may propose, or an empty string."""
    for whose, frame in (("agent", _agent_frame(action)), ("run", _run_frame(action))):
        types, most = frame.get("types"), frame.get("per_run")
        if types is not None and action.type_id not in types:
            return f"{action.type_id} is not in the frame set for this {whose}"
        if most is not None and action.run and _earlier(action) >= most:
            return f"more than the {most} actions set for this {whose}"
    return ""


def _agent_frame(action: Action) -> Mapping[str, Any]:
    if action.proposer_id is None:
        return {}
    frames = Principal.objects.filter(id=action.proposer_id).values_list("frame", flat=True)
    return frames.first() or {}


def _run_frame(action: Action) -> Mapping[str, Any]:
    """The frame given when the run was started; agents keep it, reviews asks."""
    if action.run is None:
        return {}
    with connection.cursor() as cursor:
        cursor.execute("SELECT reviews_run_frame(%s)", [action.run])
        found = cursor.fetchone()[0]
    return payload_of(found.encode()) if isinstance(found, str) else found or {}


def _earlier(action: Action) -> int:
    return Action.objects.filter(run=action.run, id__lt=action.id).count()


def _off_plan(action: Action, payload: Mapping[str, Any]) -> str:
    """What differs from the approved plan, in words, or an empty string."""
    plan = Action.objects.filter(steps=action, type__plan=True).first()
    if plan is None or plan.run != action.run:
        return "it names a plan that is not its run's"
    if plan.state not in _STANDING_PLAN:
        return f"its plan is {plan.state}"
    step = _step(plan, action.plan_step)
    if step is None:
        return f"the plan has no step {action.plan_step}"
    if step.get("type") != action.type_id:
        return f"step {action.plan_step} is {step.get('type')}"
    if _used(action):
        return f"step {action.plan_step} was used before"
    return _differs(step.get("fixed"), payload, action.plan_step)


def _step(plan: Action, number: int | None) -> Mapping[str, Any] | None:
    """A step of the approved plan: {"type": ..., "fixed": {path: value}}."""
    row = Revision.objects.filter(action=plan, number=plan.revision).select_related("body").first()
    body = getattr(row, "body", None)
    text = body.plain if body is not None else None
    steps = payload_of(text).get("steps") if text is not None else None
    if not isinstance(steps, list) or number is None or not 0 <= number < len(steps):
        return None
    return steps[number] if isinstance(steps[number], Mapping) else None


def _used(action: Action) -> bool:
    twins = Action.objects.filter(plan=action.plan_id, plan_step=action.plan_step)
    return twins.filter(id__lt=action.id).exclude(state__in=_UNUSED).exists()


def _differs(fixed: object, payload: Mapping[str, Any], step: int | None) -> str:
    if not isinstance(fixed, Mapping):
        return ""
    other = [path for path, value in fixed.items() if value_at(payload, path) != value]
    return f"step {step} fixed {', '.join(other)}" if other else ""
