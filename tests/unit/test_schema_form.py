"""A form made from a schema, and back: every type survives, and what was not shown stays."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from reviews.errors import InvalidPayload
from reviews.queries.payload import changes, fields, percent
from reviews.schema_form import build, draft, located, read


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


class Address(BaseModel):
    street: str
    floor: Annotated[int, Field(ge=0, le=40)] = 0


class Order(BaseModel):
    name: str
    count: int
    price: Decimal
    urgent: bool
    day: date
    at: datetime
    colour: Colour
    sure: bool | None = None
    note: str | None = None
    tags: list[str] = []
    lines: list[Line] = []
    ship: Address | None = None
    pay: Annotated[Card | Bank, Field(discriminator="kind")]
    number: Annotated[str, Field(json_schema_extra={"readOnly": True})]


SCHEMA = Order.model_json_schema()
PAYLOAD: dict[str, Any] = {
    "name": "Kim", "count": 3, "price": "129.50", "urgent": True, "day": "2026-11-20",
    "at": "2026-11-20T09:30:00Z", "colour": "red", "sure": None, "note": None,
    "tags": ["a", "b"], "lines": [{"sku": "x", "quantity": 1}, {"sku": "y", "quantity": 2}],
    "ship": None, "pay": {"kind": "bank", "iban": "DE1"}, "number": "A-1",
    "unknown_extra": {"kept": 1},
}  # fmt: skip


def as_sent(payload: dict[str, Any], schema: dict[str, Any] = SCHEMA, origins: Any = None) -> dict[str, str]:
    """What a browser would send for an untouched form."""
    sent = {}
    for field in build(payload, schema, origins):
        if field.kind == "boolean":
            sent[f"b-{field.path}"] = "1"
            sent.update({field.name: "true"} if field.value else {})
        elif field.kind == "rows":
            sent[f"k-{field.path}"] = field.order
        elif field.kind == "branch":
            sent[f"u-{field.path}"] = field.value
        elif field.kind == "absent":
            sent[f"x-{field.path}"] = "1"
        elif field.kind not in ("heading", "fixed"):
            sent[field.name] = field.value
        if field.inserted:
            sent[f"o-{field.path}"] = "1"
    return sent


def pressed(button: str, payload: dict[str, Any] = PAYLOAD, **typed: str) -> tuple[dict[str, Any], dict[str, str]]:
    """The payload after a button of the form, and what the form it brings would send."""
    made = draft(payload, SCHEMA, as_sent(payload) | typed | {"do": button})
    return made.payload, as_sent(made.payload, SCHEMA, made.origins)


def test_each_kind_of_value_has_its_own_kind_of_field() -> None:
    kinds = {field.path: field.kind for field in build(PAYLOAD, SCHEMA)}
    assert kinds == {
        "name": "text", "count": "number", "price": "decimal", "urgent": "boolean", "day": "date", "at": "datetime",
        "colour": "choice", "sure": "choice", "note": "text", "tags": "rows", "tags[0]": "text", "tags[1]": "text",
        "lines": "rows", "lines[0]": "heading", "lines[0].sku": "text", "lines[0].quantity": "number",
        "lines[1]": "heading", "lines[1].sku": "text", "lines[1].quantity": "number", "ship": "absent",
        "pay": "branch", "pay.iban": "text", "number": "fixed", "unknown_extra": "json",
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
        ("f-tags[1]", "c", ("tags",), ["a", "c"]),
        ("f-sure", "true", ("sure",), True),
        ("f-at", "2026-11-21T09:30:00Z", ("at",), "2026-11-21T09:30:00Z"),
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


def test_rows_are_added_and_dropped_and_keep_what_the_form_does_not_show() -> None:
    held = {**PAYLOAD, "lines": [{"sku": "x", "quantity": 1, "secret": 1}, {"sku": "y", "quantity": 2, "secret": 2}]}
    made, sent = pressed("drop:lines[0]", held)
    assert made["lines"] == [{"sku": "y", "quantity": 2, "secret": 2}]
    assert read(held, SCHEMA, sent)["lines"] == [{"sku": "y", "quantity": 2, "secret": 2}]
    grown = draft(held, SCHEMA, sent | {"do": "add:lines"})
    sent = as_sent(grown.payload, SCHEMA, grown.origins) | {"f-lines[1].sku": "z", "f-lines[1].quantity": "9"}
    assert read(held, SCHEMA, sent)["lines"] == [
        {"sku": "y", "quantity": 2, "secret": 2}, {"sku": "z", "quantity": 9}
    ]  # fmt: skip


def test_new_row_that_stays_empty_is_no_row() -> None:
    made, sent = pressed("add:tags")
    assert made["tags"] == ["a", "b", None]
    assert read(PAYLOAD, SCHEMA, sent)["tags"] == ["a", "b"]
    assert read(PAYLOAD, SCHEMA, sent | {"f-tags[2]": "c"})["tags"] == ["a", "b", "c"]


def test_optional_part_comes_and_goes() -> None:
    made, sent = pressed("insert:ship")
    assert made["ship"] == {"street": None}
    assert read(PAYLOAD, SCHEMA, sent | {"f-ship.street": "High 1"})["ship"] == {"street": "High 1"}
    held = {**PAYLOAD, "ship": {"street": "High 1", "floor": 3}}
    made, sent = pressed("clear:ship", held)
    assert made["ship"] is None
    assert read(held, SCHEMA, sent)["ship"] is None


def test_another_kind_of_a_union_starts_afresh_and_its_name_is_not_typed() -> None:
    made, sent = pressed("switch:pay", **{"u-pay": "0"})
    assert made["pay"] == {"kind": "card", "last4": None}
    assert read(PAYLOAD, SCHEMA, sent | {"f-pay.last4": "1234"})["pay"] == {"kind": "card", "last4": "1234"}


@pytest.mark.parametrize(
    "sent", [{"k-tags": "0,7,x,1"}, {"u-pay": "99"}, {"do": "drop:tags[9]"}, {"do": "add:nothing"}]
)
def test_crafted_order_of_rows_is_read_as_far_as_it_makes_sense(sent: dict[str, str]) -> None:
    assert read(PAYLOAD, SCHEMA, as_sent(PAYLOAD) | sent) == PAYLOAD


def test_errors_of_a_model_are_found_at_their_fields() -> None:
    wrong = {**PAYLOAD, "lines": [{"sku": "x", "quantity": "many"}], "pay": {"kind": "bank"}, "ship": {"floor": 41}}
    with pytest.raises(ValidationError) as caught:
        Order.model_validate(wrong)
    paths = [located(".".join(map(str, error["loc"])), wrong) for error in caught.value.errors()]
    assert paths == ["lines[0].quantity", "ship.street", "ship.floor", "pay.iban"]


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
    assert 0 < len(shown.text) < 10_050
    assert len(shown.text) + shown.more == 10_050


NODE = {
    "$defs": {
        "node": {
            "type": "object", "required": ["name"],
            "properties": {"name": {"type": "string"}, "next": {"$ref": "#/$defs/node"}},
        },
        "twins": {
            "type": "object", "required": ["a", "b"],
            "properties": {"a": {"$ref": "#/$defs/twins"}, "b": {"$ref": "#/$defs/twins"}},
        },
    },
    "type": "object",
    "properties": {"root": {"$ref": "#/$defs/node"}, "twins": {"$ref": "#/$defs/twins"}},
}  # fmt: skip


def test_schema_that_contains_itself_is_shown_as_far_as_the_payload_goes() -> None:
    held = {"root": {"name": "x"}}
    kinds = {field.path: field.kind for field in build(held, NODE)}
    assert kinds == {"root": "heading", "root.name": "text", "root.next": "absent", "twins": "absent"}
    made = draft(held, NODE, {"do": "insert:root.next"})
    assert made.payload == {"root": {"name": "x", "next": {"name": None}}}
    assert len(build(draft(held, NODE, {"do": "insert:twins"}).payload, NODE)) < 60
