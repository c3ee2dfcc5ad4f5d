"""route.question: a customer's question goes to the team that its intent names."""

from __future__ import annotations

from typing import Annotated, Any

from django.conf import settings
from pydantic import Field

from agents import ledger
from agents.effects import EffectContext
from agents.registry import ActionType, register
from reviews.schemas import Strict
from reviews.states import EffectMode, Reversibility, Risk

# Classifiers name their intents as they like: words, at most with a question mark at the end.
Intent = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,79}\??$")]


class Route(Strict):
    text: Annotated[str, Field(min_length=1, max_length=4_000)]
    intent: Intent


def execute(payload: Route, ctx: EffectContext) -> dict[str, Any]:
    """The team's intake is a ledger here: what was routed can be compared with what was approved."""
    row = ledger.append(settings.LEDGER, action=str(ctx.action), key=ctx.key, body=ctx.body)
    return {"intent": payload.intent, "row": row.n}


ROUTE_QUESTION = register(
    ActionType(
        name="route.question",
        label="Route a question",
        template="Route “{text}” to {intent}",
        model=Route,
        risk=Risk.LOW,
        reversibility=Reversibility.REVERSIBLE,
        effect_mode=EffectMode.IDEMPOTENT,
        queue="support",
        execute=execute,
    )
)
