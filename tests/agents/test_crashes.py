"""Random agents whose workers die again and again: what they end with does not depend on it.

A crash leaves the agent's code at a random place, before or after a journal row is written, inside a
step or in the transaction of a proposal. What was not committed is gone; another leg begins at the top.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.conf import settings
from django.test import override_settings

from agents import recorder, runner, services
from agents.models import JournalEntry
from agents.models import Run as Run_
from agents.outcomes import Approved, Finished, Handle, Outcome, Rejected
from agents.runs import Run
from reviews.models import Action, Item
from reviews.schemas import DecisionIn
from reviews.states import Verdict
from tests import build
from tests.agents.kit import Crew, result

REJECT = DecisionIn(verdict=Verdict.REJECT, reason_code="wrong_facts", rationale="as the text says")


KINDS = ("step", "step", "propose", "propose", "wait_any", "now", "random", "patched", "child", "sleep")


class Crash(BaseException):
    """The worker is gone."""


class Fate:
    """Decides where the worker dies."""

    def __init__(self, seed: int, chance: float) -> None:
        self.dice, self.chance, self.crashes = random.Random(seed), chance, 0

    def strike(self) -> None:
        if self.dice.random() < self.chance:
            self.crashes += 1
            raise Crash


@contextmanager
def deadly(fate: Fate) -> Iterator[None]:
    """Every journal row may be the last thing a worker does, or the last that it does not."""
    append = services.append_entry

    def dangerous(*, held: services.Held, row: services.Row) -> None:
        fate.strike()
        append(held=held, row=row)
        fate.strike()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder.services, "append_entry", dangerous)
        yield


def program(seed: int) -> list[tuple[str, Any]]:
    """Some ten operations of every kind."""
    dice = random.Random(seed)
    made: list[tuple[str, Any]] = []
    for n in range(dice.randint(6, 12)):
        made.append((dice.choice(KINDS), f"{seed}-{n}"))
    return [*made, ("wait_all", "rest")]


def wanted(text: str) -> bool:
    """Whether people approve this text; the same whoever asks, and when."""
    return sum(text.encode()) % 3 != 0


def expected(seed: int) -> list[Any]:
    """What the program must end with, whatever happened on the way."""
    said: list[Any] = []
    waiting: list[str] = []
    for kind, text in program(seed):
        if kind == "step":
            said.append(text.upper())
        elif kind == "propose":
            waiting.append(text)
        elif kind == "child":
            said.append({"child": text})
        elif kind == "patched":
            said.append(True)
    return [sorted(map(str, said)), sorted(f"{t}:{'yes' if wanted(t) else 'no'}" for t in waiting)]


def interpreter(run: Run, seed: int) -> list[Any]:
    """Carries a program out."""
    said: list[Any] = []
    ends: list[str] = []
    waiting: dict[Any, tuple[Handle, str]] = {}
    for kind, text in program(seed):
        if kind == "step":
            said.append(run.step(text, str.upper, text))
        elif kind == "propose":
            handle = run.propose("say", {"text": text})
            waiting[handle.id] = (handle, text)
        elif kind == "wait_any" and waiting:
            handle, outcome = run.wait_any(*(h for h, _ in waiting.values()))
            ends.append(told(waiting.pop(handle.id)[1], outcome))
        elif kind == "now":
            run.now()
        elif kind == "random":
            run.random()
        elif kind == "patched":
            said.append(run.patched(text))
        elif kind == "child":
            outcome = run.wait(run.start_child("echo", {"text": text}))
            assert isinstance(outcome, Finished)
            said.append(outcome.result)
        elif kind == "sleep":
            run.sleep(0.001)
        elif kind == "wait_all":
            outcomes = run.wait_all(*(h for h, _ in waiting.values()))
            ends += [told(text, o) for (_, text), o in zip(waiting.values(), outcomes, strict=True)]
    return [sorted(map(str, said)), sorted(ends)]


def told(text: str, outcome: Outcome) -> str:
    if isinstance(outcome, Approved):
        assert outcome.result == {"said": text}
        assert outcome.payload["text"] == text
        return f"{text}:yes"
    assert isinstance(outcome, Rejected)
    assert outcome.rationale == "as the text says"
    return f"{text}:no"


def echo(run: Run, text: str) -> dict[str, str]:
    return {"child": str(run.step("echo", str, text))}


def decide_all(crew: Crew) -> None:
    crew.route()
    for item, name in zip(Item.objects.filter(closed_at=None).select_related("action"), _names(), strict=False):
        text = bytes(item.action.revisions.get().body.body).decode()
        decision = build.APPROVE if wanted(text.split('"text":"')[1].split('"')[0]) else REJECT
        time.sleep(settings.TIMINGS.dwell_low / 2)
        build.decide(crew.house, item, decision, name)


def _names() -> Iterator[str]:
    while True:
        yield from ("ada", "grace", "lin")


def advance_all(crew: Crew, fate: Fate) -> None:
    """Legs until nothing is runnable; each may crash."""
    with deadly(fate):
        while True:
            crew.wake()
            try:
                if crew.leg() == "idle":
                    return
            except Crash:
                time.sleep(0.002)  # the dead worker's lease runs out


def play(crew: Crew, seeds: range, fate: Fate) -> list[Run_]:
    crew.agent(echo, name="echo")
    crew.agent(interpreter, starts=("echo",))
    runs = [crew.start(seed=seed) for seed in seeds]
    timings = replace(settings.TIMINGS, agent_lease=0.001)
    with override_settings(TIMINGS=timings), pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "MAX_STALLS", 1_000)  # these workers die of us, not of their runs
        for _ in range(60):
            advance_all(crew, fate)
            decide_all(crew)
            time.sleep(0.21)
            crew.execute_all()
            if not Run_.objects.filter(state__in=("runnable", "running", "parked")).exists():
                return runs
    raise AssertionError("some runs never end")


def judge(crew: Crew, seeds: range, runs: list[Run_]) -> None:
    for seed, run in zip(seeds, runs, strict=True):
        now = crew.run(run)
        assert now.state == "finished", f"seed {seed}: {now.error or now.blocked}"
        assert result(crew, run) == expected(seed), f"seed {seed}"
        proposed = JournalEntry.objects.filter(run=run, kind="propose").count()
        assert Action.objects.filter(run=run.id).count() == proposed, f"seed {seed}: one action for each proposal"
        assert proposed == sum(kind == "propose" for kind, _ in program(seed))
        assert Run_.objects.filter(parent=run).count() == sum(kind == "child" for kind, _ in program(seed))
    texts = [payload["text"] for _, _, payload in crew.world.done]
    assert len(texts) == len(set(texts)), "no effect happened twice"


@pytest.mark.slow
def test_twenty_random_runs_end_as_if_their_workers_had_never_died(crew: Crew) -> None:
    fate = Fate(seed=7, chance=0.22)
    seeds = range(20)
    judge(crew, seeds, play(crew, seeds, fate))
    assert fate.crashes >= 100, f"only {fate.crashes} crashes struck"


@pytest.mark.slow
@pytest.mark.parametrize("part", range(6))
def test_many_random_runs_end_as_if_their_workers_had_never_died(crew: Crew, part: int) -> None:
    fate = Fate(seed=part, chance=0.25)
    seeds = range(1000 + 25 * part, 1025 + 25 * part)
    judge(crew, seeds, play(crew, seeds, fate))
    assert fate.crashes >= 150, f"only {fate.crashes} crashes struck"
