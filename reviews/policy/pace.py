"""How long a look must last and how long a verdict can be taken back. Pure.

The timings come from the running profile; a type may ask for more, never
for less.
"""

from __future__ import annotations

from typing import Protocol

from reviews.states import Risk


class Timings(Protocol):
    """The part of the profile's timings that these rules read, in seconds."""

    @property
    def undo_low(self) -> float: ...
    @property
    def undo_high(self) -> float: ...
    @property
    def dwell_low(self) -> float: ...
    @property
    def dwell_medium(self) -> float: ...
    @property
    def dwell_high(self) -> float: ...


# A quarter of the words at 250 words a minute, for the usual 8 seconds.
_SECONDS_PER_WORD = 0.25 * 60 / 250
_USUAL_HIGH_DWELL = 8.0
BATCH_DWELL = 3.0
BATCH_DWELL_PER_ITEM = 0.5


def minimum_dwell(risk: Risk, words: int, timings: Timings, *, at_least: float = 0.0) -> float:
    """Seconds an item must have been visible before a verdict on it counts.

    Reading time is scaled with the profile, so that a profile of short
    timings shortens it in the same proportion.
    """
    if risk is Risk.LOW:
        return max(timings.dwell_low, at_least)
    if risk is Risk.MEDIUM:
        return max(timings.dwell_medium, at_least)
    reading = words * _SECONDS_PER_WORD * timings.dwell_high / _USUAL_HIGH_DWELL
    return max(timings.dwell_high, reading, at_least)


def batch_dwell(count: int, timings: Timings) -> float:
    """Seconds a batch preview must have been visible before it is confirmed."""
    scale = timings.dwell_high / _USUAL_HIGH_DWELL
    return max(BATCH_DWELL, BATCH_DWELL_PER_ITEM * count) * min(scale, 1.0)


def undo_window(risk: Risk, timings: Timings, *, at_least: float = 0.0) -> float:
    """Seconds between a closing verdict and its release."""
    usual = timings.undo_high if risk.rank >= Risk.HIGH.rank else timings.undo_low
    return max(usual, at_least)
