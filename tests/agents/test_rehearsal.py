"""replay_check: recorded runs on new code, without doing anything."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from agents import registry
from agents.runs import Run
from tests import build
from tests.agents.kit import Crew
from tests.logins import as_role

ran: list[str] = []


def body(word: str) -> str:
    ran.append(word)
    return word


def agent(run: Run) -> Any:
    run.step("first", body, "first")
    outcome = run.call("say", {"text": "a"})
    run.step("second", body, str(outcome.ok))
    run.sleep(60)


def waiting(crew: Crew) -> None:
    """A run that was answered, went on, and sleeps."""
    crew.agent(agent)
    run = crew.start()
    crew.leg(run)
    crew.route()
    crew.reject(crew.actions(run)[0])
    assert crew.go(run) == "parked"
    assert len(crew.journal(run)) == 5


def check(*options: str) -> str:
    out = io.StringIO()
    with as_role("auditor"):
        call_command("replay_check", *options, stdout=out)
    return out.getvalue()


def test_code_that_fits_passes_and_nothing_is_done(crew: Crew) -> None:
    waiting(crew)
    ran.clear()
    before = build.picture()
    assert check() == "1 runs, 1 would replay, 0 would not\n"
    assert ran == []
    assert build.picture() == before


def test_code_that_would_block_a_run_is_named_with_the_step(crew: Crew) -> None:
    waiting(crew)
    registry._agents.clear()

    def changed(run: Run) -> None:
        run.step("first", body, "first")
        outcome = run.call("say", {"text": "a"})
        run.step("second", body, f"changed {outcome.ok}")

    crew.agent(changed)
    with pytest.raises(CommandError, match="does not do what these journals say"):
        check()


def test_saved_journals_are_checked_without_the_database_they_came_from(crew: Crew, tmp_path: Path) -> None:
    waiting(crew)
    file = tmp_path / "journals.jsonl"
    assert check("--save", str(file)) == "saved 1 journals\n"
    assert "would replay, 0" in check("--file", str(file))
    registry._agents.clear()
    with pytest.raises(CommandError):
        check("--file", str(file))
