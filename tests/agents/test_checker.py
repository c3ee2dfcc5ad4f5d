"""The history checker finds what it should: honest histories with one thing planted in each."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from dataclasses import replace

import pytest

from reviews.models import RevisionBody
from reviews.services.stops import place_stop
from tests.agents.kit import Crew
from tests.agents.test_executor import released
from tests.faults.checker import Effect, History
from tests.faults.evidence import history
from tests.logins import as_role


def effects_of(crew: Crew) -> list[Effect]:
    """What the world saw, as lines of the second system."""
    bodies = {b.revision.action_id: bytes(b.body) for b in RevisionBody.objects.select_related("revision")}
    at = time.time()
    return [Effect(str(a), key, hashlib.sha256(bodies[a]).digest(), at) for a, key, _ in crew.world.done]


@pytest.fixture
def honest(crew: Crew) -> History:
    """Three actions, one of each effect mode, carried out."""
    for kind in ("say", "say.probe", "say.once"):
        released(crew, kind)
    assert crew.execute_all() == 3
    found = history(effects=effects_of(crew))
    assert found.findings() == []
    return found


def of(found: History, mode: str) -> str:
    return next(a for a, told in found.events.items() if told[0].data["effect_mode"] == mode)


def effect(found: History, mode: str) -> int:
    action = of(found, mode)
    return next(n for n, e in enumerate(found.effects) if e.action == action)


def unknown_action(h: History) -> None:
    h.effects.append(replace(h.effects[0], action="00000000-0000-7000-8000-000000000000"))


def other_bytes(h: History) -> None:
    h.effects[0] = replace(h.effects[0], digest=hashlib.sha256(b"other").digest())


def second_key(h: History) -> None:
    n = effect(h, "idempotent")
    h.effects.append(replace(h.effects[n], key=h.effects[n].key + "-2"))


def once_done_twice(h: History) -> None:
    h.effects.append(h.effects[effect(h, "once")])


def before_its_intent(h: History) -> None:
    action = of(h, "once")
    h.events[action] = _renumbered([e for e in h.events[action] if e.name != "attempt.begun"])


def before_release(h: History) -> None:
    n = effect(h, "probe")
    approval = next(e for e in h.events[h.effects[n].action] if e.name == "decision.recorded")
    h.effects[n] = replace(h.effects[n], at=approval.at + 0.06)


def nobody_approved(h: History) -> None:
    action = of(h, "idempotent")
    h.events[action] = _renumbered([e for e in h.events[action] if e.name != "decision.recorded"])


def success_without_effect(h: History) -> None:
    del h.effects[effect(h, "once")]


def approval_lost(h: History) -> None:
    action = of(h, "once")
    h.states[action] = "approved"
    h.events[action] = [e for e in h.events[action] if not e.name.startswith("attempt.")]


def fence_gap(h: History) -> None:
    action = of(h, "idempotent")
    h.attempts[action][0] = replace(h.attempts[action][0], fence=2)


def overlapping_attempts(h: History) -> None:
    action = of(h, "idempotent")
    first = h.attempts[action][0]
    assert first.ended is not None
    h.attempts[action].append(replace(first, fence=2, leased=first.ended - 0.1))


def two_successes(h: History) -> None:
    action = of(h, "idempotent")
    first = h.attempts[action][0]
    assert first.ended is not None
    h.attempts[action].append(replace(first, fence=2, leased=first.ended + 1))


def once_begun_twice(h: History) -> None:
    action = of(h, "once")
    first = h.attempts[action][0]
    assert first.ended is not None
    h.attempts[action].append(replace(first, fence=2, leased=first.ended + 1, end="unclear"))


def event_deleted(h: History) -> None:
    del h.events[of(h, "probe")][2]


def event_rewritten(h: History) -> None:
    told = h.events[of(h, "probe")]
    told[1] = replace(told[1], hash=hashlib.sha256(b"rewritten").digest())


def state_without_event(h: History) -> None:
    h.states[of(h, "probe")] = "failed"


def no_edge(h: History) -> None:
    told = h.events[of(h, "probe")]
    n = next(n for n, e in enumerate(told) if e.change == ("pending", "approved"))
    told[n] = replace(told[n], change=("pending", "succeeded"))


def _renumbered(told: list) -> list:
    """As if the missing event had never been: the chain itself gives nothing away."""
    found, before = [], bytes(32)
    for number, event in enumerate(told, 1):
        found.append(replace(event, seq=number, prev=before))
        before = event.hash
    return found


@pytest.mark.parametrize(
    ("plant", "finding"),
    [
        (unknown_action, "an effect of an unknown action"),
        (other_bytes, "other bytes than the approved ones"),
        (second_key, "effects with different keys"),
        (once_done_twice, "2 effects of a type that is once"),
        (before_its_intent, "an effect without an intent"),
        (before_release, "an effect before its release"),
        (nobody_approved, "an effect that nobody had approved"),
        (success_without_effect, "a success without an effect"),
        (approval_lost, "lost: it rests as approved"),
        (fence_gap, "the fences are [2]"),
        (overlapping_attempts, "attempts 1 and 2 overlap"),
        (two_successes, "two successes"),
        (once_begun_twice, "a once effect was begun twice"),
        (event_deleted, "event 3 is missing"),
        (event_rewritten, "does not follow the one before"),
        (state_without_event, "the row is failed"),
        (no_edge, "pending -> succeeded is no edge"),
    ],
)
def test_the_checker_finds_what_is_planted(honest: History, plant: Callable[[History], None], finding: str) -> None:
    plant(honest)
    found = honest.findings()
    assert any(finding in text for text in found), found


def test_the_checker_finds_a_lease_under_a_stop(crew: Crew) -> None:
    released(crew, "say")
    released(crew, "say.once")
    crew.execute_all()
    with as_role("web"):
        place_stop(reason="everything is wrong today", by=crew.house.by("lin"))
    found = history(effects=effects_of(crew))
    assert found.findings() == []
    start, *rest = found.stops[0]
    found.stops[0] = (start - 60, *rest)  # type: ignore[arg-type]
    assert sum("under a stop" in text for text in found.findings()) == 4
