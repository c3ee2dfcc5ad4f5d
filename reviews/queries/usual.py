"""A payload against what is usual among approved cases of its type, from the figures the keeper stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from reviews.policy import money
from reviews.queries.detail import Detail
from reviews.queries.payload import Shown


@dataclass(frozen=True, slots=True)
class Usual:
    """One value, in words what is usual there, and whether this one is out of the ordinary."""

    label: str
    text: str
    words: str
    out: bool


def usual_values(found: Detail) -> list[Usual]:
    """The odd ones first; empty where nothing is known."""
    known = found.search.usual if found.search else {}
    rows = [
        Usual(shown.label, _value(found, shown), words, known[shown.path]["out"])
        for shown in found.fields
        if shown.path in known and not shown.secret and (words := _words(found, shown.path, known[shown.path]))
    ]
    return sorted(rows, key=lambda row: not row.out)


def _value(found: Detail, shown: Shown) -> str:
    return found.amount if _is_amount(found, shown.path) else shown.text


def _is_amount(found: Detail, path: str) -> bool:
    return bool(found.amount) and path == found.kind.amount_path


def _words(found: Detail, path: str, facts: Mapping[str, Any]) -> str:
    if not facts["n"]:
        return ""
    if facts["kind"] == "number":
        low, middle, high = (_number(found, path, facts[name]) for name in ("low", "median", "high"))
        span = f"always {low}" if low == high else f"usually {low} to {high}, half below {middle}"
        return f"{span}; {_cases(facts['n'])}"
    cases = _cases(facts["n"])
    said = f"the same in {facts['same']} of {cases}" if facts["same"] else f"in none of {cases}"
    return f"{said}; mostly {facts['common']}" if facts["common"] and facts["out"] else said


def _cases(count: int) -> str:
    return f"{count} approved case{'' if count == 1 else 's'}"


def _number(found: Detail, path: str, value: int) -> str:
    return money(value, found.currency) if _is_amount(found, path) else f"{value:,}"
