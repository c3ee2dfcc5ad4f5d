"""What could be erased: found by case, subject, person or words; with what keeps each text where something does."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from audit import registry, seal
from audit.timeline import short
from audit.words import query_of

MOST_CASES = 200
EVENTS = "SELECT id, name, at, leaf FROM audit.event_web WHERE case_id = ANY (%s) ORDER BY case_id, case_seq"


@dataclass(frozen=True)
class Slot:
    """One text of one event. `kept` says why it stays, `until` when that ends; both empty: it can go."""

    event: UUID
    field: str
    name: str
    at: datetime
    size: int
    kept: str = ""


@dataclass(frozen=True)
class CaseTexts:
    """The texts of one case, and why none of them can go where that is so."""

    case: str
    slots: list[Slot] = field(default_factory=list)
    kept: str = ""

    @property
    def short(self) -> str:
        return short(self.case)

    @property
    def erasable(self) -> list[Slot]:
        return [] if self.kept else [slot for slot in self.slots if not slot.kept]


@dataclass(frozen=True)
class Wanted:
    """Whose texts: exactly one of these is given."""

    case: str = ""
    subject: bytes | None = None
    person: str = ""
    words: tuple[str, ...] = ()


class Cases(NamedTuple):
    """What to look at now, with the runs of actions; `more` says that others match and come the next time."""

    names: list[str]
    more: bool


def cases_of(wanted: Wanted, most: int = MOST_CASES) -> Cases:
    """The cases that are meant, at most `most` of them."""
    found = _matching(wanted, most + 1)
    related = [] if wanted.person else [more for case in found[:most] for more in registry.related_to(case)]
    return Cases(list(dict.fromkeys([*found[:most], *related])), len(found) > most)


def _matching(wanted: Wanted, most: int) -> list[str]:
    if wanted.case:
        return [wanted.case]
    if wanted.subject is not None:
        return _column(
            "SELECT case_id FROM audit.subject WHERE lookup = %s ORDER BY case_id LIMIT %s", wanted.subject, most
        )  # fmt: skip
    if wanted.person:
        return _column(
            "SELECT DISTINCT case_id FROM audit.event_web WHERE actor_ref = ANY (%s) ORDER BY case_id LIMIT %s",
            list(registry.refs_of(wanted.person)), most,
        )  # fmt: skip
    return _column(
        "SELECT DISTINCT e.case_id FROM audit.search s JOIN audit.event_web e USING (n)"
        " WHERE s.words @@ %s::tsquery ORDER BY e.case_id LIMIT %s", query_of(wanted.words), most,
    )  # fmt: skip


def texts_of(cases: Sequence[str], *, person: str = "") -> list[CaseTexts]:
    """What each case still holds. With a `person`: only the slots that name them."""
    names = registry.refs_of(person) if person else None
    there = _present(cases)
    slots: dict[str, list[Slot]] = {case: [] for case in cases}
    for event, name, at, leaf in _rows(EVENTS, list(cases)):
        said = json.loads(bytes(leaf))
        if names is None or said["actor"]["ref"] in names:
            slots[said["case"]["id"]].extend(_slots(event, name, at, said, there, only_identity=names is not None))
    if names is None:
        for case in cases:
            slots[case].extend(_loose(case))
    return [CaseTexts(case, found, _kept(case)) for case, found in slots.items() if found]


def _slots(
    event: UUID,
    name: str,
    at: datetime,
    said: dict[str, Any],
    there: dict[tuple[UUID, str], int],
    *,
    only_identity: bool,
) -> Iterator[Slot]:
    for word in said["commit"]:
        size = there.get((event, word))
        if size is not None and (word == "identity" or not only_identity):
            yield Slot(event, word, name, at, size, _duty(name, at) if word == "identity" else "")


def _loose(case: str) -> Iterator[Slot]:
    for event, word, size in registry.loose_of(case):
        name, at = _rows("SELECT name, at FROM audit.event_web WHERE id = %s", event)[0]
        yield Slot(event, word, name, at, size)


def _present(cases: Sequence[str]) -> dict[tuple[UUID, str], int]:
    """Every committed text of these cases that is still there, with its size."""
    own = _rows(
        "SELECT c.event_id, c.field, octet_length(c.body) FROM audit.content c"
        " JOIN audit.event_web e ON e.id = c.event_id WHERE e.case_id = ANY (%s)", list(cases),
    )  # fmt: skip
    found = {(event, word): size for event, word, size in own}
    for source in registry.texts().values():
        for text in source(cases):
            found[text.event, text.field] = len(text.body or b"")
    return found


def _kept(case: str) -> str:
    """What keeps the whole case: a hold, or an app that objects."""
    hold = _rows("SELECT audit.held(%s)", case)[0][0]
    if hold is not None:
        return f"under legal hold {hold}"
    return next((reason for guard in registry.guards().values() if (reason := guard(case))), "")


def _duty(name: str, at: datetime) -> str:
    until, over = _rows(
        "SELECT u, u <= clock_timestamp() FROM audit.identity_kept_until(%s, %s) u", name, at
    )[0]  # fmt: skip
    return "" if over or until is None else f"who decided is kept until {until:%Y-%m-%d}"


def _column(sql: str, *values: Any) -> list[Any]:
    return [row[0] for row in _rows(sql, *values)]


def _rows(sql: str, *values: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return list(cursor.fetchall())


# The register of erasures, and the holds that stand or stood ---------------------------------------------------------


@dataclass(frozen=True)
class Erasure:
    """One erasure as its event tells it."""

    n: int
    id: UUID
    at: datetime
    authoriser: str
    basis: str
    entries: list[dict[str, str]]


def erasures(*, before: int | None = None, limit: int = 50) -> list[Erasure]:
    """Newest first, by keyset."""
    rows = _rows(
        "SELECT n, id, at, leaf FROM audit.event_web WHERE name = 'privacy.erased' AND n < %s ORDER BY n DESC LIMIT %s",
        before or 2**62, limit,
    )  # fmt: skip
    datas = [(n, event, at, json.loads(bytes(leaf))["data"]) for n, event, at, leaf in rows]
    return [Erasure(n, event, at, d["authoriser"], d["basis"], d["entries"]) for n, event, at, d in datas]


@dataclass(frozen=True)
class Hold:
    """A legal hold. `target` of a subject is a keyed hash."""

    id: UUID
    scope: str
    target: str
    placed_at: datetime
    lifted_at: datetime | None
    placed_by: str
    reason: str


def holds(*, standing: bool = False, limit: int = 200) -> list[Hold]:
    """Holds with who placed them and why, newest first."""
    rows = _rows(
        "SELECT h.id, h.scope, h.target, h.placed_at, h.lifted_at, e.actor_ref, c.scheme, c.salt, c.body"
        " FROM audit.hold h JOIN audit.event_web e ON e.id = h.placed_event"
        " LEFT JOIN audit.content c ON c.event_id = e.id AND c.field = 'reason'"
        " WHERE h.lifted_at IS NULL OR NOT %s ORDER BY h.placed_at DESC LIMIT %s", standing, limit,
    )  # fmt: skip
    return [_hold(*row) for row in rows]


def _hold(*row: Any) -> Hold:
    found, scope, target, placed, lifted, by, scheme, salt, body = row
    return Hold(found, scope, target, placed, lifted, by, _words(scheme, salt, body))


def _words(scheme: int | None, salt: bytes | None, body: bytes | None) -> str:
    if scheme is None or salt is None or body is None:
        return ""
    return seal.value(seal.Lying(bytes(salt), scheme, bytes(body))) or ""
