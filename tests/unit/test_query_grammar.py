"""The search language by itself: what is read is what is written back."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviews.queries.filters import Known, Range, resolve
from reviews.queries.grammar import KEYS, BadQuery, Query, Term, parse

KNOWN = Known(queues=("support",), types=("mail.send", "refund.issue"), agents={}, people={"ada": 1}, me=1)
WORDS = st.text("abcäöü019._-@<>", min_size=1, max_size=12).filter(lambda w: not w.startswith("-"))
TEXTS = st.text("abc :,-ä", min_size=1, max_size=12).filter(lambda w: w.strip() == w)
TERMS = st.one_of(
    st.builds(
        lambda key, values, negated: Term(key, tuple(values), negated),
        st.sampled_from(sorted(KEYS)),
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


@pytest.mark.parametrize("text", ["x " * 41, "x" * 1001, '"', "nokey:1", "risk:,"])
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
    for sql, _ in found.clauses:
        assert "DROP" not in sql
    assert f"%{hostile}%" in [value for _, values in found.clauses for value in values.values()]


def test_wildcards_of_like_are_letters() -> None:
    ((_, values),) = resolve(parse(r"50%_\\"), KNOWN).clauses
    assert list(values.values()) == [r"%50\%\_\\\\%"]
