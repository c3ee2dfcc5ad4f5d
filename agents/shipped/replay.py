"""Transcript replay: what an agent did last week, parked as it would be parked here.

The pattern: several actions wait at once, in one run, each with its own evidence, and a reviewer's
question is answered from what the run knows.
"""

from __future__ import annotations

from typing import Any

from agents import transcripts
from agents.outcomes import Approved, Asked, Handle, Outcome, Rejected
from agents.registry import agent
from agents.runs import Refused, Run
from agents.transcripts import Call, Conversation
from reviews.schemas import EvidenceIn


@agent("replay", version="1", label="Transcript replay")
def replay(run: Run, conversation: str, types: dict[str, str]) -> dict[str, Any]:
    """Parks the calls of one conversation. `conversation` is its JSON; `types` says which tools act, as what."""
    talk = transcripts.one(conversation, name=run.title or "conversation")
    if not isinstance(talk, Conversation):
        raise ValueError(str(talk))
    parked, refused = _park(run, talk, types)
    outcomes = run.wait_all(*parked, on_asked=lambda handle, asked: _answer(run, talk, parked[handle], asked))
    ended = {call.key: _word(outcome) for call, outcome in zip(parked.values(), outcomes, strict=True)}
    return {"conversation": talk.id, "calls": ended | refused}


def _park(run: Run, talk: Conversation, types: dict[str, str]) -> tuple[dict[Handle, Call], dict[str, str]]:
    parked: dict[Handle, Call] = {}
    refused: dict[str, str] = {}
    for call in talk.calls:
        if call.tool in types:
            try:
                parked[_propose(run, talk, call, types[call.tool])] = call
            except Refused as error:
                refused[call.key] = f"refused: {error.code}"
    return parked, refused


def _propose(run: Run, talk: Conversation, call: Call, type_: str) -> Handle:
    evidence = EvidenceIn(
        kind="conversation",
        title=f"Conversation {talk.id[:120]} up to this call",
        source=f"{talk.id}/{call.key}"[:300],
        text=talk.before(call),
    )
    said = talk.messages[call.index].text
    return run.propose(type_, call.arguments, confidence=call.confidence, reasoning=said[:20_000], evidence=[evidence])


def _answer(run: Run, talk: Conversation, call: Call, asked: Asked) -> None:
    """A recording cannot think anew; it can say what the call rested on."""
    words = talk.last_word(call)
    said = (
        f"Before this call the user said: “{words[:2_000]}”" if words else "The user had said nothing before this call."
    )
    run.answer(asked, f"{said} This is a recording: the agent that made the call cannot be asked further.")


def _word(outcome: Outcome) -> str:
    if isinstance(outcome, Approved):
        return "edited" if outcome.edited else "approved"
    if isinstance(outcome, Rejected):
        return f"rejected: {outcome.code}" if outcome.code else "rejected"
    return type(outcome).__name__.lower()
