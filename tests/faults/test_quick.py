"""The short faults: one run each, few actions. A test fails if its fault did not strike.

What each expects is the matrix of docs/agents.md; `test_long.py` runs them at length.
"""

from __future__ import annotations

import time

import pytest

from agents import services
from agents.bell import DESK
from agents.models import Run
from reviews.models import Action, Attempt
from tests.faults.bells import flushing, ring_many
from tests.faults.show import Show
from tests.logins import as_role

pytestmark = pytest.mark.timeout(150)
N = 30


def test_f1_a_worker_killed_before_the_effect_leaves_begun_once_effects_in_doubt_and_does_the_rest(show: Show) -> None:
    show.stage.faults(before=0.2)
    made = show.perform(N)
    struck = _after(show, "before")
    states = show.states(made)
    assert struck > 0, "the fault did not strike"
    assert states.get("in_doubt", 0) <= struck
    assert set(states) <= {"succeeded", "in_doubt"}
    assert _in_doubt_kinds(made) <= {"play.once"}
    show.judge()


def test_f2_a_worker_killed_after_the_effect_repeats_only_with_the_same_key(show: Show) -> None:
    show.stage.faults(after=0.2)
    made = show.perform(N)
    struck = _after(show, "after")
    assert struck > 0, "the fault did not strike"
    assert set(show.states(made)) <= {"succeeded", "in_doubt"}
    assert _in_doubt_kinds(made) <= {"play.once"}
    show.judge()


def test_f3_whole_workers_killed_four_times_lose_nothing(show: Show) -> None:
    show.stage.faults(slow=0.1)
    made = show.perform(N)
    killed = 0
    for _ in range(4):
        show.stage.until(lambda: Attempt.objects.filter(ended_at=None).exists() or _done(made), 15, "work under way")
        killed += not _done(made)
        show.stage.kill("executors")
        show.stage.start("executors")
        time.sleep(0.3)
    show.stage.faults()
    show.rest()
    assert killed >= 2, "most of the work was done before the fault could strike"
    assert set(show.states(made)) <= {"succeeded", "in_doubt"}
    show.judge()


def test_f4_a_flushed_broker_loses_nothing(show: Show) -> None:
    show.stage.faults(slow=0.1)
    made = show.propose(N)
    with flushing(show.stage, every=0.15) as flushes:
        show.approve(made)
        show.rest()
    assert len(flushes) >= 10, "too few flushes struck"
    assert show.states(made) == {"succeeded": N}
    show.judge()


def test_f5_a_dead_broker_stops_no_approval_and_no_effect(show: Show) -> None:
    show.stage.valkey.stop()
    try:
        started = time.monotonic()
        made = show.perform(N)
        assert show.stage.valkey.process is None
        show.rest()
        assert show.states(made) == {"succeeded": N}
        workers = set(Attempt.objects.filter(action__in=made).values_list("worker", flat=True))
        assert all(name.startswith("drain@") for name in workers), "no executor can have been rung"
        assert time.monotonic() - started < 30
    finally:
        show.stage.valkey.start()
    show.judge()


def test_f6_a_frozen_broker_neither_stops_the_keeper_nor_the_drain(show: Show) -> None:
    show.stage.freeze()
    try:
        made = show.propose(N)
        began = time.monotonic()
        show.approve(made)
        assert time.monotonic() - began < 10, "the keeper waited for the broker"
        show.rest()
        assert show.states(made) == {"succeeded": N}
    finally:
        show.stage.thaw()
    show.judge()


def test_f9_a_doorbell_rung_hundreds_of_times_does_each_effect_once(show: Show) -> None:
    made = show.propose(N)
    ring_many(show.stage, DESK, "default", 400)
    show.approve(made)
    ring_many(show.stage, DESK, "default", 400)
    show.rest()
    assert show.states(made) == {"succeeded": N}
    assert Attempt.objects.filter(action__in=made).count() == N
    show.judge()


def test_f12_another_keeper_takes_over_when_the_leader_is_killed(show: Show) -> None:
    show.stage.started("keeper-2")
    show.stage.kill("keeper")
    made = show.perform(5)
    show.rest()
    assert show.states(made) == {"succeeded": 5}
    show.stage.started("keeper")
    show.stage.stop("keeper-2")
    show.judge()


@pytest.mark.parametrize("poison", ["raises", "segfault", "not_done"])
def test_f14_poison_ends_after_at_most_six_attempts_and_the_neighbours_are_served(show: Show, poison: str) -> None:
    show.stage.faults(**{poison: ["poison"]})
    bad = show.propose(1, ["play.poison"], text="poison")
    good = show.propose(N // 3)
    show.approve([*bad, *good])
    show.stage.until(lambda: _done(good), 40, "the neighbours to be served")
    show.rest(60)
    assert show.stage.fired(poison) >= 1
    [state] = show.states(bad)
    assert state == ("failed" if poison == "not_done" else "in_doubt")
    assert Attempt.objects.filter(action__in=bad).count() <= 6
    show.stage.faults()
    again = show.perform(3, ["play.poison"], text="wholesome")
    show.rest()
    assert show.states(again) == {"succeeded": 3}, "the circuit closes when an attempt succeeds"
    show.judge()


def test_f19_an_agent_worker_killed_in_a_step_resumes_with_one_proposal_for_each_place(show: Show) -> None:
    show.stage.started("agents")
    show.stage.faults(step=0.25)
    with as_role("web"):
        runs = [services.start_run(agent="player", args={"lines": 3}, by=show.house.by("ada")) for _ in range(6)]
    mine = Run.objects.filter(id__in=runs)
    show.stage.until(
        lambda: show.stage.revive() is not None and mine.filter(state="parked").count() == 6, 90, "six parked runs"
    )
    assert show.stage.fired("step") > 0, "the fault did not strike"
    show.stage.faults()
    made = list(Action.objects.filter(run__in=runs).values_list("id", flat=True))
    assert len(made) == 18
    show.approve(made)
    show.stage.until(lambda: mine.filter(state="finished").count() == 6, 30, "six finished runs")
    show.rest()
    show.stage.stop("agents")
    show.judge()


def _after(show: Show, fault: str) -> int:
    """How often the fault had struck when all was at rest."""
    show.rest()
    show.stage.faults()
    return show.stage.fired(fault)


def _done(actions: list[object]) -> bool:
    return not Action.objects.filter(id__in=actions, state__in=("pending", "approved", "executing")).exists()


def _in_doubt_kinds(actions: list[object]) -> set[str]:
    return set(Action.objects.filter(id__in=actions, state="in_doubt").values_list("type_id", flat=True))
