"""What is stored of a payload is what a query looks for."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from reviews.searchable import CUSTOMER, fields, lookup, words

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=12,
)


def test_words_are_what_stands_between_other_characters() -> None:
    assert words("Mail kim@example.org: order 40-1187, STRASSE/Straße") == [
        "mail", "kim", "example", "org", "order", "40", "1187", "strasse",
    ]  # fmt: skip


def test_a_phrase_asks_for_its_words_and_for_the_last_as_far_as_it_is_typed() -> None:
    assert lookup("Kim@exam") == "'kim' & 'exam':*"
    assert lookup("done.") == "'done'"
    assert lookup("%—!") == ""


def test_scripts_without_spaces_are_found_by_any_part() -> None:
    assert words("返金してください") == list("返金してくださ") + ["い"]
    assert lookup("してくだ") == "'し' & 'て' & 'く' & 'だ':*"


def test_fields_are_found_by_path_as_text_and_as_number() -> None:
    found = fields({"Order": {"lines": [{"sku": "Lamp-S", "n": 2}, {"sku": "x", "n": "0042"}]}, "total": "12.50"})
    assert found["order.lines.sku"] == ["lamp-s", "x"]
    assert found["order.lines.n"] == ["2", 2, "0042"]
    assert found["total"] == ["12.50", 12.5]


def test_what_names_a_customer_is_found_by_that() -> None:
    found = fields({"customer": {"name": "Kim Lee"}, "customer_id": 8812, "note": "for a customer"})
    assert found[CUSTOMER] == ["kim lee", "kim", "lee", "8812", 8812]
    assert "note" in found


@given(st.dictionaries(st.text(max_size=6), VALUES, max_size=4))
def test_any_payload_can_be_stored(payload: dict[str, object]) -> None:
    stored = json.dumps(fields(payload))
    assert "\\u0000" not in stored
    assert all(word and "'" not in word for word in words(str(payload)))
    assert len(words("ab " * 10_000)) == 1
