"""A dry run: what policy would do with recorded calls or proposals. Writes nothing, starts nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agents import proposals
from agents.proposals import Row
from agents.services.importing import open_file
from agents.transcripts import Conversation, Refusal
from reviews import registry
from reviews.errors import InvalidPayload
from reviews.models import ActionType, Principal, Queue
from reviews.policy import Routing
from reviews.queries.policy import Current, Standing, current_policy, standing_of, would_route
from reviews.registry import DeskType

MOST_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class Call:
    """One recorded proposal: where it stands, its type, and what it says."""

    name: str
    line: int
    kind: ActionType
    payload: dict[str, Any]
    confidence: float | None


@dataclass
class Tally:
    """What would become of one type's calls."""

    type: str
    known: bool  # the type exists at this desk; else its rules are guessed from its name
    calls: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    floors: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, call: Call, routing: Routing) -> None:
        self.calls += 1
        self.outcomes[routing.outcome.value] += 1
        self.floors.update(floor.name for floor in routing.why)
        shown = self.examples.setdefault(routing.outcome.value, [])
        if len(shown) < MOST_EXAMPLES:
            why = "; ".join(f"{floor.name}: {floor.value}" for floor in routing.why)
            shown.append(f"{call.name}: {registry.title(call.kind, call.payload)} ({why})")


@dataclass
class Trial:
    """The result of a dry run."""

    policy_version: int
    tallies: dict[str, Tally] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    standings: dict[str, Standing] = field(default_factory=dict)  # by type, read once

    @property
    def outcomes(self) -> Counter[str]:
        return sum((tally.outcomes for tally in self.tallies.values()), Counter())


def dry_run(*, data: bytes, name: str, type_name: str = "", prefix: str = "", now: datetime) -> Trial:
    """Routes every call of a file by the policy in force. With `type_name` the file holds proposals of it."""
    policy = current_policy()
    trial = Trial(policy.number)
    proposer = Principal.objects.filter(name="replay" if not type_name else "intent-classifier").first()
    found = _proposals(data, type_name) if type_name else _calls(data, name, prefix)
    for each in found:
        if isinstance(each, Refusal):
            trial.refusals.append(each)
        else:
            _route(trial, each, proposer, policy, now)
    return trial


def _route(trial: Trial, call: Call, proposer: Principal | None, policy: Current, now: datetime) -> None:
    tally = trial.tallies.setdefault(call.kind.name, Tally(call.kind.name, not call.kind._state.adding))
    if call.kind.name not in trial.standings:
        trial.standings[call.kind.name] = standing_of(call.kind, proposer)
    routing = would_route(
        action_type=call.kind,
        payload=call.payload,
        confidence=call.confidence,
        now=now,
        policy=policy,
        standing=trial.standings[call.kind.name],
    )
    tally.add(call, routing)


def _proposals(data: bytes, type_name: str) -> Iterator[Call | Refusal]:
    kind = _known(type_name)
    if kind is None:
        raise InvalidPayload(f"there is no action type {type_name!r}")
    for found in proposals.read(data, type_name=type_name):
        yield _judged(found.name, found.line, kind, found.proposal) if isinstance(found, Row) else found


def _judged(name: str, line: int, kind: ActionType, proposal: Any) -> Call | Refusal:
    try:
        payload = registry.validate(kind, proposal.payload)
    except InvalidPayload as error:
        return Refusal(name, line, str(error))
    return Call(name, line, kind, payload, proposal.confidence)


def _calls(data: bytes, name: str, prefix: str) -> Iterator[Call | Refusal]:
    opened = open_file(data, name=name, prefix=prefix)
    yield from opened.refusals
    kinds = {tool.name: _known(tool.type) or _guessed(tool.desk_type()) for tool in opened.tools if tool.acts}
    for talk in opened.conversations:
        yield from _of(talk, kinds)


def _of(talk: Conversation, kinds: dict[str, ActionType]) -> Iterable[Call]:
    acting = (call for call in talk.calls if call.tool in kinds)
    return [Call(f"{talk.id}/{c.key}", talk.line, kinds[c.tool], c.arguments, c.confidence) for c in acting]


def _known(type_name: str) -> ActionType | None:
    return ActionType.objects.filter(name=type_name).first()


def _guessed(kind: DeskType) -> ActionType:
    """A type that is not here yet, as an import would propose it; never saved."""
    return ActionType(**kind.values(), name=kind.name, queue=Queue(name=kind.queue), source="transcript")
