"""The search language of the queue, as text and back. Pure; `filters` gives it a meaning in SQL.

query  = { term } ;              term   = [ "-" ] ( key ":" values | phrase ) ;
values = value { "," value } ;   phrase = word | '"' text '"' ;
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from difflib import get_close_matches

MOST_TERMS = 40
MOST_LENGTH = 1_000
KEYS = {
    "is": "pending, clarifying, deferred, escalated, claimed, decided, in_doubt or any state",
    "risk": "low, medium, high, critical",
    "type": "an action type, such as refund.issue",
    "agent": "an agent's name",
    "queue": "a queue's name",
    "conf": "confidence: 0.60..0.85, >=0.9, none",
    "amount": "in whole units: >=500, 100..250",
    "age": "time in the queue: >2h, <30m",
    "due": "time left: <1h",
    "assignee": "@me, none or a user name",
    "claimed": "@me, none or a user name",
    "by": "who decided: @me or a user name",
    "decided": "how long ago: <7d",
    "id": "ACT-1004",
}
_WORD = re.compile(r'(-?)(?:([A-Za-z_][A-Za-z_.]*):((?:"[^"]*"|[^\s"])*)|((?:"[^"]*"|[^\s"])+))')


class BadQuery(ValueError):
    """A query that cannot be understood; nothing of it is applied. `suggestion` is a whole query."""

    def __init__(self, message: str, suggestion: str = "") -> None:
        super().__init__(message)
        self.message, self.suggestion = message, suggestion


@dataclass(frozen=True, slots=True)
class Term:
    """One condition. A key of "" is text that the action must contain."""

    key: str
    values: tuple[str, ...]
    negated: bool = False

    def __str__(self) -> str:
        joined = ",".join(_quoted(value, free=not self.key) for value in self.values)
        return f"{'-' if self.negated else ''}{self.key + ':' if self.key else ''}{joined}"


@dataclass(frozen=True, slots=True)
class Query:
    terms: tuple[Term, ...] = ()

    def __str__(self) -> str:
        return " ".join(str(term) for term in self.terms)

    def __bool__(self) -> bool:
        return bool(self.terms)

    def values(self, key: str) -> tuple[str, ...]:
        """What a key is asked for positively, over all its terms."""
        return tuple(v for term in self.terms if term.key == key and not term.negated for v in term.values)

    def without(self, *keys: str) -> Query:
        return Query(tuple(term for term in self.terms if term.key not in keys))

    def minus(self, term: Term) -> Query:
        return Query(tuple(each for each in self.terms if each != term))

    def replaced(self, key: str, values: Iterable[str]) -> Query:
        """The same query asking this of `key` instead of what it asked; no values: nothing."""
        kept, wanted = self.without(key), tuple(values)
        return Query((*kept.terms, Term(key, wanted))) if wanted else kept


def parse(text: str) -> Query:
    """The query in `text`. Raises BadQuery with a sentence and, where one is near, a better query."""
    if len(text) > MOST_LENGTH:
        raise BadQuery(f"A search is at most {MOST_LENGTH:,} characters long.")
    if text.count('"') % 2:
        raise BadQuery('A quotation mark is not closed. Write text with spaces as "two words".', text + '"')
    terms = tuple(_term(match, text) for match in _WORD.finditer(text))
    if len(terms) > MOST_TERMS:
        raise BadQuery(f"A search has at most {MOST_TERMS} terms.")
    return Query(terms)


def _term(match: re.Match[str], text: str) -> Term:
    minus, key, rest = match.group(1), (match.group(2) or "").lower(), match.group(3)
    if not key:
        return Term("", (match.group(4).replace('"', ""),), bool(minus))
    if key not in KEYS:
        raise _unknown_key(key, match, text)
    values = tuple(value for value in _split(rest) if value)
    if not values:
        raise BadQuery(f"`{key}:` needs a value: {KEYS[key]}.")
    return Term(key, values, bool(minus))


def _unknown_key(key: str, match: re.Match[str], text: str) -> BadQuery:
    near = get_close_matches(key, KEYS, n=1, cutoff=0.5)
    if not near:
        return BadQuery(f"Unknown filter `{key}`. Known: {', '.join(KEYS)}.")
    start, end = match.span(2)
    better = text[:start] + near[0] + text[end:]
    return BadQuery(f"Unknown filter `{key}`. Did you mean `{near[0]}`?", better)


def _split(rest: str) -> list[str]:
    """Values at the commas outside quotation marks."""
    parts = re.findall(r'(?:"[^"]*"|[^,"])+', rest)
    return [part.replace('"', "") for part in parts]


def _quoted(value: str, *, free: bool) -> str:
    special = r"[\s:]|^-" if free else r"[\s,]"
    return f'"{value}"' if re.search(special, value) else value


def suggest(value: str, known: Iterable[str]) -> str:
    """The known word nearest to `value`, or nothing."""
    near = get_close_matches(value, list(known), n=1, cutoff=0.5)
    return near[0] if near else ""


def with_value(query: Query, term: Term, old: str, new: str) -> str:
    """The query as text with one value replaced: what "did you mean" links to."""
    better = replace(term, values=tuple(new if v == old else v for v in term.values))
    return str(Query(tuple(better if each == term else each for each in query.terms)))
