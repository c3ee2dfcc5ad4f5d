"""Timing profiles: every chain holds, and only the named profiles are laxer than normal."""

from __future__ import annotations

from dataclasses import replace

import pytest

from config.profiles import NORMAL, PROFILES, broken_chain, laxer_than_normal


@pytest.mark.parametrize("name", PROFILES)
def test_the_timing_chain_of_each_profile_holds(name: str) -> None:
    assert broken_chain(PROFILES[name]) == []  # type: ignore[index]


@pytest.mark.parametrize(
    "shorter", ["soft", "hard", "lease", "visibility", "agent_soft", "agent_hard", "agent_visibility"]
)
def test_a_broken_link_is_named(shorter: str) -> None:
    found = broken_chain(replace(NORMAL, **{shorter: 0.1}))
    assert any(f"must be shorter than {shorter} (0.1 s)" in text for text in found)


def test_normal_is_the_only_profile_without_shortened_guards() -> None:
    assert laxer_than_normal(NORMAL) == []
    assert "undo_low" in laxer_than_normal(PROFILES["journey"])
    assert {name for name, timings in PROFILES.items() if laxer_than_normal(timings)} == {"journey", "test"}


def test_an_effect_never_outlives_its_lease_and_a_retry_waits_longer_each_time() -> None:
    for timings in PROFILES.values():
        assert timings.effect_timeout < timings.lease <= 900
        assert list(timings.retry_delays) == sorted(timings.retry_delays)
        assert len(timings.retry_delays) == 5
