"""Too many checkpoints on one way through a workflow are noticed, and the way is named."""

from __future__ import annotations

from agents.models import Run as Run_
from agents.queries.checkpoints import heaviest_path
from agents.runs import Run
from tests.agents.kit import Crew
from tests.web.pages import Browser


def one_by_one(run: Run, times: int = 2) -> None:
    for number in range(times):
        run.wait(run.propose("say", {"text": f"{number}"}))


def planner(run: Run) -> None:
    one_by_one(run)
    run.wait(run.start_child("worker", {}))


def all_at_once(run: Run) -> None:
    run.wait_all(*[run.propose("say", {"text": f"{number}"}) for number in range(5)])


def settle(crew: Crew, run: Run_) -> None:
    """People refuse whatever the run waits for, until it waits no more."""
    for _ in range(8):
        crew.go(run)
        crew.route()
        waiting = [action for action in crew.actions(run) if action.state == "pending"]
        for action in waiting:
            crew.reject(action)
        if not waiting:
            return


def test_more_than_three_on_one_path_warn_the_designer_and_name_it(crew: Crew) -> None:
    crew.agent(one_by_one, name="worker")
    crew.agent(planner, name="planner", starts=("worker",))
    run = crew.start("planner")
    settle(crew, run)
    child = Run_.objects.get(parent=run)
    assert heaviest_path(run.id).checkpoints == 2
    assert "checkpoints on one path" not in Browser(crew.house.lin).get(f"/runs/{run.id}/").plain
    settle(crew, child)
    found = heaviest_path(child.id)
    assert found.checkpoints == 4
    assert found.words == "planner: say, say, then worker: say, say"
    for one in (run, child):
        page = Browser(crew.house.lin).get(f"/runs/{one.id}/").plain
        assert "4 checkpoints on one path." in page
        assert "planner: say, say, then worker: say, say" in page
    assert "had more than 3 checkpoints" not in Browser(crew.house.lin).get("/insights/agents/").plain  # two and two


def test_what_is_waited_for_together_is_one_checkpoint(crew: Crew) -> None:
    crew.agent(all_at_once)
    run = crew.start()
    crew.leg(run)
    assert heaviest_path(run.id).checkpoints == 0  # nobody has had to look yet: it is not routed
    crew.route()
    found = heaviest_path(run.id)
    assert (found.checkpoints, found.words) == (1, "helper: 5 say")


def test_the_insight_page_names_the_agent_and_the_path(crew: Crew) -> None:
    crew.agent(lambda run: one_by_one(run, 4), name="asker")
    crew.agent(all_at_once)
    for run in (crew.start("asker"), crew.start()):
        settle(crew, run)
    page = Browser(crew.house.lin).get("/insights/agents/").plain
    assert "asker: 1 of 1 runs had more than 3 checkpoints; the longest had 4: say > say > say > say." in page
    assert "say + say + say + say + say" in page
    assert "helper: 1 of 1" not in page
