"""The search language by itself: what is read is what is written back."""

from __future__ import annotations

import base64
import re
from contextlib import suppress
from datetime import UTC, datetime
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviews.queries.filters import Known, Range
from reviews.queries.grammar import KEYS, BadQuery, Query, Term, parse
from reviews.queries.meaning import resolve
from reviews.queries.orders import ORDERS

KNOWN = Known(queues=("support",), types=("mail.send", "refund.issue"), agents={}, people={"ada": 1}, me=1)
WORDS = st.text("abcäöü019._-@<>", min_size=1, max_size=12).filter(lambda w: not w.startswith("-"))
TEXTS = st.text("abc :,-ä", min_size=1, max_size=12).filter(lambda w: w.strip() == w)
TERMS = st.one_of(
    st.builds(
        lambda key, values, negated: Term(key, tuple(values), negated),
        st.sampled_from([*sorted(KEYS.keys() - {"sort", "payload"}), "payload.order.line_2", "payload.x-y"]),
        st.lists(WORDS, min_size=1, max_size=3),
        st.booleans(),
    ),
    st.builds(lambda text, negated: Term("", (text,), negated), TEXTS, st.booleans()),
)


@given(st.lists(TERMS, max_size=5))
def test_what_is_written_is_read_back_the_same(terms: list[Term]) -> None:
    query = Query(tuple(terms))
    assert parse(str(query)) == query


@given(st.text(max_size=60))
def test_any_text_is_a_query_or_is_refused_as_one(text: str) -> None:
    with suppress(BadQuery):  # and nothing else
        query = parse(text)
        resolve(query, KNOWN)
        assert parse(str(query)) == query


def test_comma_is_or_space_is_and_minus_is_not() -> None:
    query = parse('risk:high,critical -type:mail.send "duplicate charge"')
    assert query.terms == (
        Term("risk", ("high", "critical")),
        Term("type", ("mail.send",), True),
        Term("", ("duplicate charge",)),
    )


def test_value_and_term_are_replaced_without_touching_the_rest() -> None:
    query = parse("risk:low conf:0.5..1 word")
    assert str(query.replaced("risk", ["high"])) == "conf:0.5..1 word risk:high"
    assert str(query.replaced("risk", [])) == "conf:0.5..1 word"
    assert str(query.minus(query.terms[2])) == "risk:low conf:0.5..1"


@pytest.mark.parametrize(
    "text", ["x " * 41, "x" * 1001, '"', "nokey:1", "risk:,", "payload:1", "payload..a:1", "risk.x:high", "-sort:age"]
)
def test_query_too_long_or_broken_is_refused(text: str) -> None:
    with pytest.raises(BadQuery):
        parse(text)


@pytest.mark.parametrize(
    ("wanted", "buckets"),
    [
        (Range(0.7, 0.75, high_open=True), {14}),
        (Range(0.0, 1.0), set(range(20))),
        (Range(0.95, 1.0), {19}),
        (Range(0.15, 0.35, high_open=True), {3, 4, 5, 6}),
        (Range(0.7, 0.75), None),  # closed above: part of the next bucket
        (Range(0.7, 0.75, low_open=True, high_open=True), None),
        (Range(0.71, 0.75, high_open=True), None),
    ],
)
def test_range_is_whole_buckets_or_says_that_it_is_not(wanted: Range, buckets: set[int] | None) -> None:
    assert wanted.buckets() == (None if buckets is None else frozenset(buckets))


@pytest.mark.parametrize(
    ("query", "flat"),
    [
        ("", True),
        ("risk:high", True),
        ("conf:0.5..0.7", True),
        ("conf:none", True),
        ("conf:0.51..0.7", False),
        ("type:mail.send", False),
        ("word", False),
        ("is:decided", False),
    ],
)
def test_cells_alone_answer_what_they_can(query: str, flat: bool) -> None:
    assert resolve(parse(query), KNOWN).flat is flat


def test_values_never_become_part_of_the_sql() -> None:
    hostile = "x');DROP TABLE item;--"
    found = resolve(parse(f'"{hostile}" assignee:ada'), KNOWN)
    for clause in found.clauses:
        assert "DROP" not in clause.sql + clause.driver
    assert f"%{hostile}%" in [value for clause in found.clauses for value in clause.values.values()]


def test_wildcards_of_like_are_letters() -> None:
    (clause,) = resolve(parse(r"50%_\\"), KNOWN).clauses
    assert next(iter(clause.values.values())) == r"%50\%\_\\\\%"


EVERY_KEY = (
    "id:ACT-1 is:pending,decided risk:high type:mail.send agent:helper version:1.2 conf:0.6..0.8,none amount:>=5,none "
    "currency:eur age:>2h due:<1h assignee:@me,none claimed:none escalated:@me,ops tag:vip,none level:L2 "
    "reversible:yes flag:late,conflict reason:amount,checked,routine customer:8812 payload.a.b:1..5 "
    "payload.c:>=2026-01-01 payload.d:none created:2026-11-01 queue:support word"
)


def known(**more: object) -> Known:
    usual: dict[str, object] = {
        "queues": ("support",), "types": ("mail.send",), "agents": {"helper": UUID(int=1)}, "people": {"ada": 1},
        "me": 1, "teams": {"ops": 3}, "my_teams": (3,), "reasons": ("checked",),
    }  # fmt: skip
    return Known(**{**usual, **more})  # type: ignore[arg-type]


def test_every_key_of_the_language_means_something() -> None:
    query = parse(f"{EVERY_KEY} decided:<7d by:@me sort:-risk,age")
    assert {term.key.partition(".")[0] for term in query.terms} - {""} == KEYS.keys()
    found = resolve(query, known())
    for clause in found.clauses:
        named = set(re.findall(r"%\((\w+)\)s", clause.sql + clause.driver)) - {"queues", "risks"}
        assert named == set(clause.values), clause
    assert query.order in ORDERS


@pytest.mark.parametrize(
    ("query", "scope"),
    [
        ("", "waiting"),
        ("is:pending", "waiting"),
        ("-is:claimed", "waiting"),
        ("is:clarifying,deferred", "parked"),
        ("is:failed", "closed"),
        ("is:failed,deferred", "any"),
        ("-is:pending", "any"),
        ("by:@me", "closed"),
        ("decided:<7d is:decided", "closed"),
        ("id:7", "any"),
        ("-id:7", "waiting"),
    ],
)
def test_words_about_state_choose_which_items_are_listed(query: str, scope: str) -> None:
    assert resolve(parse(query), known()).scope == scope


@pytest.mark.parametrize(
    "query",
    [
        "due:soon", "age:2h", "age:9999w", "created:2026-13-01", "created:>1d..2d", "amount:1e9", "amount:_",
        "amount:1.234",
        "currency:euro", "level:L9", "flag:red", "reversible:maybe", "reason:because", "escalated:nobody",
        "payload.a:1..", "conf:0.9..0.1", "version:", "sort:,",
    ],
)  # fmt: skip
def test_value_that_means_nothing_is_refused_and_never_an_empty_list(query: str) -> None:
    with pytest.raises(BadQuery):
        resolve(parse(query), known())


def test_two_conditions_on_type_are_both_held() -> None:
    both = known(types=("a.b", "c.d", "e.f"))
    assert resolve(parse("-type:a.b"), both).types == ("c.d", "e.f")
    assert resolve(parse("-type:a.b type:a.b,c.d"), both).types == ("c.d",)


def test_days_begin_where_the_reader_is() -> None:
    (clause,) = resolve(parse("created:2026-11-01"), known(zone=ZoneInfo("Asia/Tokyo"))).clauses
    assert sorted(str(value) for value in clause.values.values()) == [
        "2026-10-31 15:00:00+00:00",
        "2026-11-01 15:00:00+00:00",
    ]


@pytest.mark.parametrize("name", sorted(ORDERS))
def test_cursor_of_an_order_is_read_back_by_it_and_by_no_other(name: str) -> None:
    order = ORDERS[name]
    at = datetime(2026, 11, 1, 12, tzinfo=UTC)
    values = {"i.prio": 2**50 + 3, "i.entered": at, "i.due": at, "i.confidence": 0.25, "i.action_type_id": "a.b"}
    key = tuple(values.get(column, UUID(int=7)) for column in order.columns)
    cursor = order.pack(2, key)
    assert order.unpack(cursor) == (2, *key)
    assert [each.name for each in ORDERS.values() if each.unpack(cursor)] == [name]


@given(st.text(max_size=40) | st.binary(max_size=60).map(lambda b: base64.urlsafe_b64encode(b).decode()))
def test_cursor_of_any_text_is_harmless(text: str) -> None:
    for order in ORDERS.values():
        order.unpack(text)
