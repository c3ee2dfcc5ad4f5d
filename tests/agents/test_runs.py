"""A run from its start to its end: what it is told, and when."""

from __future__ import annotations

from typing import Any

from agents.outcomes import Approved
from agents.runs import Run
from tests.agents.kit import Crew


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
