"""The pages of runs: what they show, to whom, and what a person may do there."""

from __future__ import annotations

import time
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents import registry
from agents.models import Run as Run_
from agents.runs import Run
from tests.agents.kit import Crew
from tests.web.pages import Browser


def agent(run: Run, word: str) -> Any:
    run.step("look", lambda w: {"found": w}, word)
    return run.call("say", {"text": word}).ok


def parked(crew: Crew, word: str = "hello", **started: Any) -> Run_:
    crew.agent(agent)
    run = crew.start(word=word)
    crew.leg(run)
    crew.route()
    return run


def test_the_trace_shows_the_steps_and_what_the_run_waits_for(crew: Crew) -> None:
    run = parked(crew)
    page = Browser(crew.house.lin).get(f"/runs/{run.id}/")
    assert page.status == 200
    assert "Parked: it waits for every answer" in page.text
    [action] = crew.actions(run)
    assert f'data-waits-for="{action.id}"' in page.text
    assert page.text.index("Step") < page.text.index("Proposed")
    assert "Say hello" in page.text


def test_text_of_an_agent_is_shown_as_text_with_hidden_characters_spelled_out(crew: Crew) -> None:
    run = parked(crew, word="<script>alert(1)</script>\u202egnp.exe")
    page = Browser(crew.house.lin).get(f"/runs/{run.id}/")
    assert "<script>alert" not in page.text
    assert "&lt;script&gt;" in page.text
    assert "\u202e" not in page.text


def test_secrets_in_what_a_run_read_are_masked_as_on_the_pages_of_what_it_proposes(crew: Crew) -> None:
    run = parked(crew, word="his card is 4111 1111 1111 1111, password: hunter22")
    page = Browser(crew.house.lin).get(f"/runs/{run.id}/")
    assert "his card is [secret], password: [secret]" in page.plain
    assert "4111" not in page.text and "hunter22" not in page.text


def test_both_sides_of_a_block_are_shown_and_a_fork_offered_from_the_step_before(crew: Crew) -> None:
    def other(run: Run, word: str) -> None:
        run.step("look", lambda w: w, word)
        run.step("look again", lambda: 1)

    run = parked(crew)
    crew.reject(crew.actions(run)[0])
    registry._agents.clear()
    crew.agent(other)
    assert crew.go(run) == "blocked"
    browser = Browser(crew.house.lin)
    page = browser.get(f"/runs/{run.id}/")
    assert 'data-blocked="2"' in page.text
    assert "another kind of step" in page.text
    assert "look again" in page.text
    assert 'value="1"' in page.text
    made = browser.post(f"/runs/{run.id}/fork/", {"seq": "1"})
    assert made.status == 303
    fork = Run_.objects.get(forked_from=run)
    assert made.response["Location"] == f"/runs/{fork.id}/"
    assert crew.leg(fork) == "finished"
    assert crew.run(run).state == "cancelled"


def test_a_tree_shows_parent_and_children_and_is_cancelled_from_the_top(crew: Crew) -> None:
    crew.agent(agent)
    crew.agent(lambda run: run.wait(run.start_child("helper", {"word": "a"})).ok, name="planner", starts=("helper",))
    run = crew.start("planner")
    crew.leg(run)
    child = Run_.objects.get(parent=run)
    browser = Browser(crew.house.lin)
    page = browser.get(f"/runs/{child.id}/")
    assert f'href="/runs/{run.id}/"' in page.text
    assert 'data-depth="1"' in page.text
    assert browser.post(f"/runs/{run.id}/cancel/", {"reason": "enough"}).status == 303
    assert {crew.run(run).state, crew.run(child).state} == {"cancelled"}
    assert browser.post(f"/runs/{run.id}/cancel/", {"reason": "again"}).status == 409


def test_the_owner_of_an_agent_may_withdraw_with_the_run_what_nobody_has_decided(crew: Crew) -> None:
    run = parked(crew)
    browser = Browser(crew.house.noor)
    assert "withdraw what nobody has decided" in browser.get(f"/runs/{run.id}/").text
    assert browser.post(f"/runs/{run.id}/cancel/", {"reason": "not any more", "withdraw": "1"}).status == 303
    assert crew.run(run).state == "cancelled"
    assert [a.state for a in crew.actions(run)] == ["withdrawn"]


@pytest.mark.parametrize("name", ["mallory", "grace"])
def test_who_neither_reaches_nor_owns_nor_leads_sees_no_run_of_others(crew: Crew, name: str) -> None:
    crew.agent(agent)
    run = crew.start(word="secret word")
    crew.leg(run)
    browser = Browser(getattr(crew.house, name))
    assert browser.get(f"/runs/{run.id}/").status == 404, "nothing of it is in their queue yet"
    assert str(run.id) not in browser.get("/runs/").text
    assert browser.post(f"/runs/{run.id}/cancel/", {}).status == 404
    assert crew.run(run).state == "parked"


def test_a_reviewer_sees_the_run_behind_an_item_of_their_queue_but_may_not_steer_it(crew: Crew) -> None:
    run = parked(crew)
    browser = Browser(crew.house.grace)
    page = browser.get(f"/runs/{run.id}/")
    assert page.status == 200
    assert "Cancel it and" not in page.text
    assert browser.post(f"/runs/{run.id}/cancel/", {}).status == 403
    assert crew.run(run).state == "parked"


def test_of_a_run_that_works_for_two_queues_a_reviewer_of_one_sees_their_own_half(crew: Crew) -> None:
    crew.aside("say.aside", template="Whisper {text}", queue="elsewhere")

    def double(run: Run) -> None:
        run.step("look", lambda: "her diagnosis")
        ours, theirs = run.propose("say", {"text": "hello"}), run.propose("say.aside", {"text": "her diagnosis"})
        run.wait_all(ours, theirs)

    crew.agent(double)
    run = crew.start()
    crew.leg(run)
    crew.route()
    ours, theirs = crew.actions(run)
    page = Browser(crew.house.grace).get(f"/runs/{run.id}/")
    assert "Part of this run concerns queues that you do not see" in page.plain
    assert f"/action/{ours.id}/" in page.text and "Say hello" in page.plain
    assert "diagnosis" not in page.text and "Whisper" not in page.text and "say.aside" not in page.text
    assert str(theirs.id) not in page.text
    whole = Browser(crew.house.ada).get(f"/runs/{run.id}/")
    assert "her diagnosis" in whole.plain and "Whisper" in whole.plain, "who started it sees all of it"


def test_what_a_child_brought_back_from_another_queue_is_no_part_of_the_parent_for_a_reviewer(crew: Crew) -> None:
    crew.aside("say.aside", template="Whisper {text}", queue="elsewhere")

    def aside(run: Run) -> dict[str, str]:
        run.propose("say.aside", {"text": "her diagnosis"})
        return {"found": "her diagnosis"}

    def planner(run: Run) -> Any:
        run.propose("say", {"text": "hello"})
        told = run.wait(run.start_child("counter"))
        run.step("note down", lambda: told.result)
        return told.result

    crew.agent(aside, name="counter")
    crew.agent(planner, name="planner", starts=("counter",))
    run = crew.start("planner")
    crew.leg(run)
    crew.leg(Run_.objects.get(parent=run))
    assert crew.go(run) == "finished"
    crew.route()
    page = Browser(crew.house.grace).get(f"/runs/{run.id}/")
    assert "Part of this run concerns queues that you do not see" in page.plain
    assert "diagnosis" not in page.text
    assert "her diagnosis" in Browser(crew.house.ada).get(f"/runs/{run.id}/").plain


def test_a_run_is_steered_by_post_with_a_token_only(crew: Crew) -> None:
    run = parked(crew)
    browser = Browser(crew.house.lin)
    assert browser.get(f"/runs/{run.id}/cancel/").status == 405
    assert browser.post(f"/runs/{run.id}/cancel/", {}, token=False).status == 403
    assert crew.run(run).state == "parked"


def test_a_lead_starts_a_run_within_a_frame(crew: Crew) -> None:
    crew.agent(agent)
    browser = Browser(crew.house.lin)
    page = browser.get("/runs/start/?agent=helper")
    assert page.status == 200
    assert 'name="a-word"' in page.text
    made = browser.post("/runs/start/?agent=helper", {"title": "try", "a-word": "hi", "types": ["say"], "per_run": "3"})
    assert made.status == 303
    run = Run_.objects.get()
    assert (run.title, run.args, run.frame) == ("try", {"word": "hi"}, {"types": ["say"], "per_run": 3})
    assert run.started_by == crew.house.lin
    assert crew.leg(run) == "parked"


def test_a_start_form_that_does_not_fit_starts_nothing(crew: Crew) -> None:
    def counter(run: Run, limit: int) -> None:
        """Counts."""

    crew.agent(counter, name="counter")
    browser = Browser(crew.house.lin)
    for given in ({}, {"a-limit": "many"}, {"a-limit": "1", "types": ["unknown"]}, {"a-limit": "1", "per_run": "-1"}):
        assert browser.post("/runs/start/?agent=counter", given).status == 422
    assert not Run_.objects.exists()


def test_reviewers_start_no_runs(crew: Crew) -> None:
    crew.agent(agent)
    browser = Browser(crew.house.ada)
    assert browser.get("/runs/start/?agent=helper").status == 403
    assert browser.post("/runs/start/?agent=helper", {"a-word": "x"}).status == 403
    assert not Run_.objects.exists()


def test_the_list_costs_the_same_for_one_run_and_for_three(crew: Crew) -> None:
    crew.agent(agent)
    browser = Browser(crew.house.lin)
    browser.get("/runs/")
    costs = []
    for count in (1, 3):
        while Run_.objects.count() < count:
            crew.leg(crew.start(word="w"))
        with CaptureQueriesContext(connection) as queries:
            page = browser.get("/runs/?state=parked&agent=helper")
        assert page.text.count("data-run=") == count
        costs.append(len(queries))
    assert costs[0] == costs[1] <= 18


def test_older_runs_are_a_page_away(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    from agents.queries import pages

    monkeypatch.setattr(pages, "PAGE", 2)
    crew.agent(agent)
    runs = []
    for n in range(3):
        runs.append(crew.start(word=f"w{n}"))
        time.sleep(0.002)
    browser = Browser(crew.house.lin)
    first = browser.get("/runs/")
    assert [str(r.id) in first.text for r in runs] == [False, True, True]
    second = browser.get(f"/runs/?before={runs[1].id}")
    assert str(runs[0].id) in second.text
    assert browser.get("/runs/?before=nonsense&state=nonsense").status == 200
