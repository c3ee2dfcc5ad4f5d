"""Keys about what an action holds, what hangs on it, and why it is here or was decided so."""

from __future__ import annotations

import json
import re
from typing import Any

from audit import seal
from audit.words import hidden
from reviews.policy import NO_THRESHOLD, UNCERTIFIED
from reviews.queries import moments
from reviews.queries.filters import Clause
from reviews.queries.grammar import BadQuery, Term
from reviews.searchable import CUSTOMER, lookup, number_in, words

# The row of the revision that stands, whatever was written before it.
_TEXT = """reviews_searchtext s WHERE s.action_id = i.action_id
    AND s.revision = (SELECT x.revision FROM reviews_action x WHERE x.id = i.action_id)"""
BY_TEXT = "SELECT s.action_id FROM reviews_searchtext s WHERE "  # by a bitmap, which is whole before its first row
_AMOUNT = re.compile(r"[0-9][0-9_]{0,14}(\.[0-9]{1,2})?")
# Floors that a row may name; a draw, a level and a missing threshold all read "routine".
NAMED_FLOORS = ("hidden", "policy_error", "amount", "off_plan", "state", "confidence", "cell")
ROUTINE = "routine"
_ACTION = "reviews_action x WHERE x.id = i.action_id AND"
_FLOORS = f"""reviews_action x, jsonb_array_elements(x.floors) f WHERE x.id = i.action_id
    AND f ->> 'outcome' = x.outcome AND f ->> 'value' <> '{UNCERTIFIED}'
    AND f ->> 'value' NOT LIKE '%%{NO_THRESHOLD}'"""
_DECIDED_FOR = """reviews_decision d LEFT JOIN reviews_retraction r ON r.decision_id = d.id
    WHERE d.action_id = i.action_id AND r.id IS NULL AND d.reason_code = ANY(%($)s)"""


def there(rows: str) -> str:
    """Whether such a row belongs to item `i`, looked up for one item at a time.

    Not EXISTS: the planner may turn that into a join with the whole table, where the walk needs a few of its rows.
    """
    return f"coalesce((SELECT true FROM {rows} LIMIT 1), false)"


FLAGS = {
    "two_person": there(f"{_ACTION} x.needed > 1"),
    "question": there("reviews_actiontype t WHERE t.name = i.action_type_id AND t.question"),
    "conflict": there("reviews_evidence e WHERE e.action_id = i.action_id AND e.conflict"),
    "hidden": there(f"{_FLOORS} AND f ->> 'name' = 'hidden'"),
    "late": "i.breached",
    "edited": there(f"{_ACTION} x.revision > 1"),
    "again": there(f"{_ACTION} x.retry_of_id IS NOT NULL"),
}
ABOUT = ("payload", "customer", "tag", "flag", "reason")


def phrase_clause(text: str, name: str) -> Clause:
    """Text as typed, from the beginning of a word; words may be found by an index, other characters not."""
    pattern = "%" + re.sub(r"([\\%_])", r"\\\1", text) + "%"
    said = f"(s.title ILIKE %({name})s OR s.text ILIKE %({name})s)"
    if seal.is_on():
        return _sealed_phrase(text, name)
    words = lookup(text)
    values = {name: pattern} | ({f"{name}w": words} if words else {})
    found = f"s.words @@ %({name}w)s::tsquery" if words else "true"
    driver = BY_TEXT + found if words else ""
    return Clause(there(f"{_TEXT} AND {found} AND {said}"), values, driver)


def _sealed_phrase(text: str, name: str) -> Clause:
    """Whole words only: what lies sealed is found by keyed hashes, which have no beginnings."""
    found = " & ".join(f"'{hidden(word)}'" for word in words(text))
    if not found:
        return Clause("false", {})
    driver = f"{BY_TEXT}s.words @@ %({name}w)s::tsquery"
    here = there(f"{_TEXT} AND s.words @@ %({name}w)s::tsquery")
    return Clause(here, {f"{name}w": found}, driver)


def content_clause(term: Term, name: str, *, reasons: tuple[str, ...]) -> Clause | None:
    """The condition of one of these keys; None for a reason that nobody gives here."""
    key, _, path = term.key.partition(".")
    if key in ("payload", "customer"):
        return _field(path or CUSTOMER, term, name)
    return {"tag": _tag, "flag": _flag}[key](term, name) if key != "reason" else _reason(term, name, reasons)


def _field(path: str, term: Term, name: str) -> Clause:
    """Any of the values at a path of the payload."""
    parts, drivers = [], []
    values: dict[str, Any] = {}
    for number, value in enumerate(term.values):
        sql, given, indexed = _value(path, value, f"{name}v{number}")
        parts.append(sql)
        values |= given
        drivers.append(indexed)
    condition = f"({' OR '.join(parts)})"
    driver = BY_TEXT + condition if all(drivers) else ""
    absent = any(value.lower() == "none" for value in term.values)
    return Clause(there(f"{_TEXT} AND {condition}"), values, "" if absent else driver)


def _value(path: str, value: str, name: str) -> tuple[str, dict[str, Any], bool]:
    """One value as a condition on the searchable row `s`, and whether an index finds it."""
    if value.lower() == "none":
        return f"NOT coalesce(s.fields ? %({name})s, false)", {name: path}, False
    sign, text = moments.split_sign(value)
    if sign or ".." in text:
        return _compared(path, sign, text, name)
    folded = value.casefold()
    known = (hidden(folded),) if seal.is_on() else (folded, *number_in(folded))
    forms = [json.dumps({path: [form]}) for form in known]
    sql = " OR ".join(f"s.fields @> %({name}f{n})s::jsonb" for n in range(len(forms)))
    return f"({sql})", {f"{name}f{n}": form for n, form in enumerate(forms)}, True


def _compared(path: str, sign: str, text: str, name: str) -> tuple[str, dict[str, Any], bool]:
    """Numbers by size, dates and other texts by their letters."""
    low, dots, high = text.partition("..")
    ends = (low, high) if dots else (low,)
    numbers = [number for end in ends for number in number_in(end)]
    if any(not end for end in ends):
        raise BadQuery(f"`{sign}{text}` lacks an end. Write 10..20, >=10 or <20.")
    signs = (">=", "<") if dots else (sign,)
    cast = "(v #>> '{}')::numeric" if len(numbers) == len(ends) else "(v #>> '{}')"
    kind = "number" if len(numbers) == len(ends) else "string"
    given = numbers if kind == "number" else [end.casefold() for end in ends]
    parts = [f"{cast} {each} %({name}e{n})s" for n, each in enumerate(signs)]
    # CASE keeps the cast away from what is no number.
    sql = f"""EXISTS (SELECT 1 FROM jsonb_array_elements(s.fields -> %({name})s) v
        WHERE CASE WHEN jsonb_typeof(v) = '{kind}' THEN {" AND ".join(parts)} END)"""
    return sql, {name: path} | {f"{name}e{n}": each for n, each in enumerate(given)}, False


def _tag(term: Term, name: str) -> Clause:
    hanging = "reviews_tag t WHERE t.removed_at IS NULL"
    named = [value.lower() for value in term.values if value.lower() != "none"]
    one = there(f"{hanging} AND t.name = ANY(%({name})s) AND t.action_id = i.action_id")
    driver = f"SELECT t.action_id FROM {hanging} AND t.name = ANY(%({name})s)"
    if len(named) == len(term.values):
        return Clause(one, {name: named}, driver)
    return Clause(f"({one} OR NOT {there(hanging + ' AND t.action_id = i.action_id')})", {name: named})


def _flag(term: Term, name: str) -> Clause:
    for value in term.values:
        if value.lower() not in FLAGS:
            raise BadQuery(f"`{value}` is no flag. Known are {', '.join(FLAGS)}.")
    return Clause(f"({' OR '.join(FLAGS[value.lower()] for value in term.values)})")


def _reason(term: Term, name: str, reasons: tuple[str, ...]) -> Clause | None:
    """Why it is here, in the words of its row; or the code that a closed item was decided with."""
    wanted = [value.lower() for value in term.values]
    if any(value not in (*NAMED_FLOORS, ROUTINE, *reasons) for value in wanted):
        return None
    codes = [value for value in wanted if value in reasons]
    floors = [value for value in wanted if value in NAMED_FLOORS]
    decided = there(_DECIDED_FOR.replace("$", f"{name}c"))
    floor = f"{_FLOORS} AND f ->> 'name'"
    parts = [there(f"{floor} = ANY(%({name}f)s)")] if floors else []
    parts += [f"(i.closed_at IS NOT NULL AND {decided})"] if codes else []
    parts += ["NOT " + there(f"{floor} = ANY(%({name}n)s)")] if ROUTINE in wanted else []
    values = {f"{name}f": floors, f"{name}c": codes, f"{name}n": list(NAMED_FLOORS)}
    sql = f"({' OR '.join(parts)})"
    return Clause(sql, {key: value for key, value in values.items() if f"%({key})s" in sql})


def minor(text: str) -> int:
    """An amount in whole units as the smallest ones."""
    if not _AMOUNT.fullmatch(text):
        raise BadQuery(f"`{text}` is no amount. Write whole units, such as 500 or 129.50.")
    whole, _, cents = text.replace("_", "").partition(".")
    return int(whole or 0) * 100 + int(cents.ljust(2, "0") or 0)
