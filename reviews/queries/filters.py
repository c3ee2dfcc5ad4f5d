"""What a query means: the cells it touches, and conditions on top of them as SQL with parameters.

Risk, queue and confidence choose cells of the cube; that is what keeps the
list flat. Everything else is a condition that rows are held against. Column
names come from this file alone, values only ever as parameters.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from reviews.queries.grammar import BadQuery, Query, Term, suggest, with_value
from reviews.states import Risk, Status

BUCKETS = 20
UNKNOWN = -1
REF = re.compile(r"(?:ACT-)?([0-9]{1,15})", re.IGNORECASE)
OPEN_WORDS = {
    "open": "i.closed_at IS NULL",
    "clarifying": "(i.closed_at IS NULL AND i.question_open)",
    "deferred": "(i.closed_at IS NULL AND i.deferred_until IS NOT NULL)",
    "escalated": "(i.closed_at IS NULL AND i.escalated_to_id IS NOT NULL)",
    "claimed": "(i.closed_at IS NULL AND i.claimed_until > now())",
    "decided": "(i.closed_at IS NOT NULL AND a.state <> 'pending')",
}
_STATES = tuple(state.value for state in Status if state not in (Status.PENDING, Status.PROPOSED))
IS_WORDS = ("pending", *OPEN_WORDS, *_STATES)


# `$` is where the name of the parameter goes.
_SAYS = """EXISTS (SELECT 1 FROM reviews_searchtext s WHERE s.action_id = i.action_id
    AND s.revision = (SELECT x.revision FROM reviews_action x WHERE x.id = i.action_id)
    AND (s.title ILIKE $ OR s.text ILIKE $))"""
_DECIDED_BY = """EXISTS (SELECT 1 FROM reviews_decision d WHERE d.action_id = i.action_id
    AND d.reviewer_id = ANY($) AND d.verdict IN ('approve', 'reject'))"""


@dataclass(frozen=True, slots=True)
class Known:
    """What a query may name, for this reader: resolved once for each request."""

    queues: tuple[str, ...]  # within reach, and nothing else exists
    types: tuple[str, ...]
    agents: Mapping[str, UUID]
    people: Mapping[str, int]
    me: int


@dataclass(frozen=True, slots=True)
class Range:
    """Confidence from `low` to `high`; each end may be open."""

    low: float = 0.0
    high: float = 1.0
    low_open: bool = False
    high_open: bool = False

    def buckets(self) -> frozenset[int] | None:
        """The buckets this range is made of, or None where an end lies inside one."""
        first, last = _edge(self.low), BUCKETS if self.high == 1 and not self.high_open else _edge(self.high)
        on_edges = first is not None and last is not None and not self.low_open
        half_open = self.high_open or self.high == 1
        return frozenset(range(first, last)) if on_edges and half_open else None  # type: ignore[arg-type]


@dataclass(slots=True)
class Filter:
    """A query resolved. `waiting` is the desk's default list, which the indexes serve."""

    queues: tuple[str, ...]
    risks: tuple[str, ...]
    ranges: tuple[Range, ...] = ()
    unknown: bool = False  # `conf:none` is asked for
    waiting: bool = True
    clauses: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    @property
    def any_confidence(self) -> bool:
        return not self.ranges and not self.unknown

    @property
    def flat(self) -> bool:
        """Whether cells alone answer it: exact counts, and a list that costs the same at any size."""
        return self.waiting and not self.clauses and (self.any_confidence or self.buckets() is not None)

    def buckets(self) -> frozenset[int] | None:
        """The buckets asked for where every range ends on an edge; None where one does not, or none is asked."""
        sets = [each.buckets() for each in self.ranges]
        if self.any_confidence or any(found is None for found in sets):
            return None
        own = frozenset({UNKNOWN}) if self.unknown else frozenset[int]()
        return own.union(*(found for found in sets if found is not None))


def resolve(query: Query, known: Known) -> Filter:
    """The meaning of `query` for this reader. Raises BadQuery at the first value that means nothing."""
    found = Filter(queues=known.queues, risks=tuple(risk.value for risk in Risk))
    for number, term in enumerate(query.terms):
        _APPLY[term.key](found, term, _Context(query, known, f"p{number}"))
    return found


@dataclass(frozen=True, slots=True)
class _Context:
    query: Query
    known: Known
    name: str  # prefix of this term's parameters

    def bad(self, term: Term, value: str, words: object) -> BadQuery:
        near = suggest(value, list(words))  # type: ignore[call-overload]
        better = with_value(self.query, term, value, near) if near else ""
        hint = f" Did you mean `{near}`?" if near else ""
        return BadQuery(f"`{value}` is no {_NAMES.get(term.key, term.key)}.{hint}", better)


_NAMES = {"is": "state", "type": "action type here", "conf": "confidence", "age": "duration", "due": "duration",
          "decided": "duration", "id": "reference", "assignee": "person", "claimed": "person", "by": "person",
          "agent": "agent here", "queue": "queue within your reach"}  # fmt: skip


def _words(term: Term, context: _Context, words: tuple[str, ...]) -> tuple[str, ...]:
    """The values of `words` that the term keeps."""
    for value in term.values:
        if value.lower() not in words:
            raise context.bad(term, value, words)
    named = {value.lower() for value in term.values}
    return tuple(word for word in words if (word in named) is not term.negated)


def _risk(found: Filter, term: Term, context: _Context) -> None:
    kept = _words(term, context, tuple(risk.value for risk in Risk))
    found.risks = tuple(risk for risk in found.risks if risk in kept)


def _queue(found: Filter, term: Term, context: _Context) -> None:
    kept = _words(term, context, context.known.queues)
    found.queues = tuple(queue for queue in found.queues if queue in kept)


def _type(found: Filter, term: Term, context: _Context) -> None:
    # `-type:x` becomes the other types: an index can seek what is there, not what is not.
    kept = _words(term, context, context.known.types)
    found.clauses.append((f"i.action_type_id = ANY(%({context.name})s)", {context.name: list(kept)}))


def _agent(found: Filter, term: Term, context: _Context) -> None:
    kept = _words(term, context, tuple(context.known.agents))
    ids = [context.known.agents[name] for name in kept]
    found.clauses.append((f"i.principal_id = ANY(%({context.name})s)", {context.name: ids}))


def _is(found: Filter, term: Term, context: _Context) -> None:
    kept = _words(term, context, IS_WORDS)
    if kept == ("pending",):
        return
    found.waiting = False
    states = [word for word in kept if word in _STATES]
    parts = [OPEN_WORDS[word] for word in kept if word in OPEN_WORDS]
    parts += ["i.waiting"] if "pending" in kept else []
    parts += [f"a.state = ANY(%({context.name})s)"] if states else []
    found.clauses.append((f"({' OR '.join(parts) or 'false'})", {context.name: states}))


def _text(found: Filter, term: Term, context: _Context) -> None:
    reference = REF.fullmatch(term.values[0])
    if reference and term.values[0].upper().startswith("ACT-"):
        _id(found, term, context)
        return
    pattern = "%" + re.sub(r"([\\%_])", r"\\\1", term.values[0]) + "%"
    found.clauses.append((_not(_SAYS.replace("$", f"%({context.name})s"), term), {context.name: pattern}))


def _id(found: Filter, term: Term, context: _Context) -> None:
    matches = [(value, REF.fullmatch(value)) for value in term.values]
    for value, match in matches:
        if match is None:
            raise context.bad(term, value, ())
    refs = [int(match.group(1)) for _, match in matches if match]
    found.waiting = False
    found.clauses.append((_not(f"i.ref = ANY(%({context.name})s)", term), {context.name: refs}))


def _confidence(found: Filter, term: Term, context: _Context) -> None:
    ranges, unknown = _ranges(term, context)
    if not term.negated and found.any_confidence:
        found.ranges, found.unknown = ranges, unknown
        return
    parts = [_between(r, context.name, n) for n, r in enumerate(ranges)]
    sql = " OR ".join([part for part, _ in parts] + (["i.confidence IS NULL"] if unknown else []))
    values = {key: value for _, given in parts for key, value in given.items()}
    found.clauses.append((_not(f"coalesce({sql}, false)", term), values))


def _ranges(term: Term, context: _Context) -> tuple[tuple[Range, ...], bool]:
    wanted = [value for value in term.values if value.lower() not in ("none", "unknown")]
    return tuple(_range(value, term, context) for value in wanted), len(wanted) < len(term.values)


def _between(wanted: Range, name: str, number: int) -> tuple[str, dict[str, Any]]:
    low, high = f"{name}l{number}", f"{name}h{number}"
    above, below = ">" if wanted.low_open else ">=", "<" if wanted.high_open else "<="
    sql = f"(i.confidence {above} %({low})s AND i.confidence {below} %({high})s)"
    return sql, {low: wanted.low, high: wanted.high}


def confidence_clause(found: Filter) -> tuple[str, dict[str, Any]]:
    """The confidence of a filter as one condition, for where cells do not carry it."""
    if found.any_confidence:
        return "true", {}
    parts = [_between(r, "conf", n) for n, r in enumerate(found.ranges)]
    sql = [part for part, _ in parts] + (["i.confidence IS NULL"] if found.unknown else [])
    return f"({' OR '.join(sql)})", {key: value for _, given in parts for key, value in given.items()}


def _range(value: str, term: Term, context: _Context) -> Range:
    """`lo..hi` is half open, so that a bar's count is its list; closed only at 1."""
    if ".." in value:
        low, _, high = value.partition("..")
        wanted = Range(_unit(low, term, context), _unit(high, term, context))
        return Range(wanted.low, wanted.high, False, wanted.high < 1)
    sign, number = _sign(value)
    at = _unit(number, term, context)
    made = {">": Range(at, 1.0, True), ">=": Range(at, 1.0), "<": Range(0.0, at, False, True)}
    return made.get(sign) or Range(0.0 if sign else at, at)


def _unit(text: str, term: Term, context: _Context) -> float:
    try:
        number = float(text)
    except ValueError:
        raise context.bad(term, text or "nothing", ()) from None
    if not math.isfinite(number) or not 0 <= number <= 1:
        raise BadQuery(f"A confidence lies between 0 and 1, not at {text}.")
    return number


def _edge(value: float) -> int | None:
    place = round(value * BUCKETS)
    return place if abs(value * BUCKETS - place) < 1e-9 else None


def _sign(value: str) -> tuple[str, str]:
    match = re.match(r"(>=|<=|>|<|)(.*)", value, re.DOTALL)
    assert match is not None  # noqa: S101  the pattern matches every text
    return match.group(1), match.group(2)


def _amount(found: Filter, term: Term, context: _Context) -> None:
    _compare(found, term, context, "i.amount", _minor)


def _minor(text: str) -> int:
    try:
        return int(Decimal(text.replace("_", "")) * 100)
    except (InvalidOperation, ValueError, OverflowError):
        raise BadQuery(f"`{text}` is no amount. Write whole units, such as 500 or 129.50.") from None


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def _seconds(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,6})(s|m|h|d|w)", text)
    if match is None:
        raise BadQuery(f"`{text}` is no duration. Write 30m, 4h or 2d.")
    return int(match.group(1)) * _UNITS[match.group(2)]


def _age(found: Filter, term: Term, context: _Context) -> None:
    _compare(found, term, context, "extract(epoch FROM now() - i.entered)", _seconds)


def _due(found: Filter, term: Term, context: _Context) -> None:
    _compare(found, term, context, "extract(epoch FROM i.due - now())", _seconds)


def _decided(found: Filter, term: Term, context: _Context) -> None:
    found.waiting = False
    _compare(found, term, context, "extract(epoch FROM now() - i.closed_at)", _seconds)


def _compare(found: Filter, term: Term, context: _Context, column: str, read: Callable[[str], int]) -> None:
    parts: list[str] = []
    values: dict[str, Any] = {}
    for number, value in enumerate(term.values):
        sql, given = _one(column, value, f"{context.name}v{number}", read)
        parts.append(sql)
        values |= given
    found.clauses.append((_not(f"coalesce({' OR '.join(parts)}, false)", term), values))


def _one(column: str, value: str, name: str, read: Callable[[str], int]) -> tuple[str, dict[str, Any]]:
    if value.lower() == "none":
        return f"({column}) IS NULL", {}
    if ".." in value:
        low, _, high = value.partition("..")
        return f"({column} >= %({name}a)s AND {column} < %({name}b)s)", {f"{name}a": read(low), f"{name}b": read(high)}
    sign, number = _sign(value)
    return f"{column} {sign or '='} %({name})s", {name: read(number)}


def _person(column: str) -> Callable[[Filter, Term, _Context], None]:
    def apply(found: Filter, term: Term, context: _Context) -> None:
        ids = [_who(value, term, context) for value in term.values if value.lower() != "none"]
        sql = f"coalesce({column} = ANY(%({context.name})s), false)"
        none = f" OR {column} IS NULL" if len(ids) < len(term.values) else ""
        found.clauses.append((_not(f"({sql}{none})", term), {context.name: ids}))

    return apply


def _who(value: str, term: Term, context: _Context) -> int:
    name = value.removeprefix("@")
    if name.lower() == "me":
        return context.known.me
    if name not in context.known.people:
        raise context.bad(term, value, context.known.people)
    return context.known.people[name]


def _by(found: Filter, term: Term, context: _Context) -> None:
    found.waiting = False
    ids = [_who(value, term, context) for value in term.values]
    clause = _DECIDED_BY.replace("$", f"%({context.name})s")
    # A vote on an item that is still open would tell what another reviewer thinks of it.
    found.clauses.append((f"i.closed_at IS NOT NULL AND {_not(clause, term)}", {context.name: ids}))


def _not(clause: str, term: Term) -> str:
    return f"NOT {clause}" if term.negated else clause


_APPLY: dict[str, Callable[[Filter, Term, _Context], None]] = {
    "": _text, "is": _is, "risk": _risk, "type": _type, "agent": _agent, "queue": _queue, "conf": _confidence,
    "amount": _amount, "age": _age, "due": _due, "assignee": _person("i.assignee_id"),
    "claimed": _person("(CASE WHEN i.claimed_until > now() THEN i.claimed_by_id END)"),
    "by": _by, "decided": _decided, "id": _id,
}  # fmt: skip
