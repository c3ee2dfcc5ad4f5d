"""A plan's steps as they are read: what each may do, what it fixes, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import CharField, OuterRef, Subquery
from django.db.models.functions import Coalesce

from reviews.models import Action, ActionType, DeskItem
from reviews.queries.detail import Detail
from reviews.queries.payload import words


@dataclass(frozen=True, slots=True)
class Step:
    """One step. `action`: the newest proposal within reach that carries it out; None while nobody has."""

    number: int
    type: str
    label: str
    fixed: tuple[tuple[str, str], ...]
    action: UUID | None
    state: str


def steps(found: Detail) -> list[Step]:
    """Empty for what is no plan."""
    given = found.payload.get("steps") if found.kind.plan and found.payload else None
    if not isinstance(given, list):
        return []
    labels = dict(ActionType.objects.values_list("name", "label"))
    newest = DeskItem.objects.filter(action=OuterRef("pk")).order_by("-ref").values("queue")[:1]
    known = Action.objects.filter(plan=found.action).annotate(
        queue_now=Coalesce(Subquery(newest), "type__queue", output_field=CharField())
    )
    reached = known.filter(queue_now__in=list(found.reader.queues))
    rows = reached.order_by("id").values_list("plan_step", "id", "state")
    done = {number: (action, state) for number, action, state in rows}
    return [_step(number, one, labels, *done.get(number, (None, ""))) for number, one in enumerate(given)]


def _step(number: int, one: Any, labels: Mapping[str, str], action: UUID | None, state: str) -> Step:
    given: Mapping[str, Any] = one if isinstance(one, Mapping) else {}
    fixed = given.get("fixed")
    pairs = tuple((str(k), words(v)) for k, v in fixed.items()) if isinstance(fixed, Mapping) else ()
    name = str(given.get("type", "no type"))
    return Step(number + 1, name, labels.get(name, ""), pairs, action, state)
