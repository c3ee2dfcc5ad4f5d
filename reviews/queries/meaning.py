"""What each key of the search language means. Column names come from here, values only ever as parameters."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from reviews.queries import moments
from reviews.queries.contents import ABOUT, content_clause, minor, phrase_clause, there
from reviews.queries.filters import REF, Clause, Filter, Known, Range, Scope, between
from reviews.queries.grammar import BadQuery, Query, Term, base_key, suggest, with_value
from reviews.states import Level, Risk, Status

STATE = "(SELECT x.state FROM reviews_action x WHERE x.id = i.action_id)"
_OPEN = "SELECT action_id FROM reviews_item_desk WHERE closed_at IS NULL AND"
# Word: which items, the condition, and where a search for few of them starts.
OPEN_WORDS: dict[str, tuple[Scope, str, str]] = {
    "open": ("any", "i.closed_at IS NULL", ""),
    "clarifying": ("parked", "(i.closed_at IS NULL AND i.question_open)", f"{_OPEN} question_open"),
    "deferred": (
        "parked", "(i.closed_at IS NULL AND i.deferred_until IS NOT NULL)", f"{_OPEN} deferred_until IS NOT NULL",
    ),
    "escalated": (
        "any", "(i.closed_at IS NULL AND i.escalated_to_id IS NOT NULL)", f"{_OPEN} escalated_to_id IS NOT NULL",
    ),
    "claimed": ("any", "(i.closed_at IS NULL AND i.claimed_until > now())", ""),
    "decided": ("closed", f"(i.closed_at IS NOT NULL AND {STATE} <> 'pending')", ""),
}  # fmt: skip
_STATES = tuple(state.value for state in Status if state not in (Status.PENDING, Status.PROPOSED))
IS_WORDS = ("pending", *OPEN_WORDS, *_STATES)
_IN_DOUBT = "SELECT id AS action_id FROM reviews_action WHERE state = 'in_doubt'"
REVERSIBLE = {
    "yes": ("reversible", "compensable"), "no": ("irreversible",),
    "reversible": ("reversible",), "compensable": ("compensable",), "irreversible": ("irreversible",),
}  # fmt: skip
_LEVEL = """coalesce((SELECT CASE WHEN l.expires > now() THEN l.level ELSE 'L0' END FROM reviews_level l
    WHERE l.principal_id = i.principal_id AND l.action_type_id = i.action_type_id AND l.version =
        (SELECT x.agent_version FROM reviews_action x WHERE x.id = i.action_id)
    ORDER BY l.at DESC, l.id DESC LIMIT 1), 'L0')"""
# `$` is where the name of the parameter goes.
_BY = "reviews_decision d WHERE d.reviewer_id = ANY($) AND d.verdict IN ('approve', 'reject')"


class Reading:
    """One query being understood: the filter that comes of it, and what is said of a value that means nothing."""

    def __init__(self, query: Query, known: Known, prefix: str) -> None:
        self.query, self.known, self.prefix = query, known, prefix
        risks = tuple(risk.value for risk in Risk)
        self.found = Filter(queues=known.queues, risks=risks, every_type=known.types, me=known.me)
        self.scopes: list[Scope] = []

    def add(
        self, sql: str, values: dict[str, Any] | None = None, *, driver: str = "", term: Term | None = None
    ) -> None:
        """One more clause; a negated term turns it round, and then nothing can start from it."""
        negated = term is not None and term.negated
        sql = f"NOT coalesce({sql}, false)" if negated else sql
        self.found.clauses.append(Clause(sql, values or {}, "" if negated else driver))

    def bad(self, term: Term, value: str, words: Iterable[str] = ()) -> BadQuery:
        near = suggest(value, words)
        better = with_value(self.query, term, value, near) if near else ""
        hint = f" Did you mean `{near}`?" if near else ""
        return BadQuery(f"`{value}` is no {_NAMES.get(base_key(term.key), term.key)}.{hint}", better)

    def words(self, term: Term, words: tuple[str, ...]) -> tuple[str, ...]:
        """Those of `words` that the term keeps: for a negated one, all the others."""
        for value in term.values:
            if value.lower() not in words:
                raise self.bad(term, value, words)
        named = {value.lower() for value in term.values}
        return tuple(word for word in words if (word in named) is not term.negated)


_NAMES = {
    "is": "state", "type": "action type here", "conf": "confidence", "id": "reference", "assignee": "person",
    "claimed": "person", "by": "person", "agent": "agent here", "queue": "queue within your reach",
    "escalated": "team", "level": "level of autonomy", "reversible": "kind of reversibility",
    "reason": "reason known here",
}  # fmt: skip
Meaning = Callable[[Reading, Term, str], None]


def resolve(query: Query, known: Known, *, prefix: str = "p") -> Filter:
    """The meaning of `query` for this reader. Raises BadQuery at the first value that means nothing."""
    reading = Reading(query, known, prefix)
    for number, term in enumerate(query.terms):
        meaning(base_key(term.key))(reading, term, f"{prefix}{number}")
    reading.found.scope = _scope(reading.scopes)
    return reading.found


def meaning(key: str) -> Meaning:
    return _content if key in ABOUT else _APPLY[key]


def _scope(named: list[Scope]) -> Scope:
    different = set(named)
    return "waiting" if not different else different.pop() if len(different) == 1 else "any"


def _risk(reading: Reading, term: Term, name: str) -> None:
    kept = reading.words(term, tuple(risk.value for risk in Risk))
    reading.found.risks = tuple(risk for risk in reading.found.risks if risk in kept)


def _queue(reading: Reading, term: Term, name: str) -> None:
    kept = reading.words(term, reading.known.queues)
    reading.found.queues = tuple(queue for queue in reading.found.queues if queue in kept)


def _type(reading: Reading, term: Term, name: str) -> None:
    # `-type:x` becomes the other types: an index can seek what is there, not what is not.
    kept = reading.words(term, reading.known.types)
    before = reading.found.types
    reading.found.types = kept if before is None else tuple(each for each in before if each in kept)


def _agent(reading: Reading, term: Term, name: str) -> None:
    kept = reading.words(term, tuple(reading.known.agents))
    ids = [reading.known.agents[agent] for agent in kept]
    driver = f"SELECT action_id FROM reviews_item_desk WHERE principal_id = ANY(%({name})s)"
    reading.add(f"i.principal_id = ANY(%({name})s)", {name: ids}, driver=driver)


def _version(reading: Reading, term: Term, name: str) -> None:
    column = "(SELECT x.agent_version FROM reviews_action x WHERE x.id = i.action_id)"
    reading.add(f"{column} = ANY(%({name})s)", {name: list(term.values)}, term=term)


def _is(reading: Reading, term: Term, name: str) -> None:
    named = replace_all(term)
    reading.words(named, IS_WORDS)
    words = [value.lower() for value in term.values]
    states = [word for word in words if word in _STATES]
    parts = ["i.waiting"] if "pending" in words else []
    parts += [OPEN_WORDS[word][1] for word in words if word in OPEN_WORDS]
    parts += [f"(i.closed_at IS NOT NULL AND {STATE} = ANY(%({name})s))"] if states else []
    sql = f"({' OR '.join(parts)})"
    if not term.negated or "pending" in words:
        reading.scopes.append(_scope([_scope_of(word) for word in words]) if not term.negated else "any")
    if sql != "(i.waiting)" or term.negated:
        reading.add(sql, {name: states} if states else {}, driver=_is_driver(words), term=term)


def replace_all(term: Term) -> Term:
    """The term without its minus: the words are checked, not chosen from."""
    return Term(term.key, term.values)


def _scope_of(word: str) -> Scope:
    return "waiting" if word == "pending" else OPEN_WORDS[word][0] if word in OPEN_WORDS else "closed"


def _is_driver(words: list[str]) -> str:
    """Where a search for these few starts, if each of them has such a place."""
    places = [_IN_DOUBT if word == "in_doubt" else OPEN_WORDS.get(word, ("any", "", ""))[2] for word in words]
    return " UNION ALL ".join(places) if all(places) else ""


def _text(reading: Reading, term: Term, name: str) -> None:
    reference = REF.fullmatch(term.values[0])
    if reference and term.values[0].upper().startswith("ACT-"):
        _id(reading, term, name)
        return
    clause = phrase_clause(term.values[0], name)
    reading.add(clause.sql, dict(clause.values), driver=clause.driver, term=term)


def _id(reading: Reading, term: Term, name: str) -> None:
    matches = [(value, REF.fullmatch(value)) for value in term.values]
    for value, match in matches:
        if match is None:
            raise reading.bad(term, value)
    refs = [int(match.group(1)) for _, match in matches if match]
    driver = f"SELECT action_id FROM reviews_item_desk WHERE ref = ANY(%({name})s)"
    if not term.negated:
        reading.scopes.append("any")
    reading.add(f"i.ref = ANY(%({name})s)", {name: refs}, driver=driver, term=term)


def _confidence(reading: Reading, term: Term, name: str) -> None:
    found = reading.found
    ranges, unknown = _ranges(reading, term)
    if not term.negated and found.any_confidence:
        found.ranges, found.unknown = ranges, unknown
        return
    parts = [between(r, name, n) for n, r in enumerate(ranges)]
    sql = " OR ".join([part for part, _ in parts] + (["i.confidence IS NULL"] if unknown else []))
    reading.add(f"({sql})", {key: value for _, given in parts for key, value in given.items()}, term=term)


def _ranges(reading: Reading, term: Term) -> tuple[tuple[Range, ...], bool]:
    wanted = [value for value in term.values if value.lower() not in ("none", "unknown")]
    return tuple(_range(reading, term, value) for value in wanted), len(wanted) < len(term.values)


def _range(reading: Reading, term: Term, value: str) -> Range:
    """`lo..hi` is half open, so that a bar's count is its list; closed only at 1."""
    if ".." in value:
        low, _, high = value.partition("..")
        wanted = Range(_unit(reading, term, low), _unit(reading, term, high))
        if wanted.low > wanted.high:
            raise BadQuery(
                f"`{value}` ends before it begins.", with_value(reading.query, term, value, f"{high}..{low}")
            )
        return Range(wanted.low, wanted.high, False, wanted.high < 1)
    sign, number = moments.split_sign(value)
    at = _unit(reading, term, number)
    made = {">": Range(at, 1.0, True), ">=": Range(at, 1.0), "<": Range(0.0, at, False, True)}
    return made.get(sign) or Range(0.0 if sign else at, at)


def _unit(reading: Reading, term: Term, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        raise reading.bad(term, text or "nothing") from None
    if not math.isfinite(number) or not 0 <= number <= 1:
        raise BadQuery(f"A confidence lies between 0 and 1, not at {text}.")
    return number


def _amount(reading: Reading, term: Term, name: str) -> None:
    parts: list[str] = []
    values: dict[str, Any] = {}
    for number, value in enumerate(term.values):
        sql, given = _amounts(value, f"{name}v{number}")
        parts.append(sql)
        values |= given
    reading.add(f"({' OR '.join(parts)})", values, term=term)


def _amounts(value: str, name: str) -> tuple[str, dict[str, Any]]:
    if value.lower() == "none":
        return "i.amount IS NULL", {}
    if ".." in value:
        low, _, high = value.partition("..")
        return f"(i.amount >= %({name}a)s AND i.amount < %({name}b)s)", {
            f"{name}a": minor(low),
            f"{name}b": minor(high),
        }
    sign, number = moments.split_sign(value)
    return f"i.amount {sign or '='} %({name})s", {name: minor(number)}


def _currency(reading: Reading, term: Term, name: str) -> None:
    for value in term.values:
        if not re.fullmatch(r"[A-Za-z]{3}", value):
            raise BadQuery(f"`{value}` is no currency. Write its three letters, such as EUR.")
    reading.add(f"i.currency = ANY(%({name})s)", {name: [value.upper() for value in term.values]}, term=term)


def _moment(column: str, *, ahead: bool = False, indexed: bool = False, scope: Scope | None = None) -> Meaning:
    def apply(reading: Reading, term: Term, name: str) -> None:
        sql, values = moments.clause(f"i.{column}", term.values, name, ahead=ahead, zone=reading.known.zone)
        near = "SELECT i.action_id FROM reviews_item_desk i WHERE i.waiting AND i.queue_id = ANY(%(queues)s)"
        driver = f"{near} AND i.risk_rank = ANY(%(risks)s) AND {sql}" if indexed else ""
        if scope and not term.negated:
            reading.scopes.append(scope)
        reading.add(sql, values, driver=driver, term=term)

    return apply


def _created(reading: Reading, term: Term, name: str) -> None:
    column = "(SELECT x.created_at FROM reviews_action x WHERE x.id = i.action_id)"
    sql, values = moments.clause(column, term.values, name, ahead=False, zone=reading.known.zone)
    reading.add(sql, values, term=term)


def _person(column: str, *, driver: str = "", team: bool = False) -> Meaning:
    def apply(reading: Reading, term: Term, name: str) -> None:
        named = [value for value in term.values if value.lower() != "none"]
        ids = [one for value in named for one in (_team if team else _who)(reading, term, value)]
        sql = f"coalesce({column} = ANY(%({name})s), false)"
        none = len(named) < len(term.values)
        sql = f"({sql} OR {column} IS NULL)" if none else sql
        reading.add(sql, {name: ids}, driver="" if none else driver.replace("$", f"%({name})s"), term=term)

    return apply


def _who(reading: Reading, term: Term, value: str) -> list[int]:
    name = value.removeprefix("@")
    if name.lower() == "me":
        return [reading.known.me]
    if name not in reading.known.people:
        raise reading.bad(term, value, reading.known.people)
    return [reading.known.people[name]]


def _team(reading: Reading, term: Term, value: str) -> list[int]:
    if value.lower() == "@me":
        return list(reading.known.my_teams)
    if value not in reading.known.teams:
        raise reading.bad(term, value, reading.known.teams)
    return [reading.known.teams[value]]


def _by(reading: Reading, term: Term, name: str) -> None:
    ids = [one for value in term.values for one in _who(reading, term, value)]
    voted = _BY.replace("$", f"%({name})s")
    driver = f"SELECT d.action_id FROM {voted}"
    reading.scopes.append("closed")
    # A vote on an item that is still open would tell what another reviewer thinks of it.
    reading.add("i.closed_at IS NOT NULL")
    reading.add(there(f"{voted} AND d.action_id = i.action_id"), {name: ids}, driver=driver, term=term)


def _level(reading: Reading, term: Term, name: str) -> None:
    levels = {level.value.lower(): level.value for level in Level}
    kept = [levels[word] for word in reading.words(term, tuple(levels))]
    reading.add(f"{_LEVEL} = ANY(%({name})s)", {name: kept})


def _reversible(reading: Reading, term: Term, name: str) -> None:
    reading.words(replace_all(term), tuple(REVERSIBLE))
    kept = [kind for value in term.values for kind in REVERSIBLE[value.lower()]]
    column = "(SELECT x.reversibility FROM reviews_action x WHERE x.id = i.action_id)"
    reading.add(f"{column} = ANY(%({name})s)", {name: kept}, term=term)


def _content(reading: Reading, term: Term, name: str) -> None:
    clause = content_clause(term, name, reasons=reading.known.reasons)
    if clause is None:
        raise reading.bad(term, term.values[0], reading.known.reasons)
    reading.add(clause.sql, dict(clause.values), driver=clause.driver, term=term)


def _sort(reading: Reading, term: Term, name: str) -> None:
    """An order changes no match; the page reads it from the query."""


_ASSIGNED = f"{_OPEN} assignee_id = ANY($)"
_HANDED_ON = f"{_OPEN} escalated_to_id = ANY($)"
_APPLY: dict[str, Meaning] = {
    "": _text, "is": _is, "risk": _risk, "type": _type, "agent": _agent, "version": _version, "queue": _queue,
    "conf": _confidence, "amount": _amount, "currency": _currency,
    "age": _moment("entered", indexed=True), "due": _moment("due", ahead=True, indexed=True),
    "decided": _moment("closed_at", scope="closed"), "created": _created,
    "assignee": _person("i.assignee_id", driver=_ASSIGNED),
    "claimed": _person("(CASE WHEN i.claimed_until > now() THEN i.claimed_by_id END)"),
    "escalated": _person("i.escalated_to_id", driver=_HANDED_ON, team=True),
    "by": _by, "id": _id, "level": _level, "reversible": _reversible, "sort": _sort,
}  # fmt: skip
