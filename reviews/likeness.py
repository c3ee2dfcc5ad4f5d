"""How alike two cases of one type are, and what is usual among many. Pure; weights as they start, not tuned.

A case is compared by its words (ranked by the database), by short values that are the same, and by the
distance of its amount. Each part counts only where both cases can have it, so that 1 means: the same case again.
"""

from __future__ import annotations

import math
import re
import statistics
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reviews.visible import has_hidden

LONGEST = 8_000  # characters of text that are compared
SHORT = 100  # a longer value is text, not a category
MOST_FIELDS = 60
FEWEST = 8  # cases before anything is called unusual
SHARED = 5  # cases that have a value before it is named to others
FIELDS, AMOUNT = 0.2, 0.1
_SPACE = re.compile(r"\s+")


def normalised(texts: Sequence[str]) -> str:
    """Texts in one line as search compares them: compatibility forms folded, what hides left out."""
    joined = unicodedata.normalize("NFKC", " ".join(texts)[: 2 * LONGEST]).casefold()
    seen = "".join(" " if has_hidden(char) else char for char in joined) if has_hidden(joined) else joined
    return _SPACE.sub(" ", seen).strip()[:LONGEST]


def strings(value: object) -> Iterator[str]:
    """The texts in a payload; numbers are compared as values."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from strings(one)


def short_values(payload: object) -> dict[str, str | int | bool]:
    """Path and value of what can be compared as equal or not, the first sixty."""
    return dict(_pairs(payload, "", MOST_FIELDS))


def _pairs(value: object, path: str, most: int) -> Iterator[tuple[str, str | int | bool]]:
    left = most
    if isinstance(value, Mapping):
        for key, one in value.items():
            for pair in _pairs(one, f"{path}.{key}" if path else str(key), left):
                yield pair
                left -= 1
            if left <= 0:
                return
    elif isinstance(value, bool | int) or (isinstance(value, str) and 0 < len(value) <= SHORT):
        yield path, value


def likeness(
    rank: float, own: Mapping[str, Any], other: Mapping[str, Any], amount: int | None, its_amount: int | None
) -> float:
    """Between 0 and 1. `rank`: how well the words match, where 1 is the case itself."""
    score, whole = min(max(rank, 0.0), 1.0), 1.0
    paths = own.keys() | other.keys()
    if paths:
        score += FIELDS * sum(own.get(path) == other.get(path) for path in paths) / len(paths)
        whole += FIELDS
    if amount is not None and its_amount is not None:
        score += AMOUNT * _closeness(amount, its_amount)
        whole += AMOUNT
    return round(score / whole, 4)


def _closeness(one: int, other: int) -> float:
    if one == other:
        return 1.0
    if one * other <= 0:
        return 0.0
    return math.exp(-abs(math.log(one / other)))


def usual(own: Mapping[str, Any], earlier: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """For each value of a case: what the earlier ones had there, and whether this one is out of the ordinary."""
    found = {}
    for path, value in own.items():
        there = [case[path] for case in earlier if path in case]
        if there:
            found[path] = _numbers(value, there) if _is_number(value) else _words(value, there)
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _numbers(value: int, there: Sequence[Any]) -> dict[str, Any]:
    numbers = sorted(n for n in there if _is_number(n))
    if not numbers:
        return {"kind": "number", "n": 0, "out": False}
    low, high = _between(numbers)
    out = len(numbers) >= FEWEST and not low <= value <= high
    return {
        "kind": "number", "n": len(numbers), "median": int(statistics.median(numbers)), "low": low, "high": high,
        "out": out,
    }  # fmt: skip


def _between(numbers: Sequence[int]) -> tuple[int, int]:
    """Where nine in ten lie."""
    cut = len(numbers) // 20
    return numbers[cut], numbers[-1 - cut]


def _words(value: object, there: Sequence[Any]) -> dict[str, Any]:
    """A value seldom shared by two cases, such as a name, is never called unusual."""
    counts = Counter(map(str, there))
    common, times = counts.most_common(1)[0]
    same = counts[str(value)]
    few = len(counts) <= len(there) / 2
    return {
        "kind": "word", "n": len(there), "same": same, "out": few and same == 0 and len(there) >= FEWEST,
        "common": common if few and times >= SHARED else "",
    }  # fmt: skip
