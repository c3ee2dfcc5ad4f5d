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
    "is": "pending, clarifying, escalated, deferred, claimed, open, decided or any state",
    "risk": "low, medium, high, critical",
    "type": "an action type, such as refund.issue",
    "agent": "an agent's name",
    "version": "an agent's version, such as 1.4",
    "conf": "confidence: 0.60..0.85, >=0.9, none",
    "amount": "in whole units: >=500, 100..250, none",
    "currency": "EUR, USD",
    "age": "time in the queue: >2h, <30m",
    "due": "time left or a date: <1h, <2026-12-01",
    "assignee": "@me, none or a user name",
    "claimed": "@me, none or a user name",
    "escalated": "@me, none or a team",
    "tag": "a word somebody hung on it, or none",
    "level": "the agent's autonomy for this type: L0 to L4",
    "reversible": "yes, no or compensable",
    "flag": "two_person, question, conflict, hidden, late, edited, again",
    "reason": "why it is here, or the reason of a decision",
    "customer": "a customer's number or name",
    "payload": "a field of the payload: payload.order.id:40-1187",
    "created": "when it was proposed: <7d, 2026-11-01..2026-11-08",
    "decided": "when it was decided: <7d, >=2026-11-01",
    "by": "who decided: @me or a user name",
    "queue": "a queue's name",
    "id": "ACT-1004",
    "sort": "age, -age, due, conf, -conf, type, -risk, -risk,age",
}
_WORD = re.compile(r'(-?)(?:([A-Za-z_][\w.\-]*):((?:"[^"]*"|[^\s"])*)|((?:"[^"]*"|[^\s"])+))')


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

    @property
    def order(self) -> str:
        """What `sort:` asks for, as the URL would say it; "" where it does not."""
        return ",".join(self.values("sort"))

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


def base_key(key: str) -> str:
    """The key without the path into a payload."""
    return key.partition(".")[0]


def _term(match: re.Match[str], text: str) -> Term:
    minus, key, rest = match.group(1), (match.group(2) or "").casefold(), match.group(3)
    if not key:
        return Term("", (match.group(4).replace('"', ""),), bool(minus))
    _demand_known(key, match, text)
    values = tuple(value for value in _split(rest) if value)
    if not values:
        raise BadQuery(f"`{key}:` needs a value: {KEYS[base_key(key)]}.")
    if key == "sort" and minus:
        raise BadQuery("An order is turned round by a minus before its name, such as sort:-age.")
    return Term(key, values, bool(minus))


def _demand_known(key: str, match: re.Match[str], text: str) -> None:
    name, dot, path = key.partition(".")
    if name not in KEYS or (dot and name != "payload"):
        raise _unknown_key(key, match, text)
    if name == "payload" and not all(path.split(".")):
        raise BadQuery("`payload` needs the path of a field, such as payload.customer_id:8812.")


def _unknown_key(key: str, match: re.Match[str], text: str) -> BadQuery:
    near = get_close_matches(key, KEYS, n=1, cutoff=0.5)
    start, end = match.span(2)
    if not near:
        quoted = text[:start] + f'"{match.group(2)}:{match.group(3)}"' + text[match.end() :]
        known = f"Known are {', '.join(KEYS)}. Text with a colon goes into quotation marks."
        return BadQuery(f"Unknown filter `{key}`. {known}", quoted if '"' not in match.group(3) else "")
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
