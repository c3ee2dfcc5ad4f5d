"""What a run does when its code, its journal or its runner is not what it was."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.db import DatabaseError, connection

from agents import registry, runner, services
from agents.models import JournalEntry
from agents.models import Run as Run_
from agents.runs import Run
from audit.models import Event
from reviews.errors import LostLease, WrongState
from reviews.models import Action
from tests.agents.kit import Crew, result
from tests.logins import as_role


def first(run: Run) -> Any:
    """Two steps, a proposal, a park, a step."""
    run.step("a", lambda x: x, 1)
    run.step("b", lambda x: x, 2)
    outcome = run.call("say", {"text": "a"})
    return run.step("c", lambda: [outcome.ok])


def replace_code(crew: Crew, function: Callable[..., Any]) -> None:
    """As a deployment that changes an agent without giving it a new version would."""
    registry._agents.clear()
    crew.agent(function)


def renamed(run: Run) -> None:
    run.step("a", lambda x: x, 1)
    run.step("B", lambda x: x, 2)


def other_arguments(run: Run) -> None:
    run.step("a", lambda x: x, 1)
    run.step("b", lambda x: x, 3)


def inserted(run: Run) -> None:
    run.step("a", lambda x: x, 1)
    run.random()


def other_proposal(run: Run) -> None:
    run.step("a", lambda x: x, 1)
    run.step("b", lambda x: x, 2)
    run.propose("say", {"text": "another"})


def removed_tail(run: Run) -> None:
    run.step("a", lambda x: x, 1)


def raises_early(run: Run) -> None:
    run.step("a", lambda x: x, 1)
    raise ValueError("the new code does not get as far")


@pytest.mark.parametrize(
    ("code", "seq", "cause"),
    [
        (renamed, 2, "another name"),
        (other_arguments, 2, "other arguments"),
        (inserted, 2, "another kind of step"),
        (other_proposal, 3, "other arguments"),
        (removed_tail, 2, "rows left over"),
        (raises_early, 2, "rows left over"),
    ],
)
def test_code_that_does_not_do_what_its_journal_says_blocks_the_run_and_shows_both_sides(
    crew: Crew, code: Callable[..., Any], seq: int, cause: str
) -> None:
    crew.agent(first)
    run = crew.start()
    assert crew.leg(run) == "parked"
    crew.route()
    crew.reject(crew.actions(run)[0])
    replace_code(crew, code)
    crew.wake()
    before = crew.journal(run)
    assert crew.leg(run) == "blocked"
    blocked = crew.run(run).blocked
    assert (blocked["seq"], blocked["cause"]) == (seq, cause)
    row = JournalEntry.objects.get(run=run, seq=seq)
    assert blocked["recorded"]["name"] == row.name
    assert blocked["recorded"]["args"] == bytes(row.args_digest).hex()
    assert (blocked["found"] is None) == (cause == "rows left over")
    assert crew.journal(run) == before
    assert Event.objects.filter(case_id=f"run:{run.id}", name="run.blocked").count() == 1
    assert Action.objects.filter(run=run.id).count() == 1


def test_actions_of_a_blocked_run_stay_decidable(crew: Crew) -> None:
    def agent(run: Run) -> None:
        run.propose("say", {"text": "a"})
        run.sleep(0.4)

    crew.agent(agent)
    run = crew.start()
    crew.leg(run)
    replace_code(crew, lambda run: None)
    time.sleep(0.45)
    assert crew.go(run) == "blocked"
    crew.route()
    crew.approve(crew.actions(run)[0])
    assert crew.execute()


def test_a_fork_goes_on_from_the_step_before_the_difference_with_the_old_actions(crew: Crew) -> None:
    crew.agent(first)
    run = crew.start()
    crew.leg(run)
    crew.route()
    crew.approve(crew.actions(run)[0])
    crew.execute()

    def changed(run: Run) -> Any:
        run.step("a", lambda x: x, 1)
        run.step("b", lambda x: x, 2)
        outcome = run.call("say", {"text": "a"})
        return run.step("renamed", lambda: [outcome.ok, "new"])

    crew.wake()
    assert crew.leg(run) == "finished"
    replace_code(crew, changed)
    with as_role("web"):
        fork = services.fork_run(run=run.id, seq=3, by=crew.house.by("lin"))
    assert crew.leg(crew.run(fork)) == "finished"
    assert result(crew, crew.run(fork)) == [True, "new"]
    assert Action.objects.filter(run=run.id).count() == 1
    assert not Action.objects.filter(run=fork).exists(), "the fork knows the action of the run it comes from"
    assert [name for _, _, name in crew.journal(crew.run(fork))] == ["a", "b", "say", "all", "renamed"]


def test_the_fork_of_a_blocked_run_takes_its_place_for_the_parent(crew: Crew) -> None:
    def child(run: Run) -> str:
        run.step("a", lambda: 1)
        run.sleep(0.4)
        return "old"

    def healed(run: Run) -> str:
        run.step("A", lambda: 1)
        return "new"

    crew.agent(child, name="counter")
    parent = crew.agent(lambda run: run.wait(run.start_child("counter")).result, name="planner", starts=("counter",))
    run = crew.start("planner")
    crew.leg(run)
    broken = Run_.objects.get(parent=run)
    crew.leg(broken)
    registry._agents.clear()
    crew.agent(healed, name="counter")
    crew.agent(parent, name="planner", starts=("counter",))
    time.sleep(0.45)
    assert crew.go(broken) == "blocked"
    assert crew.wake() == 0
    with as_role("web"):
        fork = services.fork_run(run=broken.id, seq=0, by=crew.house.by("lin"))
    assert crew.run(broken).state == "cancelled"
    assert crew.wake() == 0, "the parent is not told of the old run's end"
    assert crew.leg(crew.run(fork)) == "finished"
    assert crew.go(run) == "finished"
    assert result(crew, run) == "new"


def test_only_a_closed_run_is_forked(crew: Crew) -> None:
    crew.agent(first)
    run = crew.start()
    crew.leg(run)
    with as_role("web"), pytest.raises(WrongState):
        services.fork_run(run=run.id, seq=1, by=crew.house.by("lin"))
    assert Run_.objects.count() == 1


def test_a_run_pins_its_version_and_only_workers_that_have_it_take_it(crew: Crew) -> None:
    crew.agent(first, version="1")
    run = crew.start()
    crew.leg(run)
    crew.route()
    crew.reject(crew.actions(run)[0])
    registry._agents.clear()
    crew.agent(lambda run: "two", version="2")
    crew.wake()
    assert crew.leg(run) == "idle", "this worker has no code of version 1"
    newer = crew.start()
    assert crew.leg(newer) == "finished"
    assert crew.actions(run)[0].agent_version == "1"
    registry.agent("helper", version="1", current=False)(first)
    assert crew.leg(run) == "finished"
    assert (crew.run(run).agent_version, crew.run(newer).agent_version) == ("1", "2")


def test_a_patch_is_taken_by_new_runs_and_not_by_those_that_are_past_it(crew: Crew) -> None:
    def before(run: Run) -> Any:
        run.step("a", lambda: 1)
        run.sleep(0.4)
        return "old"

    def after(run: Run) -> Any:
        way = "new" if run.patched("look twice") else "old"
        if way == "new":
            run.step("extra", lambda: 1)
        run.step("a", lambda: 1)
        run.sleep(0.4)
        return [way, run.patched("look twice")]

    crew.agent(before)
    old = crew.start()
    crew.leg(old)
    replace_code(crew, after)
    new = crew.start()
    crew.leg(new)
    time.sleep(0.45)
    assert crew.go(old) == "finished"
    assert crew.go(new) == "finished"
    assert result(crew, old) == ["old", False]
    assert result(crew, new) == ["new", True]


def test_a_stale_runner_can_neither_write_nor_propose_nor_park_nor_finish(crew: Crew) -> None:
    crew.agent(first)
    run = crew.start()
    with as_role("agent"):
        stale = services.lease_run(versions=[("helper", "1")], worker="one", seconds=0.05)
        time.sleep(0.1)
        fresh = services.lease_run(versions=[("helper", "1")], worker="two", seconds=30)
    assert stale is not None and fresh is not None
    assert (stale.id, fresh.fence) == (fresh.id, stale.fence + 1)
    row = runner.Recorder(stale, []).take("step", "a", 1)
    entry = services.Row(row.seq, row.kind, row.name, row.args, b"{}")
    wait = services.Wait("any", [])
    with as_role("agent"):
        for attempt in (
            lambda: services.append_entry(held=stale, row=entry),
            lambda: services.renew_run(held=stale),
            lambda: services.park_run(held=stale, wait=wait),
            lambda: services.finish_run(held=stale, result=b"null"),
            lambda: services.fail_run(held=stale, error="x"),
            lambda: services.read_journal(held=stale),
            lambda: services.start_child(held=stale, agent="helper", args={}, title=""),
        ):
            with pytest.raises(LostLease):
                attempt()
        services.append_entry(held=fresh, row=entry)
    assert crew.journal(run) == [(1, "step", "a")]
    assert crew.run(run).state == "running"


def test_a_proposal_of_a_runner_that_lost_its_run_leaves_nothing_behind(crew: Crew) -> None:
    def agent(run: Run) -> None:
        steal(run)
        run.propose("say", {"text": "a"})

    def steal(run: Run) -> None:
        time.sleep(0.45)
        taken = services.lease_run(versions=[("helper", "1")], worker="thief", seconds=30, only=run.id)
        assert taken is not None

    crew.agent(agent)
    run = crew.start()
    with as_role("agent"):
        held = services.lease_run(versions=[("helper", "1")], worker="one", seconds=0.05)
        assert held is not None
        assert runner._leg(held) == "lost"
    assert crew.actions(run) == []
    assert crew.journal(run) == []


def test_the_journal_is_append_only_for_every_login(crew: Crew) -> None:
    crew.agent(first)
    run = crew.start()
    crew.leg(run)
    for role in ("superuser", "web", "router", "agent", "executor", "auditor"):
        for cheat in (
            "UPDATE agents_journal SET result = 'x'",
            "DELETE FROM agents_journal",
            "INSERT INTO agents_journal SELECT 0, 99, kind, name, args_digest, result, at, run_id FROM agents_journal",
        ):
            if role == "superuser" and cheat.startswith("INSERT"):
                continue  # owner and superuser can insert; nobody runs as them
            with pytest.raises(DatabaseError), as_role(role), connection.cursor() as cursor:
                cursor.execute("SAVEPOINT cheat")
                try:
                    cursor.execute(cheat)
                finally:
                    cursor.execute("ROLLBACK TO SAVEPOINT cheat")
    assert len(crew.journal(run)) == 3


def test_a_run_whose_workers_die_five_times_at_the_same_step_is_failed(crew: Crew) -> None:
    crew.agent(first)
    run = crew.start()
    for _ in range(6):
        with as_role("agent"):
            assert services.lease_run(versions=[("helper", "1")], worker="w", seconds=0.01)
        time.sleep(0.02)
    assert crew.leg(run) == "failed"
    assert "WorkerDied" in crew.run(run).error


def test_a_step_that_uses_the_run_inside_its_body_fails_the_run(crew: Crew) -> None:
    crew.agent(lambda run: run.step("outer", lambda: run.step("inner", lambda: 1)))
    run = crew.start()
    assert crew.leg(run) == "failed"
    assert "inside the step outer" in crew.run(run).error
    assert crew.journal(run) == []


@pytest.mark.parametrize("value", [{1, 2}, object(), float("nan"), {1: "a"}, b"bytes"])
def test_a_step_must_return_json(crew: Crew, value: object) -> None:
    crew.agent(lambda run: run.step("a", lambda: value))
    run = crew.start()
    assert crew.leg(run) == "failed"
    assert "step a" in crew.run(run).error
    assert crew.journal(run) == []


def test_a_result_over_64_kib_fails_the_run(crew: Crew) -> None:
    crew.agent(lambda run: run.step("a", lambda: "x" * 70_000))
    run = crew.start()
    assert crew.leg(run) == "failed"
    assert "65536" in crew.run(run).error


def test_the_first_execution_sees_what_a_replay_will_see(crew: Crew) -> None:
    seen = []

    def agent(run: Run) -> None:
        seen.append(run.step("a", lambda: ((1, 2), {"b": 0.1})))
        run.sleep(0.5)

    crew.agent(agent)
    run = crew.start()
    crew.leg(run)
    time.sleep(0.6)
    crew.go(run)
    assert seen == [[[1, 2], {"b": 0.1}], [[1, 2], {"b": 0.1}]]


def test_a_full_journal_fails_the_run_with_advice(crew: Crew) -> None:
    crew.agent(lambda run: run.step("a", lambda: 1))
    run = crew.start()
    with connection.cursor() as cursor:  # as after ten thousand steps; writing them takes a minute
        cursor.execute("UPDATE agents_run SET steps = 10000 WHERE id = %s", [run.id])
    with as_role("agent"):
        held = services.lease_run(versions=[("helper", "1")], worker="w", seconds=30)
        assert held is not None
        recorder = runner.Recorder(held, [])
        recorder.seq = 10_000
        with pytest.raises(runner.Broken, match="10000 rows"):
            recorder.keep(recorder.take("step", "a"), 1)


def test_every_end_of_a_run_stands_in_its_case_and_none_without_its_event(crew: Crew) -> None:
    crew.agent(lambda run: "done")
    run = crew.start()
    crew.leg(run)
    rows = Event.objects.filter(case_id=f"run:{run.id}").order_by("case_seq")
    assert [(r.name, r.change_from, r.change_to) for r in rows] == [
        ("run.started", None, "open"),
        ("run.finished", "open", "finished"),
    ]
    other = crew.start()
    with pytest.raises(DatabaseError, match="event"), as_role("web"), connection.cursor() as cursor:
        cursor.execute("UPDATE agents_run SET state = 'cancelled', case_seq = case_seq + 1 WHERE id = %s", [other.id])
