"""The three timing profiles. Pure data: a profile is chosen by name, never tuned by a variable.

Every duration is in seconds. The order inside each profile is the timing chain that keeps a slow
effect from being started twice: effect timeout < soft < hard < lease < visibility. `broken_chain`
says which link does not hold; the start-up check refuses a process whose chain is broken.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from types import MappingProxyType
from typing import Literal

ProfileName = Literal["normal", "journey", "test"]

ONE_RATE = MappingProxyType({"low": 90, "medium": 30, "high": 6, "critical": 6})
NO_RATE = MappingProxyType({"low": 100_000, "medium": 100_000, "high": 100_000, "critical": 100_000})


@dataclass(frozen=True, slots=True)
class Timings:
    """What a process waits for, and how long. Seconds, but for `caps_per_minute` (decisions)."""

    undo_low: float
    undo_high: float
    dwell_low: float
    dwell_medium: float
    dwell_high: float
    lease: float
    effect_timeout: float
    soft: float
    hard: float
    visibility: float
    agent_lease: float
    agent_soft: float
    agent_hard: float
    agent_visibility: float
    keeper_tick: float
    drain_tick: float
    sequencer_tick: float
    retry_delays: tuple[float, ...]
    decide_within: float
    valid_for: float
    caps_per_minute: Mapping[str, int]


NORMAL = Timings(
    undo_low=10,
    undo_high=30,
    dwell_low=0.4,
    dwell_medium=2,
    dwell_high=8,
    lease=60,
    effect_timeout=30,
    soft=40,
    hard=45,
    visibility=120,
    agent_lease=60,
    agent_soft=900,
    agent_hard=960,
    agent_visibility=1200,
    keeper_tick=0.5,
    drain_tick=0.5,
    sequencer_tick=0.5,
    retry_delays=(5, 30, 120, 600, 3600),
    decide_within=86_400,
    valid_for=86_400,
    caps_per_minute=ONE_RATE,
)

JOURNEY = Timings(
    undo_low=2,
    undo_high=2,
    dwell_low=0.4,
    dwell_medium=0.4,
    dwell_high=0.4,
    lease=8,
    effect_timeout=3,
    soft=5,
    hard=6,
    visibility=12,
    agent_lease=8,
    agent_soft=60,
    agent_hard=70,
    agent_visibility=90,
    keeper_tick=0.25,
    drain_tick=0.25,
    sequencer_tick=0.25,
    retry_delays=(0.5, 1, 2, 4, 8),
    decide_within=600,
    valid_for=600,
    caps_per_minute=NO_RATE,
)

TEST = Timings(
    undo_low=0.2,
    undo_high=0.2,
    dwell_low=0.05,
    dwell_medium=0.05,
    dwell_high=0.05,
    lease=4,
    effect_timeout=1.5,
    soft=2,
    hard=3,
    visibility=6,
    agent_lease=4,
    agent_soft=20,
    agent_hard=25,
    agent_visibility=30,
    keeper_tick=0.1,
    drain_tick=0.1,
    sequencer_tick=0.1,
    retry_delays=(0.1, 0.2, 0.3, 0.4, 0.5),
    decide_within=300,
    valid_for=300,
    caps_per_minute=NO_RATE,
)

PROFILES: Mapping[ProfileName, Timings] = MappingProxyType({"normal": NORMAL, "journey": JOURNEY, "test": TEST})


def broken_chain(timings: Timings) -> list[str]:
    """The links of the timing chain that do not hold, in words; empty when all is well."""
    effect = ("effect_timeout", "soft", "hard", "lease", "visibility")
    agent = ("agent_lease", "agent_soft", "agent_hard", "agent_visibility")
    chains = (effect, agent)
    return [
        f"{low} ({getattr(timings, low):g} s) must be shorter than {high} ({getattr(timings, high):g} s)"
        for chain in chains
        for low, high in pairwise(chain)
        if getattr(timings, low) >= getattr(timings, high)
    ]


def laxer_than_normal(timings: Timings) -> list[str]:
    """Names of the guards that are weaker than in the normal profile."""
    guards = ("undo_low", "undo_high", "dwell_low", "dwell_medium", "dwell_high")
    return [name for name in guards if getattr(timings, name) < getattr(NORMAL, name)]


def describe(timings: Timings) -> dict[str, object]:
    """The profile as plain JSON values, for the start log and the event that records it."""
    return {
        field.name: dict(value) if isinstance(value, Mapping) else value
        for field in fields(timings)
        for value in (getattr(timings, field.name),)
    }
