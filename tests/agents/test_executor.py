"""Carrying out: the bytes, the intent, the time, and what each end leads to."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest
from django.db import OperationalError

from agents import executor, registry
from agents.effects import EffectContext, NotDone
from agents.queries import handled_types
from reviews import services as desk
from reviews.models import Action, ActionType, Attempt
from reviews.schemas import Proposal
from reviews.services import Lease
from reviews.services.stops import place_stop
from reviews.states import Status
from tests import build
from tests.agents.kit import Crew
from tests.logins import as_role


def released(crew: Crew, kind: str = "say", **payload: Any) -> Action:
    """An action of this type, approved, and past its undo window."""
    draft = Proposal(type=kind, payload={"text": "a"} | payload, dedup_key=f"{time.time_ns()}", confidence=0.9)
    with as_role("web"):
        made = desk.propose(proposal=draft, principal=crew.house.agent.id)
    crew.route()
    action = Action.objects.get(id=made.id)
    crew.approve(action)
    return action


def last(action: Action) -> Attempt:
    return Attempt.objects.filter(action=action).latest("fence")


def test_the_handler_gets_the_approved_bytes_the_key_and_a_deadline(crew: Crew) -> None:
    heard: list[EffectContext] = []
    registry._types["say"] = replace(registry._types["say"], execute=lambda payload, ctx: heard.append(ctx))
    action = released(crew, text="héllo")
    assert crew.execute()
    [ctx] = heard
    assert ctx.body == '{"amount":0,"text":"héllo"}'.encode()
    assert ctx.key == f"desk-{action.id}-1"
    assert ctx.digest == bytes(action.digest)
    assert 0 < (ctx.deadline - last(action).leased_at).total_seconds() < 4
    build.state_of(action.id, Status.SUCCEEDED)


def test_bytes_that_are_not_the_approved_ones_never_reach_the_handler(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = released(crew)
    lease = desk.lease

    def tampered(**given: Any) -> Lease | None:
        found = lease(**given)
        return None if found is None else replace(found, body=found.body.replace(b'"a"', b'"b"'))

    monkeypatch.setattr(executor.desk, "lease", tampered)
    assert crew.execute()
    assert crew.world.done == []
    assert last(action).effect_at is None, "not even the intent was written"
    assert "not the approved ones" in last(action).note
    build.state_of(action.id, Status.APPROVED)


@pytest.mark.parametrize("kind", ["say", "say.probe", "say.once"])
def test_a_defect_after_the_intent_is_unclear_and_only_once_goes_to_people(crew: Crew, kind: str) -> None:
    crew.world.trouble.append(RuntimeError("the line went dead"))
    action = released(crew, kind)
    assert crew.execute()
    assert last(action).end == "unclear"
    build.state_of(action.id, Status.IN_DOUBT if kind == "say.once" else Status.APPROVED)


@pytest.mark.parametrize("kind", ["say", "say.probe", "say.once"])
def test_not_done_is_tried_again_where_the_effect_is_idempotent_and_fails_elsewhere(crew: Crew, kind: str) -> None:
    crew.world.trouble.append(NotDone("429"))
    action = released(crew, kind)
    assert crew.execute()
    assert (last(action).end, last(action).note) == ("not_done", "NotDone: 429")
    build.state_of(action.id, Status.APPROVED if kind == "say" else Status.FAILED)


@pytest.mark.parametrize(("answer", "effects"), [("done", 0), ("not_done", 1)])
def test_an_unclear_effect_is_asked_about_before_it_is_tried_again(crew: Crew, answer: str, effects: int) -> None:
    crew.world.trouble.append(RuntimeError("the line went dead"))
    action = released(crew, "say.probe")
    assert crew.execute()
    crew.world.probe = answer
    build.wait_for_release(action.id)
    assert crew.execute()
    assert last(action).probe == answer
    assert len(crew.world.done) == effects
    assert (last(action).effect_at is None) == (answer == "done")
    build.state_of(action.id, Status.SUCCEEDED)


def test_a_probe_that_cannot_say_keeps_the_effect_unclear(crew: Crew) -> None:
    crew.world.trouble.append(RuntimeError("the line went dead"))
    action = released(crew, "say.probe")
    crew.execute()
    build.wait_for_release(action.id)
    assert crew.execute()
    assert (last(action).probe, last(action).end, last(action).effect_at) == ("unknown", "unclear", None)
    assert crew.world.done == []
    build.state_of(action.id, Status.APPROVED)


def test_a_handler_is_interrupted_at_its_deadline_whatever_it_catches(crew: Crew) -> None:
    def stubborn() -> None:
        while True:
            try:
                time.sleep(10)
            except Exception:  # noqa: BLE001, S112  a handler that swallows everything
                continue

    with as_role("web"):
        ActionType.objects.filter(name="say.once").update(effect_timeout=1)
    crew.world.trouble.append(stubborn)
    action = released(crew, "say.once")
    began = time.monotonic()
    assert crew.execute()
    assert time.monotonic() - began < 4
    assert last(action).note == "no answer within 1 s"
    build.state_of(action.id, Status.IN_DOUBT)


def test_nothing_begins_under_a_stop_placed_after_the_lease(crew: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    action = released(crew)
    begin = desk.begin

    def late(**given: Any) -> None:
        with as_role("web"):
            kind = ActionType.objects.get(name="say")
            place_stop(action_type=kind, reason="something is wrong here", by=crew.house.by("lin"))
        begin(**given)

    monkeypatch.setattr(executor.desk, "begin", late)
    with as_role("executor"):
        assert executor.execute_next("default", worker="executor@test:1")
    assert crew.world.done == []
    assert last(action).effect_at is None
    with as_role("executor"):
        assert not executor.execute_next("default", worker="executor@test:1"), "and nothing is leased"


def test_a_worker_leases_only_types_and_versions_that_it_has_the_code_for(crew: Crew) -> None:
    action = released(crew)
    with as_role("web"):
        ActionType.objects.filter(name="say").update(version=2)
    assert "say" not in handled_types("default"), "old code, new version"
    assert not crew.execute()
    registry._types["say"] = replace(registry._types["say"], version=2)
    assert "say" in handled_types("default")
    assert not crew.execute(), "the action is of version 1, this code of version 2"
    build.state_of(action.id, Status.APPROVED)
    del registry._types["say"]
    assert not crew.execute(), "old code, unknown type"
    assert Attempt.objects.count() == 0


def test_a_type_from_a_transcript_is_carried_out_by_the_handler_of_its_source(crew: Crew) -> None:
    heard: list[Any] = []
    action = released(crew)
    ActionType.objects.filter(name="say").update(source="transcript")
    del registry._types["say"]
    registry.source_handler("transcript", lambda payload, ctx: heard.append((payload, ctx.type)))
    assert crew.execute()
    assert heard == [({"amount": 0, "text": "a"}, "say")]
    build.state_of(action.id, Status.SUCCEEDED)


def test_a_reversal_calls_undo_with_the_result_of_the_original_and_reverses_it(crew: Crew) -> None:
    action = released(crew)
    crew.execute()
    with as_role("web"):
        made = desk.reverse(action=action.id, by=crew.house.by("lin"), reason="it was sent to the wrong person")
    crew.route()
    reversal = Action.objects.get(reverses=action)
    crew.decide(reversal, name="grace")
    build.wait_for_release(reversal.id)
    assert crew.execute()
    assert crew.world.undone == [(reversal.id, {"said": "a"})]
    assert len(crew.world.done) == 1, "the effect itself is not repeated"
    build.state_of(reversal.id, Status.SUCCEEDED)
    build.state_of(action.id, Status.REVERSED)
    assert made is not None


@pytest.mark.parametrize("value", [{1, 2}, "x" * 100_000, 0.5, {"a": [object()]}])
def test_a_result_that_is_too_large_or_no_json_is_clipped_text_and_still_a_success(crew: Crew, value: object) -> None:
    registry._types["say"] = replace(registry._types["say"], execute=lambda payload, ctx: value)
    action = released(crew)
    assert crew.execute()
    assert bytes(last(action).result or b"").startswith(b'{"clipped":')
    assert len(bytes(last(action).result or b"")) < 64 * 1024
    build.state_of(action.id, Status.SUCCEEDED)


def test_a_report_is_repeated_while_the_lease_lasts_when_the_database_is_away(
    crew: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    action = released(crew)
    finish, away = desk.finish, [1, 1]

    def flaky(**given: Any) -> Any:
        if away:
            away.pop()
            raise OperationalError("the server closed the connection")
        return finish(**given)

    monkeypatch.setattr(executor.desk, "finish", flaky)
    monkeypatch.setattr(executor.connection, "close", lambda: None)  # a rolled-back test has but one
    assert crew.execute()
    assert away == []
    assert len(crew.world.done) == 1
    build.state_of(action.id, Status.SUCCEEDED)


def test_another_action_is_started_only_while_the_time_left_allows_a_whole_effect(crew: Crew) -> None:
    released(crew)
    with as_role("executor"):
        assert executor.work_off("default", seconds=0.5) == (0, True), "there may be more: ring again"
    assert crew.world.done == []
    with as_role("executor"):
        assert executor.work_off("default", seconds=10) == (1, False)
    assert len(crew.world.done) == 1


def test_six_tries_are_the_most(crew: Crew) -> None:
    crew.world.trouble += [NotDone("429") for _ in range(10)]
    action = released(crew)
    for _ in range(20):
        if build.state_of(action.id).state != Status.APPROVED:
            break
        build.wait_for_release(action.id)
        if not crew.execute():
            time.sleep(0.1)  # the circuit is open
    build.state_of(action.id, Status.FAILED)
    assert Attempt.objects.filter(action=action).count() == 6
