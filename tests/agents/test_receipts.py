"""The receipts that outcomes carry: for whom, from when, and how many a row of the journal takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.conf import settings

from agents import runs, services
from agents.models import Run as Run_
from agents.runs import Run
from audit import receipts
from reviews.ids import new_id
from reviews.models import Revision
from tests import build
from tests.agents.kit import Crew, result
from tests.audit.world import World, judge, step_down
from tests.logins import as_role


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
