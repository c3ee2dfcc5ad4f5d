"""A preview as a page shows it, and the geometry of its chart: two bars per outcome, before and after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from reviews.queries.preview import Preview
from reviews.states import MODE, Outcome

LEFT, WIDTH, ROW, BAR = 190, 420, 40, 13


class Pair(NamedTuple):
    """One outcome: how many before and after, and where its bars lie."""

    label: str
    mode: str
    before: int
    after: int
    y: int
    before_width: int
    after_width: int

    @property
    def change(self) -> int:
        return self.after - self.before


class Chart(NamedTuple):
    pairs: tuple[Pair, ...]
    left: int
    width: int
    height: int
    bar: int


def outcome_chart(before: Mapping[Outcome, int], after: Mapping[Outcome, int]) -> Chart:
    """Bars to one scale; outcomes in order of strictness, those without a case too."""
    longest = max([*before.values(), *after.values(), 1])
    pairs = tuple(
        Pair(
            outcome.value.replace("_", " "),
            MODE[outcome].value,
            before.get(outcome, 0),
            after.get(outcome, 0),
            outcome.rank * ROW,
            _width(before.get(outcome, 0), longest),
            _width(after.get(outcome, 0), longest),
        )
        for outcome in Outcome
    )
    return Chart(pairs, LEFT, LEFT + WIDTH + 70, len(pairs) * ROW, BAR)


def effect_context(effect: Preview) -> dict[str, Any]:
    """What `admin/reviews/effect.html` reads."""
    return {
        "effect": effect,
        "chart": outcome_chart(effect.before, effect.after),
        "moves": effect.moves.most_common(),
    }


def _width(count: int, longest: int) -> int:
    """A bar of at least one unit wherever there is a case at all."""
    return max(round(WIDTH * count / longest), 1) if count else 0
