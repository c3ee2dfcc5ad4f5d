"""When a break is suggested, and when not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from reviews.breaks import stretch, why_break

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def work(*gaps: float, verdicts: str = "") -> list[tuple[datetime, str]]:
    """Decisions with these seconds between them, the last one just now; `verdicts` as letters a and r."""
    found, at = [], NOW
    for place in range(len(gaps), -1, -1):
        word = {"a": "approve", "r": "reject"}[(verdicts or "a" * (len(gaps) + 1))[place]]
        found.append((at, word))
        if place:
            at -= timedelta(seconds=gaps[place - 1])
    return found[::-1]


def test_fifty_minutes_or_eighty_decisions_are_enough() -> None:
    assert why_break(work(*[60] * 49), NOW) == ""
    assert why_break(work(*[60] * 50), NOW) == "50 minutes without a break."
    assert why_break(work(*[20] * 78), NOW) == ""
    assert why_break(work(*[20] * 79), NOW) == "80 decisions without a break."


def test_a_pause_begins_anew() -> None:
    assert why_break(work(*[60] * 40, 301, *[60] * 40), NOW) == ""
    assert len(stretch(work(*[60] * 40, 301, *[60] * 40), NOW)) == 41
    assert why_break(work(*[60] * 60), NOW + timedelta(minutes=5)) == ""  # on a break already
    assert why_break([], NOW) == ""


def test_twice_as_fast_and_more_agreeing_says_so_and_each_alone_does_not() -> None:
    slow, fast = [40] * 20, [15] * 20
    mixed = "ar" * 10 + "a" * 21
    assert why_break(work(*slow, *fast, verdicts=mixed), NOW).startswith("You decide twice as fast")
    assert why_break(work(*slow, *fast, verdicts="a" * 41), NOW) == ""
    assert why_break(work(*slow, *slow, verdicts=mixed), NOW) == ""
    assert why_break(work(*fast, *slow, verdicts=mixed), NOW) == ""
