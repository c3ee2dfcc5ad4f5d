"""A desk with agents that tests write on the spot, driven leg by leg under the right logins."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.conf import settings

from agents import executor, registry, runner, services
from agents.effects import EffectContext, NotDone
from agents.models import JournalEntry, Run
from agents.registry import ActionType
from reviews import registry as desk_registry
from reviews import services as desk_services
from reviews.models import Action, Decision
from reviews.schemas import DecisionIn, Strict
from reviews.states import EffectMode, Reversibility, Risk, Verdict
from tests import build
from tests.logins import as_role


class Note(Strict):
    text: str
    amount: int = 0


class Question(Strict):
    prompt: str
    options: list[str] | None = None
    answer: str | None = None


@dataclass
class World:
    """What effects did, and how the next ones shall go."""

    done: list[tuple[UUID, str, dict[str, Any]]] = field(default_factory=list)
    undone: list[tuple[UUID, Any]] = field(default_factory=list)
    trouble: list[BaseException | Callable[[], None]] = field(default_factory=list)
    probe: str = "unknown"

    def execute(self, payload: Note, ctx: EffectContext) -> dict[str, Any]:
        if self.trouble:
            next_one = self.trouble.pop(0)
            if callable(next_one):
                next_one()
            else:
                raise next_one
        self.done.append((ctx.action, ctx.key, payload.model_dump()))
        return {"said": payload.text}

    def undo(self, payload: Note, ctx: EffectContext, result: Any) -> dict[str, Any]:
        self.undone.append((ctx.action, result))
        return {"unsaid": payload.text}

    def answer_probe(self, payload: Note, ctx: EffectContext) -> str:
        return self.probe


@dataclass
class Crew:
    """The house of `tests.build`, with agents."""

    house: build.House
    world: World

    def agent(self, function: Callable[..., Any], name: str = "helper", **declared: Any) -> Callable[..., Any]:
        """Declares an agent, or its newest version, and writes the rows."""
        registry.agent(name, **declared)(function)
        self.sync()
        return function

    def aside(self, name: str, **declared: Any) -> None:
        """One more type that says a note; written to the desk with the next agent."""
        usual = {
            "label": "Say", "version": 1, "template": "Say {text}", "model": Note, "risk": Risk.LOW,
            "reversibility": Reversibility.COMPENSABLE, "queue": "support", "effect_mode": EffectMode.IDEMPOTENT,
            "execute": self.world.execute,
        }  # fmt: skip
        registry.register(ActionType(name=name, **(usual | declared)))

    def sync(self) -> None:
        with as_role("web"):
            services.sync_registry(owner="noor")

    def start(self, name: str = "helper", **args: Any) -> Run:
        with as_role("web"):
            run = services.start_run(agent=name, args=args, by=self.house.by("ada"))
        return self.run(run)

    def run(self, run: UUID | Run) -> Run:
        return Run.objects.get(id=run.id if isinstance(run, Run) else run)

    def leg(self, run: Run | None = None) -> str:
        with as_role("agent"):
            return runner.advance(run=run.id if run else None, renew=False)

    def go(self, run: Run, most: int = 20) -> str:
        """Leg after leg while the run can go on; what the last one said."""
        for _ in range(most):
            self.wake()
            said = self.leg(run)
            if said != "runnable" and self.run(run).state != "runnable":
                return said
        raise AssertionError("the run never comes to rest")

    def wake(self) -> int:
        with as_role("router"):
            return services.wake_runs()

    def route(self) -> int:
        return build.route()

    def actions(self, run: Run) -> list[Action]:
        return list(Action.objects.filter(run=run.id).order_by("id"))

    def decide(self, action: Action, decision: DecisionIn = build.APPROVE, name: str = "ada") -> Decision:
        time.sleep(settings.TIMINGS.dwell_low)
        return build.decide(self.house, build.item_of(action.id), decision, name)

    def approve(self, action: Action) -> None:
        """By as many people as it needs, and past its undo window."""
        self.decide(action)
        build.wait_for_release(action.id)

    def reject(self, action: Action, why: str = "no") -> None:
        self.decide(action, DecisionIn(verdict=Verdict.REJECT, reason_code="wrong_facts", rationale=why))
        build.wait_for_release(action.id)

    def edit(self, action: Action, **payload: Any) -> None:
        item = build.item_of(action.id)
        seen = build.seen(item)
        time.sleep(settings.TIMINGS.dwell_low)
        with as_role("web"):
            desk_services.edit(
                item=item.id, seen=seen, payload=payload, decision=build.APPROVE, by=self.house.by("ada")
            )
        build.wait_for_release(action.id)

    def ask(self, action: Action, text: str, name: str = "ada") -> None:
        item = build.item_of(action.id)
        seen = build.seen(item)
        with as_role("web"):
            desk_services.ask(item=item.id, seen=seen, text=text, expects=None, by=self.house.by(name))

    def execute(self) -> bool:
        with as_role("executor"):
            return executor.execute_next("default", worker="executor@test:1")

    def execute_all(self) -> int:
        return next(n for n in range(1000) if not self.execute())

    def journal(self, run: Run) -> list[tuple[int, str, str]]:
        return list(JournalEntry.objects.filter(run=run.id).order_by("seq").values_list("seq", "kind", "name"))


@contextmanager
def crewed() -> Iterator[Crew]:
    """A desk without the shipped types, and a world that effects write to."""
    shipped = dict(desk_registry._loaded)
    with registry.isolated(empty=True):
        desk_registry._loaded.clear()
        world = World()
        declare_types(world)
        found = Crew(build.house(), world)
        found.sync()
        yield found
    desk_registry._loaded.clear()
    desk_registry._loaded.update(shipped)


def declare_types(world: World) -> None:
    """One type for each effect mode, and the question."""
    common: dict[str, Any] = {
        "version": 1,
        "template": "Say {text}",
        "model": Note,
        "risk": Risk.LOW,
        "reversibility": Reversibility.COMPENSABLE,
        "queue": "support",
        "execute": world.execute,
    }
    registry.register(ActionType(name="say", label="Say", effect_mode=EffectMode.IDEMPOTENT, undo=world.undo, **common))
    registry.register(
        ActionType(name="say.probe", label="Say", effect_mode=EffectMode.PROBE, probe=world.answer_probe, **common)
    )
    registry.register(ActionType(name="say.once", label="Say", effect_mode=EffectMode.ONCE, **common))
    unhandled = common | {"execute": None}
    registry.register(ActionType(name="say.elsewhere", label="Say", effect_mode=EffectMode.ONCE, **unhandled))
    registry.register(
        ActionType(**(common | {"execute": answered, "model": Question, "template": "{prompt}"}),
            name="question.ask", label="Question", effect_mode=EffectMode.IDEMPOTENT, question=True)
    )  # fmt: skip


def answered(payload: Question, ctx: EffectContext) -> dict[str, Any]:
    if payload.answer is None:
        raise NotDone("nobody answered")
    return {"answer": payload.answer}


def result(crew: Crew, run: Run) -> Any:
    """What a run ended with, read from its row."""
    return json.loads(bytes(crew.run(run).result or b"null"))
