"""Later steps are held to the approved plan: what differs from it is looked at by people."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest

from reviews import services
from reviews.models import ActionType
from reviews.registry import DeskType
from reviews.states import EffectMode, Reversibility, Risk, Status
from tests import build
from tests.logins import as_role
from tests.trust import hand_set

pytestmark = pytest.mark.django_db

PLAN = DeskType(
    name="work.plan", label="Plan", template="Plan of {steps}", risk=Risk.LOW, queue="support", plan=True,
    reversibility=Reversibility.REVERSIBLE, effect_mode=EffectMode.IDEMPOTENT, has_handler=False,
    schema={"type": "object", "required": ["steps"], "properties": {"steps": {"type": "array"}}},
)  # fmt: skip
STEPS = [
    {"type": "note.add", "fixed": {"text": "asked for a copy"}},
    {"type": "mail.send", "fixed": {"to": "kim@example.org"}},
    {"type": "note.add"},
]


@pytest.fixture
def planned() -> tuple[build.House, UUID, UUID]:
    """A house whose agent may note by itself, its run, and the run's approved plan."""
    house = build.house()
    with as_role("web"):
        services.sync_types(types=[PLAN])
    hand_set(house, "note.add")
    run = build.running(house)
    plan = propose(run, "work.plan", {"steps": STEPS})
    build.route()
    build.decide(house, build.item_of(plan))
    return house, run, plan


def propose(run: UUID, type_name: str, payload: dict[str, Any], **more: Any) -> UUID:
    given = build.proposal("note.add", type=type_name, payload=payload, confidence=0.9, **more)
    with as_role("agent"):
        return services.propose(proposal=given, run=run).id


def floor(action: UUID) -> tuple[str, str]:
    build.route()
    found = next(f for f in build.state_of(action).floors if f["name"] == "off_plan")
    return found["value"], found["outcome"]


def test_a_step_as_planned_goes_its_own_way(planned: tuple[build.House, UUID, UUID]) -> None:
    _, run, plan = planned
    action = propose(run, "note.add", {"text": "asked for a copy"}, plan=build.plan_step(plan, 0))
    assert floor(action) == ("on plan", "auto_execute")
    build.state_of(action, Status.APPROVED)


@pytest.mark.parametrize(
    ("step", "type_name", "payload", "why"),
    [
        (0, "note.add", {"text": "something else"}, "step 0 fixed text"),
        (1, "note.add", {"text": "x"}, "step 1 is mail.send"),
        (9, "note.add", {"text": "x"}, "the plan has no step 9"),
    ],
)
def test_what_differs_from_the_plan_is_reviewed(
    planned: tuple[build.House, UUID, UUID], step: int, type_name: str, payload: dict[str, Any], why: str
) -> None:
    _, run, plan = planned
    action = propose(run, type_name, payload, plan=build.plan_step(plan, step))
    assert floor(action) == (f"off plan: {why}", "review")
    build.state_of(action, Status.PENDING)


def test_a_step_is_used_once(planned: tuple[build.House, UUID, UUID]) -> None:
    _, run, plan = planned
    first, second = (propose(run, "note.add", {"text": str(n)}, plan=build.plan_step(plan, 2)) for n in (1, 2))
    assert floor(first)[0] == "on plan"
    assert floor(second)[0] == "off plan: step 2 was used before"


def test_a_plan_that_was_not_approved_holds_nothing(planned: tuple[build.House, UUID, UUID]) -> None:
    _, run, _ = planned
    waiting = propose(run, "work.plan", {"steps": STEPS[:1]})
    action = propose(run, "note.add", {"text": "asked for a copy"}, plan=build.plan_step(waiting, 0))
    assert floor(action) == ("off plan: its plan is pending", "review")


def test_an_action_that_is_no_plan_is_none(planned: tuple[build.House, UUID, UUID]) -> None:
    _, run, _ = planned
    other = propose(run, "note.add", {"text": "a"})
    action = propose(run, "note.add", {"text": "b"}, plan=build.plan_step(other, 0))
    assert floor(action)[0] == "off plan: it names a plan that is not its run's"
    assert ActionType.objects.filter(plan=True).count() == 1


def test_an_edited_plan_holds_in_its_edited_form(planned: tuple[build.House, UUID, UUID]) -> None:
    house, run, _ = planned
    plan = propose(run, "work.plan", {"steps": STEPS[:1]})
    build.route()
    item = build.item_of(plan)
    shown = build.seen(item)
    with as_role("web"):
        services.edit(
            item=item.id, seen=shown, payload={"steps": [{"type": "note.add", "fixed": {"text": "other"}}]},
            by=house.by(), rationale="note something else",
        )  # fmt: skip
    build.decide(house, item, name="grace")
    kept, dropped = (
        propose(run, "note.add", {"text": text}, plan=build.plan_step(plan, 0))
        for text in ("other", "asked for a copy")
    )
    assert floor(kept)[0] == "on plan"
    assert floor(dropped)[1] == "review"
