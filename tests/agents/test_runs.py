"""A run from its start to its end: what it is told, and when."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings

from agents import runs, services
from agents.models import Run as Run_
from agents.outcomes import Approved, Asked, Finished, Handle, Rejected
from agents.runs import Refused, Run, StepFailed
from audit import receipts
from audit.models import Event
from reviews import services as desk
from reviews.errors import InvalidPayload
from reviews.ids import new_id
from reviews.models import ActionType, Message, Revision
from reviews.states import Status
from tests import build
from tests.agents.kit import Crew
from tests.audit.world import World, judge, step_down
from tests.logins import as_role


def result(crew: Crew, run: Run_) -> Any:
    return json.loads(bytes(crew.run(run).result or b"null"))


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


def careful(run: Run) -> Any:
    """Keeps the receipts of two decisions, and then waits for a third."""
    first, second = (run.propose("say", {"text": word}) for word in ("one", "two"))
    outcomes = run.wait_all(first, second)
    kept = [list(outcome.receipts) for outcome in outcomes]
    run.call("say", {"text": "three"})
    return kept


def decided(crew: Crew) -> tuple[Run_, list[str]]:
    """Such a run, with the first two actions rejected and a receipt for each; the ids of the decisions' events."""
    crew.agent(careful)
    run = crew.start()
    crew.leg(run)
    crew.route()
    events = []
    for action in crew.actions(run):
        vote = crew.decide(action, build.REJECT)
        with as_role("web"):
            receipts.kept([vote.event_id])
        build.wait_for_release(action.id)
        events.append(str(vote.event_id))
    return run, events


def third(crew: Crew, run: Run_) -> Any:
    """Lets the run park for its third action, rejects that too, and gives the run's result."""
    assert crew.go(run) == "parked"
    crew.route()
    crew.reject(crew.actions(run)[-1])
    assert crew.go(run) == "finished"
    return result(crew, run)


def promised(kept: list[str]) -> list[str]:
    return [text.split("\n")[2] for text in kept]


def test_what_a_run_resumes_with_carries_the_receipts_of_the_decision(crew: Crew) -> None:
    run, events = decided(crew)
    kept = third(crew, run)
    assert [promised(one) for one in kept] == [[event] for event in events]
    assert all(text.startswith(receipts.HEADER) for one in kept for text in one)


def test_receipts_that_a_step_kept_in_files_show_what_was_dropped(
    crew: Crew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = World(tmp_path, tables=False)
    monkeypatch.setattr(settings, "SECRETS_DIR", tmp_path)

    def keep(action: str, notes: list[str]) -> int:
        (tmp_path / f"{action}.txt").write_text("".join(notes))
        return len(notes)

    def keeping(run: Run) -> int:
        outcome = run.call("say", {"text": "keep this"})
        return int(run.step("keep the receipts", keep, str(outcome.action), list(outcome.receipts)))  # type: ignore[union-attr]

    crew.agent(keeping)
    run = crew.start()
    crew.leg(run)
    crew.route()
    [action] = crew.actions(run)
    vote = crew.decide(action, build.REJECT)
    with as_role("web"):
        receipts.kept([vote.event_id])
    build.wait_for_release(action.id)
    assert crew.go(run) == "finished"
    assert result(crew, run) == 1
    kept = tmp_path / f"{action.id}.txt"
    world.sequence()
    place = world.export()
    assert judge(place, "--receipt", kept)[:2] == (0, {})
    kept.write_text(kept.read_text().replace(str(vote.event_id), str(new_id())))
    assert judge(place, "--receipt", kept)[1] == {"RECEIPT_SIG": -1}  # a promise that nobody made accuses nobody
    kept.write_text(receipts_of(vote.event_id))
    world.rewrite(lambda leaves: leaves.remove(leaf_of(leaves, vote.event_id)), world.signer)
    assert "RECEIPT_MISSING" in judge(world.export(), "--receipt", kept)[1]
    step_down()


def leaf_of(leaves: list[dict[str, Any]], event: UUID) -> dict[str, Any]:
    return next(leaf for leaf in leaves if leaf["id"] == str(event))


def receipts_of(event: UUID) -> str:
    with as_role("web"):
        return receipts.kept([event])[0]


def test_a_replay_gives_the_receipts_of_the_first_time(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    run, events = decided(crew)
    assert crew.go(run) == "parked"
    monkeypatch.setattr(services, "decision_receipts", lambda **_: pytest.fail("a replay looks nothing up again"))
    monkeypatch.setattr(Run, "_receipts_of", lambda *_, **__: {})
    crew.route()
    crew.reject(crew.actions(run)[-1])
    assert crew.go(run) == "finished"
    assert [promised(one) for one in result(crew, run)] == [[event] for event in events]


def test_a_run_begun_before_outcomes_carried_receipts_still_replays(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, _ = decided(crew)
    with monkeypatch.context() as before:
        before.setattr(Run, "_receipts_of", lambda *_, **__: {})  # the row as older code wrote it
        assert crew.go(run) == "parked"
    crew.route()
    crew.reject(crew.actions(run)[-1])
    assert crew.go(run) == "finished"
    assert result(crew, run) == [[], []]


def test_a_row_of_the_journal_takes_as_many_receipts_as_fit(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    run, events = decided(crew)
    monkeypatch.setattr(runs, "MAX_RESULT", 600)
    kept = sorted(third(crew, run), key=len)
    assert kept[0] == []
    assert promised(kept[1])[0] in events


def test_a_run_can_keep_the_receipts_of_what_it_proposed(crew: Crew) -> None:
    def careful(run: Run) -> list[str]:
        handle = run.propose("say", {"text": "keep this"})
        first = run.receipts(handle)
        run.wait(handle)
        return [*first, *run.receipts(handle)]

    crew.agent(careful)
    run = crew.start()
    crew.leg(run)
    crew.route()
    action = crew.actions(run)[0]
    receipts._waiting.add(f"action:{action.id}")  # as after the commit of the routing
    with as_role("router"):
        assert receipts.give_waiting() == 1
    crew.reject(action)
    crew.go(run)
    kept = result(crew, run)
    assert [text.split("\n")[0] for text in kept] == [receipts.HEADER]  # none before it was routed
    proposal = Revision.objects.get(action=action, number=1).event_id
    assert kept[0].split("\n")[2] == str(proposal)
