"""Judges what happened from the outside: from the events, the attempts and the effects, and nothing else.

It shares no code with the desk but the table of edges. Salts open the digests that people decided on,
so that the bytes an effect received can be compared with them.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from reviews.states import EDGES

ZERO = bytes(32)
EDGE = {(e.before.value if e.before else None, e.after.value) for e in EDGES}
AT_REST = {"rejected", "expired", "withdrawn", "succeeded", "failed", "reversed", "in_doubt", "pending"}
SLACK = 0.05  # seconds between two clocks of one machine, and between a stop's word and its commit


@dataclass(frozen=True, slots=True)
class Told:
    """One event of an action's case."""

    seq: int
    name: str
    at: float
    change: tuple[str | None, str] | None
    data: dict[str, Any]
    prev: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt, as stored; times in seconds."""

    fence: int
    key: str
    leased: float
    effect: float | None
    ended: float | None
    end: str | None


@dataclass(frozen=True, slots=True)
class Effect:
    """One line of the second system."""

    action: str
    key: str
    digest: bytes  # plain SHA-256 of the bytes received
    at: float


@dataclass
class History:
    """All that is known; `states` are the stored states, `bodies` the bytes behind each digest."""

    events: dict[str, list[Told]]
    attempts: dict[str, list[Tried]]
    effects: list[Effect]
    states: dict[str, str]
    bodies: dict[bytes, bytes]  # salted digest -> plain SHA-256 of the bytes
    stops: list[tuple[float, float, str, str]] = field(default_factory=list)  # from, to, scope, target
    undo: float = 0  # seconds between an approval and its release, at the least

    def findings(self) -> list[str]:
        """Everything that is wrong, one sentence each."""
        by_action = defaultdict(list)
        for effect in self.effects:
            by_action[effect.action].append(effect)
        found = [f"{action}: an effect of an unknown action" for action in by_action if action not in self.events]
        for action, told in self.events.items():
            attempts = self.attempts.get(action, [])
            case = Case(action, told, attempts, by_action.get(action, []), self)
            found += [f"{action}: {text}" for text in case.findings()]
        return found


@dataclass
class Case:
    """One action under judgement."""

    action: str
    told: list[Told]
    tried: list[Tried]
    effects: list[Effect]
    history: History

    def findings(self) -> Iterator[str]:
        yield from self._chain()
        yield from self._edges()
        yield from self._effects()
        yield from self._attempts()
        yield from self._rest()

    @property
    def mode(self) -> str:
        return str(self.told[0].data.get("effect_mode", ""))

    def _chain(self) -> Iterator[str]:
        before = ZERO
        for number, event in enumerate(self.told, 1):
            if event.seq != number:
                yield f"event {number} is missing"
                return
            if event.prev != before:
                yield f"event {number} does not follow the one before"
            before = event.hash

    def _edges(self) -> Iterator[str]:
        state: str | None = None
        for event in self.told:
            if event.change is None:
                continue
            before, after = event.change
            if before != state:
                yield f"event {event.seq} starts from {before}, the case was {state}"
            if (before, after) not in EDGE:
                yield f"event {event.seq}: {before} -> {after} is no edge"
            state = after
        stored = self.history.states.get(self.action)
        if state != stored:
            yield f"the events end in {state}, the row is {stored}"

    def _approvals(self) -> list[Told]:
        return [
            event
            for event in self.told
            if event.name == "decision.recorded" and event.change and event.change[1] == "approved"
        ]

    def _effects(self) -> Iterator[str]:
        if len({effect.key for effect in self.effects}) > 1:
            yield "effects with different keys"
        if len(self.effects) > 1 and self.mode != "idempotent":
            yield f"{len(self.effects)} effects of a type that is {self.mode}"
        for effect in self.effects:
            yield from self._effect(effect)

    def _effect(self, effect: Effect) -> Iterator[str]:
        standing = [e for e in self._approvals() if e.at <= effect.at + SLACK]
        if not standing:
            yield "an effect that nobody had approved"
            return
        approval = standing[-1]
        if self.history.bodies.get(_bytes(approval.data["digest"])) != effect.digest:
            yield "an effect with other bytes than the approved ones"
        if effect.at < approval.at + self.history.undo - SLACK:
            yield "an effect before its release"
        if not any(e.name == "attempt.begun" and e.at <= effect.at + SLACK for e in self.told):
            yield "an effect without an intent"
        if not any(t.effect is not None and t.effect <= effect.at + SLACK for t in self.tried):
            yield "an effect that no attempt had begun"

    def _attempts(self) -> Iterator[str]:
        fences = [t.fence for t in self.tried]
        if fences != list(range(1, len(fences) + 1)):
            yield f"the fences are {fences}"
        leased = [e.data["fence"] for e in self.told if e.name == "attempt.leased"]
        if leased != fences:
            yield f"the leases told are {leased}, the attempts {fences}"
        for earlier, later in zip(self.tried, self.tried[1:], strict=False):
            if earlier.ended is None or later.leased < earlier.ended - SLACK:
                yield f"attempts {earlier.fence} and {later.fence} overlap"
        if sum(t.end == "succeeded" for t in self.tried) > 1:
            yield "two successes"
        if self.mode == "once" and sum(t.effect is not None for t in self.tried) > 1:
            yield "a once effect was begun twice"
        yield from self._under_a_stop()

    def _under_a_stop(self) -> Iterator[str]:
        born = self.told[0].data
        targets = {"all": None, "type": born.get("type"), "agent": born.get("proposer")}
        for event in self.told:
            if event.name not in ("attempt.leased", "attempt.begun"):
                continue
            for start, end, scope, target in self.history.stops:
                if start + SLACK < event.at < end and (scope == "all" or targets[scope] == target):
                    yield f"{event.name} under a stop"

    def _rest(self) -> Iterator[str]:
        state = self.history.states.get(self.action)
        if state not in AT_REST:
            yield f"lost: it rests as {state}"
        if state == "succeeded" and not self.effects and not any(e.name == "attempt.settled" for e in self.told):
            yield "a success without an effect"
        if state == "in_doubt" and not any(t.effect is not None for t in self.tried):
            yield "in doubt, though no effect was begun"
        if state in ("rejected", "expired", "withdrawn") and self.effects:
            yield f"an effect of what was {state}"


def _bytes(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def told(leaf: bytes) -> tuple[str, Told]:
    """A leaf as the case it belongs to and what it says."""
    said = json.loads(leaf)
    change = said["change"]
    case = said["case"]
    event = Told(
        seq=case["seq"],
        name=said["name"],
        at=_seconds(said["at"]),
        change=(change["from"], change["to"]) if change else None,
        data=said["data"],
        prev=_bytes(case["prev"]),
        hash=hashlib.sha256(b"\0" + leaf).digest(),
    )
    return case["id"], event


def read(
    leaves: Iterable[bytes],
    attempts: Iterable[tuple[str, Tried]],
    effects: Iterable[Effect],
    states: Mapping[str, str],
    bodies: Mapping[bytes, bytes],
    undo: float,
) -> History:
    """Puts the parts together; leaves in any order."""
    cases: dict[str, list[Told]] = defaultdict(list)
    stops: list[tuple[float, float, str, str]] = []
    open_stops: dict[str, tuple[float, str, str]] = {}
    for leaf in leaves:
        case, event = told(leaf)
        if case.startswith("action:"):
            cases[case.removeprefix("action:")].append(event)
        elif event.name == "stop.placed":
            open_stops[event.data["stop"]] = (event.at, event.data["scope"], event.data.get("target") or "")
        elif event.name == "stop.lifted":
            start, scope, target = open_stops.pop(event.data["stop"])
            stops.append((start, event.at, scope, target))
    stops += [(start, float("inf"), scope, target) for start, scope, target in open_stops.values()]
    tried: dict[str, list[Tried]] = defaultdict(list)
    for action, attempt in attempts:
        tried[action].append(attempt)
    for rows in cases.values():
        rows.sort(key=lambda e: e.seq)
    for known in tried.values():
        known.sort(key=lambda t: t.fence)
    return History(dict(cases), dict(tried), list(effects), dict(states), dict(bodies), stops, undo)
