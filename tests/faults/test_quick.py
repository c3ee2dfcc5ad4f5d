"""The short faults: one run each, few actions; half of them in the slow run. A test fails if its fault did not strike.

What each expects is the matrix of docs/agents.md; `test_long.py` runs them at length.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Sequence
from uuid import UUID

import pytest

from agents.bell import DESK
from reviews.models import Action, Attempt, Decision, Item
from tests import build
from tests.faults.bells import flushing, ring_many
from tests.faults.show import Show
from tests.faults.test_hostile import IN_MAKE_TEST, attack

pytestmark = pytest.mark.timeout(150)
N = 24


@pytest.mark.slow
def test_f1_a_worker_killed_before_the_effect_leaves_begun_once_effects_in_doubt_and_does_the_rest(show: Show) -> None:
    show.stage.faults(before=0.3)
    made = show.perform(N)
    struck = struck_after(show, "before")
    states = show.states(made)
    assert states.get("in_doubt", 0) <= struck
    assert set(states) <= {"succeeded", "in_doubt"}
    assert in_doubt_kinds(made) <= {"play.once"}
    show.judge()


@pytest.mark.slow
def test_f2_a_worker_killed_after_the_effect_repeats_only_with_the_same_key(show: Show) -> None:
    show.stage.faults(after=0.3)
    made = show.perform(N)
    struck_after(show, "after")
    assert set(show.states(made)) <= {"succeeded", "in_doubt"}
    assert in_doubt_kinds(made) <= {"play.once"}
    show.judge()


@pytest.mark.slow
def test_f3_whole_workers_killed_four_times_lose_nothing(show: Show) -> None:
    show.stage.faults(slow=0.1)
    made = show.perform(N)
    killed = 0
    for _ in range(4):
        show.stage.until(lambda: Attempt.objects.filter(ended_at=None).exists() or done(made), 15, "work under way")
        killed += not done(made)
        show.stage.kill("executors")
        show.stage.start("executors")
        time.sleep(0.3)
    show.stage.faults()
    show.rest()
    assert killed >= 2, "most of the work was done before the fault could strike"
    assert set(show.states(made)) <= {"succeeded", "in_doubt"}
    show.judge()


@pytest.mark.slow
def test_f4_a_flushed_broker_loses_nothing(show: Show) -> None:
    show.stage.faults(slow=0.1)
    made = show.propose(N)
    with flushing(show.stage, every=0.15) as flushes:
        show.approve(made)
        show.rest()
    assert len(flushes) >= 10, "too few flushes struck"
    assert show.states(made) == {"succeeded": N}
    show.judge()


@pytest.mark.slow
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


@pytest.mark.slow
def test_f9_a_doorbell_rung_hundreds_of_times_does_each_effect_once(show: Show) -> None:
    made = show.propose(N)
    ring_many(show.stage, DESK, "default", 400)
    show.approve(made)
    ring_many(show.stage, DESK, "default", 400)
    show.rest()
    assert show.states(made) == {"succeeded": N}
    assert Attempt.objects.filter(action__in=made).count() == N
    show.judge()


@pytest.mark.slow
def test_f12_another_keeper_takes_over_when_the_leader_is_killed(show: Show) -> None:
    show.stage.started("keeper-2")
    show.stage.kill("keeper")
    made = show.perform(5)
    show.rest()
    assert show.states(made) == {"succeeded": 5}
    show.stage.started("keeper")
    show.stage.stop("keeper-2")
    show.judge()


@pytest.mark.slow
def test_f8_a_page_process_killed_in_a_batch_leaves_each_item_decided_or_not_and_may_send_it_again(show: Show) -> None:
    made = show.propose(N, ["play.safe"])
    waiting = Item.objects.filter(action__in=made, action__state="pending").select_related("action")
    show.stage.until(lambda: waiting.count() == N, 20, "the keeper to route")
    wanted = [[str(item.id), item.version, bytes(item.action.digest).hex()] for item in waiting]
    given = json.dumps({"items": wanted, "by": "ada", "opened_at": build.long_ago().isoformat()})
    with show.stage.batch(given) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"begin\n"
        time.sleep(0.02)
        first.kill()
    assert first.wait() == -signal.SIGKILL, "it was done before it could be killed"
    votes = Decision.objects.filter(action__in=made).count()
    assert votes in (0, N), "a batch is decided or not, never in part"
    with show.stage.batch(given) as again:
        assert again.wait(30) == 0
    show.rest()
    assert show.states(made) == {"succeeded": N}
    assert Decision.objects.filter(action__in=made).count() == N, "nothing was decided twice"
    show.judge()


@pytest.mark.slow
def test_f14_what_is_surely_not_done_fails_after_six_attempts_and_the_neighbours_are_served(show: Show) -> None:
    show.stage.faults(not_done=["poison"])
    bad = show.propose(1, ["play.poison"], text="poison")
    good = show.propose(N // 3)
    show.approve([*bad, *good])
    show.stage.until(lambda: done(good), 40, "the neighbours to be served")
    show.rest(60)
    assert show.stage.fired("not_done") == 6
    assert show.states(bad) == {"failed": 1}
    assert Attempt.objects.filter(action__in=bad).count() == 6
    show.judge()


def test_f17_three_hostile_messages_cause_no_effect_and_the_rest_is_carried_out(show: Show) -> None:
    attack(show, IN_MAKE_TEST)
    with show.stage.admin() as admin:
        admin.flushall()


def struck_after(show: Show, fault: str) -> int:
    """Lets the fault strike three times, then waits until all is at rest; how often it struck."""
    before = show.stage.struck.get(fault, 0)
    show.stage.until(lambda: show.stage.fired(fault) >= before + 3, 30, f"the fault {fault} to strike")
    show.stage.faults()
    show.rest()
    show.stage.struck[fault] = show.stage.fired(fault)
    return show.stage.struck[fault] - before


def done(actions: Sequence[UUID]) -> bool:
    return not Action.objects.filter(
        id__in=actions, state__in=("proposed", "pending", "approved", "executing")
    ).exists()


def in_doubt_kinds(actions: Sequence[UUID]) -> set[str]:
    return set(Action.objects.filter(id__in=actions, state="in_doubt").values_list("type_id", flat=True))
