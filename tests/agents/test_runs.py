"""A run from its start to its end: what it is told, and when."""

from __future__ import annotations

import time
from typing import Any

import pytest

from agents import services
from agents.models import Run as Run_
from agents.outcomes import Approved, Asked, Handle, Rejected
from agents.runs import Refused, Run, StepFailed
from reviews import services as desk
from reviews.errors import InvalidPayload
from reviews.models import ActionType, Message
from reviews.states import Status
from tests import build
from tests.agents.kit import Crew, result
from tests.logins import as_role


def test_a_run_proposes_parks_is_approved_executed_and_goes_on_to_its_end(crew: Crew) -> None:
    def agent(run: Run, text: str) -> Any:
        found = run.step("look", lambda word: {"found": word.upper()}, text)
        outcome = run.call("say", {"text": found["found"]}, confidence=0.9, reasoning="it was asked for")
        assert isinstance(outcome, Approved)
        return {"payload": outcome.payload, "result": outcome.result, "edited": outcome.edited}

    crew.agent(agent)
    run = crew.start(text="hello")
    assert crew.leg(run) == "parked"
    crew.route()
    [action] = crew.actions(run)
    crew.approve(action)
    assert crew.wake() == 0, "approved is not done"
    assert crew.execute()
    assert crew.wake() == 1
    assert crew.leg(run) == "finished"
    assert bytes(crew.run(run).result or b"") == (
        b'{"edited":false,"payload":{"amount":0,"text":"HELLO"},"result":{"said":"HELLO"}}'
    )
    assert crew.journal(run) == [(1, "step", "look"), (2, "propose", "say"), (3, "wait", "all")]


def test_nothing_is_told_before_the_undo_window_is_over(crew: Crew) -> None:
    crew.agent(lambda run: type(run.call("say", {"text": "a"})).__name__)
    run = crew.start()
    crew.leg(run)
    crew.route()
    [action] = crew.actions(run)
    crew.decide(action, build.REJECT)
    assert crew.wake() == 0
    assert crew.run(run).state == "parked"
    build.wait_for_release(action.id)
    assert crew.wake() == 1
    assert crew.leg(run) == "finished"
    assert result(crew, run) == "Rejected"


def test_an_undone_rejection_is_never_told(crew: Crew) -> None:
    crew.agent(lambda run: type(run.call("say", {"text": "a"})).__name__)
    run = crew.start()
    crew.leg(run)
    crew.route()
    [action] = crew.actions(run)
    vote = crew.decide(action, build.REJECT)
    with as_role("web"):
        desk.retract(decision=vote.id, by=crew.house.by("ada"))
    time.sleep(0.3)
    assert crew.wake() == 0
    assert crew.run(run).state == "parked"


def test_a_rejection_brings_its_code_and_rationale(crew: Crew) -> None:
    def agent(run: Run) -> Any:
        outcome = run.call("say", {"text": "a"})
        assert isinstance(outcome, Rejected) and not outcome.ok
        return [outcome.code, outcome.rationale]

    crew.agent(agent)
    run = crew.start()
    crew.leg(run)
    crew.route()
    crew.reject(crew.actions(run)[0], "the tone is wrong")
    assert crew.go(run) == "finished"
    assert result(crew, run) == ["wrong_facts", "the tone is wrong"]


def test_an_edit_is_the_payload_never_silently_the_old_one(crew: Crew) -> None:
    def agent(run: Run) -> Any:
        outcome = run.call("say", {"text": "old", "amount": 3})
        assert isinstance(outcome, Approved)
        return [outcome.payload["text"], outcome.edited, outcome.result]

    crew.agent(agent)
    run = crew.start()
    crew.leg(run)
    crew.route()
    crew.edit(crew.actions(run)[0], text="new", amount=3)
    assert crew.execute()
    assert crew.go(run) == "finished"
    assert result(crew, run) == ["new", True, {"said": "new"}]


def test_a_type_without_a_handler_is_done_when_it_is_released(crew: Crew) -> None:
    crew.agent(lambda run: run.call("say.elsewhere", {"text": "a"}).ok)
    run = crew.start()
    crew.leg(run)
    crew.route()
    crew.approve(crew.actions(run)[0])
    assert crew.go(run) == "finished"
    assert result(crew, run) is True
    assert crew.world.done == []


def test_an_effect_in_doubt_keeps_the_run_waiting_until_a_person_settles_it(crew: Crew) -> None:
    crew.world.trouble.append(RuntimeError("the line went dead"))
    crew.agent(lambda run: type(run.call("say.once", {"text": "a"})).__name__)
    run = crew.start()
    crew.leg(run)
    crew.route()
    [action] = crew.actions(run)
    crew.approve(action)
    assert crew.execute()
    build.state_of(action.id, Status.IN_DOUBT)
    assert crew.wake() == 0
    with as_role("web"):
        desk.settle(action=action.id, happened=False, note="the ledger has no such row", by=crew.house.by("ada"))
    assert crew.go(run) == "finished"
    assert result(crew, run) == "Failed"


def test_what_expires_is_told_as_expired(crew: Crew) -> None:
    crew.agent(lambda run: type(run.call("say", {"text": "a"})).__name__)
    with as_role("web"):
        ActionType.objects.filter(name="say").update(decide_within=1)
    run = crew.start()
    crew.leg(run)
    crew.route()
    time.sleep(1.05)
    with as_role("router"):
        assert desk.expire_due() == 1
    assert crew.go(run) == "finished"
    assert result(crew, run) == "Expired"


def test_several_actions_are_collected_in_the_order_in_which_they_are_answered(crew: Crew) -> None:
    def agent(run: Run) -> Any:
        waiting = {h.id: h for h in (run.propose("say", {"text": word}) for word in "abc")}
        order = []
        while waiting:
            handle, outcome = run.wait_any(*waiting.values())
            del waiting[handle.id]
            order.append(outcome.payload["text"] if isinstance(outcome, Approved) else "no")
        return order

    crew.agent(agent)
    run = crew.start()
    crew.leg(run)
    crew.route()
    first, second, third = crew.actions(run)
    for action in (third, first):
        crew.approve(action)
        crew.execute_all()
        assert crew.go(run) == "parked"
    crew.reject(second)
    assert crew.go(run) == "finished"
    assert result(crew, run) == ["c", "a", "no"]


def test_wait_all_wakes_only_for_the_last_answer(crew: Crew) -> None:
    crew.agent(lambda run: [o.ok for o in run.wait_all(*(run.propose("say", {"text": w}) for w in "ab"))])
    run = crew.start()
    crew.leg(run)
    crew.route()
    first, second = crew.actions(run)
    crew.reject(second)
    assert crew.wake() == 0
    crew.approve(first)
    crew.execute()
    assert crew.wake() == 1
    assert crew.leg(run) == "finished"
    assert result(crew, run) == [True, False]


def test_an_answer_that_came_before_the_wait_does_not_park_the_run(crew: Crew) -> None:
    def agent(run: Run) -> Any:
        handle = run.propose("say", {"text": "a"})
        run.sleep(0.3)
        return run.wait(handle).ok

    crew.agent(agent)
    run = crew.start()
    assert crew.leg(run) == "parked"
    crew.route()
    crew.reject(crew.actions(run)[0])
    time.sleep(0.3)
    assert crew.go(run) == "finished"


def test_a_question_of_the_agent_is_answered_by_a_person(crew: Crew) -> None:
    def agent(run: Run) -> Any:
        outcome = run.ask("Which colour?", options=["red", "green"])
        assert isinstance(outcome, Approved)
        return outcome.payload["answer"]

    crew.agent(agent)
    run = crew.start()
    crew.leg(run)
    crew.route()
    crew.edit(crew.actions(run)[0], prompt="Which colour?", options=["red", "green"], answer="green")
    crew.execute_all()
    assert crew.go(run) == "finished"
    assert result(crew, run) == "green"


def test_a_reviewers_question_is_answered_by_the_agent_in_the_same_thread(crew: Crew) -> None:
    def agent(run: Run) -> Any:
        handle = run.propose("say", {"text": "a"})
        outcome = run.wait(handle)
        heard = []
        while isinstance(outcome, Asked):
            heard.append(outcome.text)
            run.answer(outcome, f"because of {len(heard)}", {"text": f"b{len(heard)}"})
            outcome = run.wait(handle)
        assert isinstance(outcome, Approved)
        return [heard, outcome.payload["text"], outcome.edited]

    crew.agent(agent)
    run = crew.start()
    crew.leg(run)
    crew.route()
    [action] = crew.actions(run)
    for text in ("Why?", "Really?"):
        crew.ask(action, text)
        assert crew.go(run) == "parked"
        crew.route()
    crew.approve(build.state_of(action.id))
    crew.execute()
    assert crew.go(run) == "finished"
    assert result(crew, run) == [["Why?", "Really?"], "b2", True]


def test_a_question_that_the_code_ignores_is_told_once_and_left_to_the_owner(crew: Crew) -> None:
    def agent(run: Run) -> Any:
        handle = run.propose("say", {"text": "a"})
        first = run.wait(handle)
        return [type(first).__name__, type(run.wait(handle)).__name__]

    crew.agent(agent)
    run = crew.start()
    crew.leg(run)
    crew.route()
    [action] = crew.actions(run)
    crew.ask(action, "Why?")
    assert crew.go(run) == "parked"
    question = Message.objects.get(action=action, kind="question")
    with as_role("web"):
        desk.answer(action=action.id, question=question.id, text="He asked for it", by=crew.house.by("noor"))
    crew.route()
    crew.approve(build.state_of(action.id))
    crew.execute()
    assert crew.go(run) == "finished"
    assert result(crew, run) == ["Asked", "Approved"]


def test_an_answer_to_another_runs_question_is_refused(crew: Crew) -> None:
    crew.agent(lambda run: run.call("say", {"text": "a"}).ok)
    other = crew.start()
    crew.leg(other)
    crew.route()
    [action] = crew.actions(other)
    crew.ask(action, "Why?")
    question = Message.objects.get(action=action, kind="question")

    def meddler(run: Run) -> Any:
        asked = Asked(action=action.id, question=question.id, text="Why?")
        run.answer(asked, "never mind")

    crew.agent(meddler, name="meddler")
    run = crew.start("meddler")
    before = build.picture()
    assert crew.leg(run) == "failed"
    after = build.picture()
    for what in ("actions", "items", "messages", "decisions"):
        assert before[what] == after[what]


def test_a_wait_for_an_action_of_another_run_fails_the_run(crew: Crew) -> None:
    crew.agent(lambda run: run.call("say", {"text": "a"}).ok)
    other = crew.start()
    crew.leg(other)
    [action] = crew.actions(other)
    crew.agent(lambda run: run.wait(Handle("action", action.id, "say")), name="meddler")
    run = crew.start("meddler")
    assert crew.leg(run) == "failed"
    assert "no such action" in crew.run(run).error


def test_a_refused_proposal_is_an_exception_the_agent_can_handle_and_replays_as_one(crew: Crew) -> None:
    def agent(run: Run) -> Any:
        try:
            run.propose("say", {"text": 5})
        except Refused as exc:
            heard = [exc.code, exc.errors[0]["path"]]
        run.sleep(0.05)
        return heard

    crew.agent(agent)
    run = crew.start()
    assert crew.leg(run) == "parked"
    time.sleep(0.1)
    assert crew.go(run) == "finished"
    assert result(crew, run) == ["invalid_payload", "text"]
    assert crew.actions(run) == []


def test_a_failing_step_is_the_same_exception_on_each_replay_and_its_body_runs_once(crew: Crew) -> None:
    calls = []

    def body() -> None:
        calls.append(1)
        raise ValueError("no such folder")

    def agent(run: Run) -> Any:
        try:
            run.step("open", body)
        except StepFailed as exc:
            heard = [exc.name, exc.error, exc.message]
        run.sleep(0.05)
        return heard

    crew.agent(agent)
    run = crew.start()
    crew.leg(run)
    time.sleep(0.1)
    assert crew.go(run) == "finished"
    assert result(crew, run) == ["open", "ValueError", "no such folder"]
    assert calls == [1]


def test_an_exception_of_the_agent_fails_the_run_and_its_actions_stay_decidable(crew: Crew) -> None:
    def agent(run: Run) -> None:
        run.propose("say", {"text": "a"})
        raise LookupError("nothing here")

    crew.agent(agent)
    run = crew.start()
    assert crew.leg(run) == "failed"
    assert crew.run(run).error == "LookupError: nothing here"
    crew.route()
    [action] = crew.actions(run)
    crew.approve(action)
    assert crew.execute()
    build.state_of(action.id, Status.SUCCEEDED)


def test_what_a_run_draws_and_reads_off_the_clock_is_the_same_on_every_replay(crew: Crew) -> None:
    heard = []

    def agent(run: Run) -> Any:
        heard.append((run.random(), run.now().isoformat()))
        run.sleep(0.05)
        heard.append((run.random(), run.now().isoformat()))

    crew.agent(agent)
    run = crew.start()
    crew.leg(run)
    time.sleep(0.1)
    assert crew.go(run) == "finished"
    assert heard[0] == heard[1]
    assert heard[2] != heard[1]


def test_what_is_outside_the_frame_of_the_run_goes_to_people_and_says_so(crew: Crew) -> None:
    crew.agent(
        lambda run: run.wait_all(*(run.propose(kind, {"text": "a"}) for kind in ("say", "say.once", "say.once")))
    )
    with as_role("web"):
        frame = {"types": ["say.once"], "per_run": 2}
        started = services.start_run(agent="helper", frame=frame, by=crew.house.by("lin"))
    run = crew.run(started)
    crew.leg(run)
    crew.route()
    told = [{f["name"]: f["value"] for f in action.floors}["off_plan"] for action in crew.actions(run)]
    assert "not in the frame set for this run" in told[0]
    assert "frame" not in told[1]
    assert "frame" in told[2] or "run" in told[2], "the third is one too many"


def test_arguments_that_do_not_fit_the_agent_start_nothing(crew: Crew) -> None:
    crew.agent(lambda run, limit: None)
    crew.agent(_with_limit, name="counter")
    with as_role("web"), pytest.raises(InvalidPayload) as refused:
        services.start_run(agent="counter", args={"limit": "many"}, by=crew.house.by("ada"))
    assert refused.value.errors[0]["path"] == "limit"
    assert Run_.objects.count() == 0


def _with_limit(run: Run, limit: int) -> None:
    """An agent with a number as its argument."""
