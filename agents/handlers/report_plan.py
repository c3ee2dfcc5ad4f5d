"""report.plan: the steps an agent means to take. Approving it changes nothing but what the steps may be."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from agents.effects import EffectContext
from agents.registry import ActionType, register
from reviews.schemas import Name, Strict
from reviews.states import EffectMode, Reversibility, Risk


class Step(Strict):
    """One step: the type it will propose, and the fields that it may not change."""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    type: Name
    fixed: dict[str, Any] = Field(default_factory=dict)


class Plan(Strict):
    goal: Annotated[str, Field(min_length=1, max_length=400)]
    steps: Annotated[list[Step], Field(min_length=1, max_length=30)]


def execute(payload: Plan, ctx: EffectContext) -> dict[str, Any]:
    return {"steps": len(payload.steps)}


REPORT_PLAN = register(
    ActionType(
        name="report.plan",
        label="Plan of a report",
        template="Plan for “{goal}”: {steps.title}",
        model=Plan,
        risk=Risk.LOW,
        reversibility=Reversibility.REVERSIBLE,
        effect_mode=EffectMode.IDEMPOTENT,
        queue="reports",
        plan=True,
        execute=execute,
    )
)
