"""When a break would do somebody good: long, many, or quick and agreeing. Pure; it judges one's own decisions only."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import pairwise

LONG, MANY = timedelta(minutes=50), 80
PAUSE = timedelta(minutes=5)  # without a decision: the stretch is over
COMPARED = 20  # decisions at the beginning and at the end
Decided = tuple[datetime, str]


def stretch(decided: Sequence[Decided], now: datetime) -> Sequence[Decided]:
    """The decisions since the last break, oldest first; none if the person is on one."""
    if not decided or now - decided[-1][0] >= PAUSE:
        return ()
    start = 0
    for place, ((before, _), (after, _)) in enumerate(pairwise(decided), start=1):
        if after - before >= PAUSE:
            start = place
    return decided[start:]


def why_break(decided: Sequence[Decided], now: datetime) -> str:
    """What speaks for a break, in words; empty when nothing does."""
    found = stretch(decided, now)
    if len(found) >= MANY:
        return f"{len(found)} decisions without a break."
    if found and now - found[0][0] >= LONG:
        minutes = int((now - found[0][0]).total_seconds() // 60)
        return f"{minutes} minutes without a break."
    if _hurried(found):
        return "You decide twice as fast as at the start, and approve more."
    return ""


def _hurried(found: Sequence[Decided]) -> bool:
    if len(found) < 2 * COMPARED:
        return False
    first, last = found[:COMPARED], found[-COMPARED:]
    return _seconds(last) * 2 <= _seconds(first) and _approvals(last) > _approvals(first)


def _seconds(part: Sequence[Decided]) -> float:
    return (part[-1][0] - part[0][0]).total_seconds()


def _approvals(part: Sequence[Decided]) -> int:
    return sum(verdict == "approve" for _, verdict in part)
