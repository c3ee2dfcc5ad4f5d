"""A form made from a schema, and back: every type survives, and what was not shown stays."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from reviews.errors import InvalidPayload
from reviews.queries.payload import changes, fields, percent
from reviews.schema_form import build, read


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


class Line(BaseModel):
    sku: str
    quantity: int


class Card(BaseModel):
    kind: Literal["card"]
    last4: str


class Bank(BaseModel):
    kind: Literal["bank"]
    iban: str


class Order(BaseModel):
    name: str
    count: int
    price: Decimal
    urgent: bool
    day: date
    colour: Colour
    note: str | None = None
    tags: list[str] = []
    lines: list[Line] = []
    pay: Annotated[Card | Bank, Field(discriminator="kind")]


SCHEMA = Order.model_json_schema()
PAYLOAD: dict[str, Any] = {
    "name": "Kim", "count": 3, "price": "129.50", "urgent": True, "day": "2026-11-20", "colour": "red", "note": None,
    "tags": ["a", "b"], "lines": [{"sku": "x", "quantity": 1}, {"sku": "y", "quantity": 2}],
    "pay": {"kind": "bank", "iban": "DE1"}, "unknown_extra": {"kept": 1},
}  # fmt: skip


def as_sent(payload: dict[str, Any]) -> dict[str, str]:
    """What a browser would send for an untouched form."""
    sent = {}
    for field in build(payload, SCHEMA):
        if field.kind == "boolean":
            sent[f"b-{field.path}"] = "1"
            sent.update({field.name: "true"} if field.value else {})
        elif field.kind not in ("heading", "fixed"):
            sent[field.name] = field.value
    return sent


def test_each_kind_of_value_has_its_own_kind_of_field() -> None:
    kinds = {field.path: field.kind for field in build(PAYLOAD, SCHEMA)}
    assert kinds == {
        "name": "text", "count": "number", "price": "text", "urgent": "boolean", "day": "date", "colour": "choice",
        "note": "text", "tags": "list", "lines[0]": "heading", "lines[0].sku": "text", "lines[0].quantity": "number",
        "lines[1]": "heading", "lines[1].sku": "text", "lines[1].quantity": "number", "pay": "heading",
        "pay.kind": "fixed", "pay.iban": "text", "unknown_extra": "json",
    }  # fmt: skip


def test_untouched_form_changes_nothing() -> None:
    assert read(PAYLOAD, SCHEMA, as_sent(PAYLOAD)) == PAYLOAD
    assert read(PAYLOAD, SCHEMA, {}) == PAYLOAD


@pytest.mark.parametrize(
    ("name", "typed", "path", "value"),
    [
        ("f-count", "4", ("count",), 4),
        ("f-count", "-4", ("count",), -4),
        ("f-count", "four", ("count",), "four"),
        ("f-price", "29.50", ("price",), "29.50"),
        ("f-colour", '"blue"', ("colour",), "blue"),
        ("f-note", "", ("note",), None),
        ("f-note", "hi", ("note",), "hi"),
        ("f-tags", "a\r\nc", ("tags",), ["a", "c"]),
        ("f-lines[1].quantity", "7", ("lines", 1, "quantity"), 7),
        ("f-pay.iban", "DE2", ("pay", "iban"), "DE2"),
        ("f-unknown_extra", '{"kept": 2}', ("unknown_extra",), {"kept": 2}),
    ],
)
def test_typed_value_arrives_with_its_type(name: str, typed: str, path: tuple[Any, ...], value: Any) -> None:
    edited: Any = read(PAYLOAD, SCHEMA, as_sent(PAYLOAD) | {name: typed})
    expected = read(PAYLOAD, SCHEMA, {})
    for key in path:
        edited = edited[key]
    assert (edited, type(edited)) == (value, type(value))
    assert read(PAYLOAD, SCHEMA, {}) == expected == PAYLOAD


def test_unticked_box_is_false_and_an_absent_one_is_untouched() -> None:
    sent = as_sent(PAYLOAD)
    del sent["f-urgent"]
    assert read(PAYLOAD, SCHEMA, sent)["urgent"] is False
    del sent["b-urgent"]
    assert read(PAYLOAD, SCHEMA, sent)["urgent"] is True


def test_fixed_field_cannot_be_sent() -> None:
    assert read(PAYLOAD, SCHEMA, {"f-pay.kind": "card"}) == PAYLOAD


def test_broken_json_names_its_field() -> None:
    with pytest.raises(InvalidPayload) as caught:
        read(PAYLOAD, SCHEMA, {"f-unknown_extra": "{"})
    assert caught.value.errors == [{"path": "unknown_extra", "message": "is not valid JSON"}]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(min_size=1, max_size=5), JSON, max_size=4))
def test_payload_without_a_schema_survives_its_form(payload: dict[str, Any]) -> None:
    assert read(payload, {}, {}) == payload
    assert all(field.label is not None for field in build(payload, {}))
    assert changes(payload, payload, {}) == []
    assert all(shown.label for shown in fields(payload, {}))


def test_difference_names_what_changed_and_by_how_much() -> None:
    after = {**PAYLOAD, "count": 6, "note": "soon"}
    found = {change.path: (change.before, change.after, change.percent) for change in changes(PAYLOAD, after, SCHEMA)}
    assert found == {"count": ("3", "6", "+100 %"), "note": ("nothing", "soon", "")}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [("129.50", "29.50", "-77 %"), ("0", "5", ""), ("x", "5", ""), (None, "5", ""), ("1", "NaN", "")],
)
def test_percentage_is_said_where_it_means_something(before: str | None, after: str, said: str) -> None:
    assert percent(before, after) == said


def test_long_value_is_clipped_aloud() -> None:
    (shown,) = fields({"text": "x" * 10_050}, {})
    assert (len(shown.text), shown.more) == (10_000, 50)
