"""Runs that start others: how they wait for them, go on as new, and are cancelled together."""

from __future__ import annotations

from typing import Any

from agents import services
from agents.models import Run as Run_
from agents.outcomes import Finished
from agents.runs import Run
from audit.models import Event
from tests.agents.kit import Crew, result
from tests.logins import as_role


def test_a_parent_waits_for_the_runs_it_started(crew: Crew) -> None:
    crew.agent(lambda run, n: {"twice": 2 * run.step("n", lambda: n)}, name="counter")

    def parent(run: Run) -> Any:
        children = [run.start_child("counter", {"n": n}, title=f"count {n}") for n in (1, 2)]
        return [o.result for o in run.wait_all(*children) if isinstance(o, Finished)]

    crew.agent(parent, name="planner", starts=("counter",))
    run = crew.start("planner")
    assert crew.leg(run) == "parked"
    for child in Run_.objects.filter(parent=run):
        assert crew.leg(child) == "finished"
    assert crew.go(run) == "finished"
    assert result(crew, run) == [{"twice": 2}, {"twice": 4}]


def test_a_run_starts_only_agents_that_its_code_named(crew: Crew) -> None:
    crew.agent(lambda run: None, name="counter")
    crew.agent(lambda run: run.start_child("counter"), name="planner")
    run = crew.start("planner")
    assert crew.leg(run) == "failed"
    assert "may not start" in crew.run(run).error
    assert Run_.objects.count() == 1


def test_the_end_of_a_failed_child_is_told_to_its_parent(crew: Crew) -> None:
    def child(run: Run) -> None:
        raise ValueError("lost")

    crew.agent(child, name="counter")
    crew.agent(lambda run: run.wait(run.start_child("counter")).error, name="planner", starts=("counter",))
    run = crew.start("planner")
    crew.leg(run)
    crew.leg(Run_.objects.get(parent=run))
    assert crew.go(run) == "finished"
    assert result(crew, run) == "ValueError: lost"


def test_a_run_that_continues_as_new_has_an_empty_journal_and_is_still_its_parents_child(crew: Crew) -> None:
    def child(run: Run, left: int) -> str:
        run.step("work", lambda: left)
        if left:
            run.continue_as_new(left=left - 1)
        return "done"

    crew.agent(child, name="counter")

    def parent(run: Run) -> Any:
        outcome = run.wait(run.start_child("counter", {"left": 2}))
        assert isinstance(outcome, Finished)
        return outcome.result

    crew.agent(parent, name="planner", starts=("counter",))
    run = crew.start("planner")
    crew.leg(run)
    for expected in ("continued", "continued", "finished"):
        following = Run_.objects.get(parent=run, state="runnable")
        assert crew.leg(following) == expected
        assert len(crew.journal(following)) == 1
    assert crew.go(run) == "finished"
    assert result(crew, run) == "done"


def test_cancelling_a_run_ends_its_children_and_leaves_its_actions_decidable(crew: Crew) -> None:
    crew.agent(lambda run: run.call("say", {"text": "a"}).ok, name="counter")
    crew.agent(lambda run: run.wait(run.start_child("counter")).ok, name="planner", starts=("counter",))
    run = crew.start("planner")
    crew.leg(run)
    child = Run_.objects.get(parent=run)
    crew.leg(child)
    with as_role("web"):
        assert services.cancel_run(run=run.id, by=crew.house.by("lin"), reason="no longer wanted") == 2
    assert {crew.run(run).state, crew.run(child).state} == {"cancelled"}
    assert crew.leg() == "idle"
    crew.route()
    [action] = crew.actions(child)
    crew.approve(action)
    assert crew.execute()
    names = Event.objects.filter(case_id=f"run:{child.id}").order_by("case_seq").values_list("name", flat=True)
    assert list(names) == ["run.started", "run.cancelled"]
