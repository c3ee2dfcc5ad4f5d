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
    """A committed text that lies outside `audit.content`: sha256(salt + body) is what the event committed to.

    `body` is None where it is there, but sealed, and this process cannot open it.
    """

    event: UUID
    field: str
    salt: bytes
    body: bytes | None


Texts = Callable[[Collection[str] | None], Iterator[Text]]
Eraser = Callable[[UUID, str], bool]
"""Deletes body and salt of (event, field) if this app holds them; True if it did."""
Guard = Callable[[str], str]
"""Why nothing of this case may be erased now ("the action is still open"), or an empty string."""

Veil = Callable[[Collection[str], str | None], dict[str, str]]
"""Of these cases those that this person (pseudonym) may not read yet, and why ("you may still vote on it").

Without a person: those that somebody may not.
"""

Names = Callable[[Collection[str]], dict[str, str]]
"""Pseudonyms and ids of actors to names that people know."""

Loose = Callable[[str], Iterator[tuple[UUID, str, int]]]
"""Of a case: what can be erased though no event committed to it, as (event it is named by, field, bytes)."""
Related = Callable[[str], Iterator[str]]
"""Other cases that hold texts of the same matter: an action's run."""
Refs = Callable[[str], Collection[str]]
"""Pseudonyms and ids of whoever goes by this name."""
CaseOf = Callable[[str], str]
"""The case that a short name (ACT-1017) stands for, or an empty string."""
ShortNames = Callable[[Collection[str]], dict[str, str]]
"""Cases to the short names that people know them by; a case with several has them apart by commas."""

_loose: dict[str, tuple[Loose, Related]] = {}
_refs: dict[str, Refs] = {}
_projections: dict[str, Projection] = {}
_texts: dict[str, Texts] = {}
_erasers: dict[str, Eraser] = {}
_guards: dict[str, Guard] = {}
_veils: dict[str, Veil] = {}
_names: dict[str, Names] = {}
_cases: dict[str, tuple[CaseOf, ShortNames]] = {}
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


def register_veil(name: str, veil: Veil) -> None:
    _veils[name] = veil


def veiled(case: str, pseudonym: str) -> str:
    """The first reason for which this person waits with reading the case; none is an empty string."""
    return veils_of([case], pseudonym).get(case, "")


def veils_of(cases: Collection[str], pseudonym: str | None) -> dict[str, str]:
    """Those of the cases that this person, or without one anybody, waits with reading; and why."""
    return {case: why for veil in _veils.values() for case, why in veil(cases, pseudonym).items()}


def register_loose(name: str, loose: Loose, related: Related) -> None:
    _loose[name] = (loose, related)


def loose_of(case: str) -> Iterator[tuple[UUID, str, int]]:
    for loose, _ in _loose.values():
        yield from loose(case)


def related_to(case: str) -> Iterator[str]:
    for _, related in _loose.values():
        yield from related(case)


def register_refs(name: str, refs: Refs) -> None:
    _refs[name] = refs


def refs_of(words: str) -> set[str]:
    """Who goes by this name, by every app's knowledge; the words themselves may be such a reference."""
    return {words}.union(*(refs(words) for refs in _refs.values()))


def register_names(name: str, names: Names) -> None:
    _names[name] = names


def names_of(refs: Collection[str]) -> dict[str, str]:
    """What the registered apps call these actors; refs that nobody knows are left out."""
    found: dict[str, str] = {}
    for names in _names.values():
        found |= names(refs)
    return found


def register_cases(name: str, case_of: CaseOf, short_names: ShortNames) -> None:
    _cases[name] = (case_of, short_names)


def case_named(words: str) -> str:
    """The case that somebody means: by a short name that an app knows, else by the words as they are."""
    return next((case for case_of, _ in _cases.values() if (case := case_of(words))), words)


def short_names_of(cases: Collection[str]) -> dict[str, str]:
    """What people call these cases; those without a short name are left out."""
    found: dict[str, str] = {}
    for _, short_names in _cases.values():
        found |= short_names(cases)
    return found


def register_report(report: Report) -> None:
    """A page, a CSV and a JSONL under /audit/reports/; its id (R1, R2 ...) is its place."""
    _reports[report.id] = report


def reports() -> list[Report]:
    return sorted(_reports.values(), key=lambda report: report.number)
