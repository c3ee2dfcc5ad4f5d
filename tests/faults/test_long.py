"""The faults at length, those that chance decides twice; `make test-slow` runs them."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from uuid import UUID

import pytest
from django.db import connection, connections
from pytest_django.plugin import DjangoDbBlocker

from agents import services
from agents.bell import DESK
from agents.models import Run
from reviews import services as desk
from reviews.models import Action, ActionType, Attempt, Item
from reviews.services.stops import lift_stop, place_stop
from tests import build
from tests.faults.bells import flushing, ring_many
from tests.faults.evidence import history, sink_lines
from tests.faults.postgres import own_postgres
from tests.faults.show import Show
from tests.faults.test_quick import done, in_doubt_kinds
from tests.logins import as_role
from tests.stage import furnish, stage

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
TWICE = pytest.mark.parametrize("turn", [1, 2])
N = 90


@TWICE
def test_f1_killed_before_the_effect(show: Show, turn: int) -> None:
    before = show.stage.fired("before")
    show.stage.faults(before=0.1)
    made = show.perform(N)
    show.rest(150)
    struck = show.stage.fired("before") - before
    assert struck >= 5, "the fault struck too rarely"
    assert show.states(made).get("in_doubt", 0) <= struck
    assert in_doubt_kinds(made) <= {"play.once"}
    show.judge()


@TWICE
def test_f2_killed_after_the_effect(show: Show, turn: int) -> None:
    before = show.stage.fired("after")
    show.stage.faults(after=0.08)
    made = show.perform(N)
    show.rest(150)
    assert show.stage.fired("after") - before >= 5, "the fault struck too rarely"
    assert in_doubt_kinds(made) <= {"play.once"}
    show.judge()


def test_f3_whole_workers_killed(show: Show) -> None:
    show.stage.faults(slow=0.1)
    made = show.perform(N)
    killed = 0
    while not done(made) and killed < 4:
        show.stage.until(lambda: done(made) or Attempt.objects.filter(ended_at=None).exists(), 30, "work under way")
        show.stage.kill("executors")
        show.stage.start("executors")
        killed += 1
        time.sleep(0.7)
    show.stage.faults()
    show.rest(120)
    assert killed == 4, "the work was done before the fault struck four times"
    assert set(show.states(made)) <= {"succeeded", "in_doubt"}
    show.judge()


def test_f4_a_broker_flushed_all_the_time(show: Show) -> None:
    show.stage.faults(slow=0.1)
    made = show.propose(N)
    with flushing(show.stage, every=0.7) as flushes:
        show.approve(made)
        show.rest(120)
    assert len(flushes) >= 4
    assert show.states(made) == {"succeeded": N}
    show.judge()


def test_f5_a_dead_broker_stops_no_approval_and_no_effect(show: Show) -> None:
    show.stage.valkey.stop()
    try:
        made = show.perform(N // 2)
        show.rest(120)
        assert show.states(made) == {"succeeded": N // 2}
        workers = set(Attempt.objects.filter(action__in=made).values_list("worker", flat=True))
        assert all(name.startswith("drain@") for name in workers), "no executor can have been rung"
    finally:
        show.stage.valkey.start()
    again: list[UUID] = []

    def rung() -> bool:
        """The keeper's breaker is silent for ten seconds; then executors are rung again."""
        again.extend(show.perform(2))
        show.rest()
        return Attempt.objects.filter(action__in=again, worker__startswith="executor@").exists()

    show.stage.until(rung, 90, "executors to be rung again")
    show.judge()


def test_f7_a_database_restarted_in_the_middle_leaves_no_partial_state(
    django_db_blocker: DjangoDbBlocker, django_db_setup: None
) -> None:
    with django_db_blocker.unblock(), own_postgres() as doomed, stage("doomed") as at:
        show = Show(at, furnish())
        at.started("keeper", "drain", "executors")
        at.faults(slow=0.5)
        made = show.perform(N // 2)
        for _ in range(2):
            at.until(lambda: done(made) or Attempt.objects.filter(ended_at=None).exists(), 30, "work under way")
            assert not done(made), "the work was done before the fault could strike"
            doomed.crash()
            connections.close_all()
            time.sleep(0.5)
        at.faults()
        show.rest(90)
        assert doomed.ended == 2
        assert set(show.states(made)) <= {"succeeded", "in_doubt"}
        assert in_doubt_kinds(made) <= {"play.once"}
        show.judge()


@pytest.mark.parametrize("hours", [1, -1])
def test_f10_a_worker_whose_clock_is_wrong_obeys_the_databases(
    django_db_blocker: DjangoDbBlocker, django_db_setup: None, hours: int
) -> None:
    with django_db_blocker.unblock(), stage("clocks") as at:
        show = Show(at, furnish())
        at.extra = {"ASSENTRY_TEST_CLOCK": str(hours * 3600)}
        at.started("executors", "drain")
        assert at.fired("clock") >= 2, "the clocks are right"
        at.extra = {}
        at.started("keeper")
        made = show.perform(30)
        assert not at.sink.exists() or Attempt.objects.exists()
        show.rest(60)
        assert show.states(made) == {"succeeded": 30}
        for attempt in Attempt.objects.select_related("action"):
            assert attempt.leased_at >= attempt.action.release_at
        # Put right, with a second for the moment at which the wrong clock was set going.
        effects = [replace(e, at=e.at - hours * 3600 + 1) for e in sink_lines(at.sink)]
        found = history(effects=effects).findings()
        assert not found, "with their clock put right, nothing is found"


@pytest.mark.parametrize("poison", ["raises", "segfault", "not_done"])
def test_f14_poison(show: Show, poison: str) -> None:
    show.stage.faults(**{poison: ["poison"]})
    bad = show.propose(1, ["play.poison"], text="poison")
    good = show.propose(30)
    show.approve([*bad, *good])
    show.stage.until(lambda: done(good), 60, "the neighbours to be served")
    show.rest(90)
    assert show.stage.fired(poison) >= 1
    [state] = show.states(bad)
    assert state == ("failed" if poison == "not_done" else "in_doubt")
    assert Attempt.objects.filter(action__in=bad).count() <= 6
    show.stage.faults()
    again = show.perform(3, ["play.poison"], text="wholesome")
    show.rest()
    assert show.states(again) == {"succeeded": 3}, "the circuit closes when an attempt succeeds"
    show.judge()


def test_f15_many_approved_at_once_are_all_done_once(show: Show) -> None:
    count = 400
    made = show.propose(count, ["play.safe"])
    waiting = Item.objects.filter(action__in=made, action__state="pending").select_related("action")
    show.stage.until(lambda: waiting.count() == count, 120, "the keeper to route")
    opened = build.long_ago()
    selected = [(item.id, item.version, bytes(item.action.digest)) for item in waiting]
    for start in range(0, count, 50):
        with as_role("web"):
            desk.batch_decide(
                items=selected[start : start + 50], decision=build.APPROVE, by=show.house.by("ada"), opened_at=opened
            )
        time.sleep(0.6)
    show.rest(180)
    assert show.states(made) == {"succeeded": count}
    assert Attempt.objects.filter(action__in=made).count() == count
    show.judge()


@TWICE
def test_f16_everything_at_once(show: Show, turn: int) -> None:
    dice = random.Random(turn)
    show.stage.faults(before=0.05, after=0.05, slow=0.03)
    made = show.propose(N)
    struck: dict[str, int] = {}

    def strike() -> None:
        fault = dice.choice(["flush", "worker", "drain", "keeper", "sessions", "ring"])
        struck[fault] = struck.get(fault, 0) + 1
        if fault == "flush":
            show.stage.admin().flushall()
        elif fault == "ring":
            ring_many(show.stage, DESK, "default", 50)
        elif fault == "sessions":
            end_sessions(show.stage.database)
        else:
            name = {"worker": "executors"}.get(fault, fault)
            if show.stage.alive(name):
                show.stage.kill(name)
                show.stage.start(name)
        time.sleep(dice.uniform(0.3, 1.2))

    with flushing(show.stage, every=1.5):
        show.approve(made)
        over = time.monotonic() + 25
        while time.monotonic() < over:
            strike()
            show.stage.revive()
    show.stage.faults()
    show.rest(120)
    assert len(struck) >= 4, f"too few kinds of fault struck: {struck}"
    assert set(show.states(made)) <= {"succeeded", "in_doubt"}
    show.judge()


def end_sessions(database: str) -> None:
    """Ends every session of the workers, wherever it stands."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = %s AND usename <> session_user",
            [database],
        )


def test_f18_nothing_is_leased_or_begun_under_a_stop_placed_while_work_is_going_on(show: Show) -> None:
    show.stage.faults(slow=0.1)
    made = show.perform(60, ["play.safe"])
    show.stage.until(lambda: Attempt.objects.filter(action__in=made).count() > 5, 30, "work under way")
    kind = ActionType.objects.get(name="play.safe")
    with as_role("web"):
        stop = place_stop(action_type=kind, reason="something is wrong here", by=show.house.by("lin"))
    time.sleep(2)
    open_now = Attempt.objects.filter(action__in=made).count()
    assert open_now < 60, "the work was done before the stop could strike"
    time.sleep(1)
    assert Attempt.objects.filter(action__in=made).count() == open_now, "nothing is leased"
    with as_role("web"):
        lift_stop(stop=stop.id, reason="it was looked into, and is well", by=show.house.by("lin"))
    show.rest(60)
    assert show.states(made) == {"succeeded": 60}
    show.judge()


def test_f19_an_agent_worker_killed_in_a_step_resumes_with_one_proposal_for_each_place(show: Show) -> None:
    before = show.stage.fired("step")
    show.stage.started("agents")
    show.stage.faults(step=0.2)
    with as_role("web"):
        runs = [services.start_run(agent="player", args={"lines": 3}, by=show.house.by("ada")) for _ in range(8)]
    mine = Run.objects.filter(id__in=runs)
    show.stage.until(
        lambda: show.stage.revive() is not None and mine.filter(state="parked").count() == 8, 200, "parked runs"
    )
    assert show.stage.fired("step") > before, "the fault did not strike"
    show.stage.faults()
    made = list(Action.objects.filter(run__in=runs).values_list("id", flat=True))
    assert len(made) == 24
    show.approve(made)
    show.stage.until(lambda: mine.filter(state="finished").count() == 8, 60, "finished runs")
    show.rest()
    show.stage.stop("agents")
    show.judge()
