"""What the other apps tell the record about themselves: their rows, their texts, and how to erase these.

Each app registers in its `AppConfig.ready`. Functions run inside the caller's transaction (READ ONLY and
REPEATABLE READ for exports) under the login `router` or `auditor`.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from audit.report import Report

Line = dict[str, Any]
Projection = Callable[[Collection[str] | None], Iterator[Line]]
"""Business rows as the verifier compares them, for all cases or for the given ones. See docs/audit-log.md."""


@dataclass(frozen=True, slots=True)
class Text:
    """A committed text that lies outside `audit.content`: sha256(salt + body) is what the event committed to."""

    event: UUID
    field: str
    salt: bytes
    body: bytes


Texts = Callable[[Collection[str] | None], Iterator[Text]]
Eraser = Callable[[UUID, str], bool]
"""Deletes body and salt of (event, field) if this app holds them; True if it did."""
Guard = Callable[[str], str]
"""Why nothing of this case may be erased now ("the action is still open"), or an empty string."""

Names = Callable[[Collection[str]], dict[str, str]]
"""Pseudonyms and ids of actors to names that people know."""

_projections: dict[str, Projection] = {}
_texts: dict[str, Texts] = {}
_erasers: dict[str, Eraser] = {}
_guards: dict[str, Guard] = {}
_names: dict[str, Names] = {}
_reports: dict[str, Report] = {}


def register_projection(name: str, lines: Projection) -> None:
    _projections[name] = lines


def register_texts(name: str, texts: Texts) -> None:
    _texts[name] = texts


def register_eraser(name: str, eraser: Eraser, guard: Guard | None = None) -> None:
    _erasers[name] = eraser
    if guard is not None:
        _guards[name] = guard


def projections() -> dict[str, Projection]:
    return dict(_projections)


def texts() -> dict[str, Texts]:
    return dict(_texts)


def erasers() -> dict[str, Eraser]:
    return dict(_erasers)


def guards() -> dict[str, Guard]:
    return dict(_guards)


def register_names(name: str, names: Names) -> None:
    _names[name] = names


def names_of(refs: Collection[str]) -> dict[str, str]:
    """What the registered apps call these actors; refs that nobody knows are left out."""
    found: dict[str, str] = {}
    for names in _names.values():
        found |= names(refs)
    return found


def register_report(report: Report) -> None:
    """A page, a CSV and a JSONL under /audit/reports/; its id (R1, R2 ...) is its place."""
    _reports[report.id] = report


def reports() -> list[Report]:
    return sorted(_reports.values(), key=lambda report: report.number)
