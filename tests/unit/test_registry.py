"""Judging a payload by its type, and putting it in words that nothing in it can change."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel, Field

from reviews import registry
from reviews.errors import InvalidPayload
from reviews.registry import DeskType
from reviews.states import EffectMode, Reversibility, Risk


class Line(BaseModel):
    name: str
    price: Decimal


class Order(BaseModel):
    customer: str = Field(min_length=1)
    amount: int
    lines: list[Line] = []
    urgent: bool = False


def kind(**more: Any) -> DeskType:
    given: dict[str, Any] = {
        "name": "order.place",
        "label": "Order",
        "template": "Order for {customer}: {amount}",
        "model": Order,
        "risk": Risk.LOW,
        "reversibility": Reversibility.REVERSIBLE,
        "effect_mode": EffectMode.IDEMPOTENT,
        "queue": "support",
        "amount_path": "amount",
        "currency": "EUR",
    }
    return DeskType(**(given | more))


@pytest.fixture
def loaded() -> Iterator[DeskType]:
    yield registry.register(kind())
    registry.forget("order.place")


def by_schema(schema: dict[str, Any], **more: Any) -> DeskType:
    return kind(name="tool.call", model=None, schema=schema, **more)


def test_a_loaded_model_fills_in_what_it_knows(loaded: DeskType) -> None:
    value, raw = registry.canonical(loaded, {"customer": "kim", "amount": 5, "lines": [{"name": "a", "price": "1.50"}]})
    assert value == {"amount": 5, "customer": "kim", "lines": [{"name": "a", "price": "1.50"}], "urgent": False}
    assert raw == b'{"amount":5,"customer":"kim","lines":[{"name":"a","price":"1.50"}],"urgent":false}'


@pytest.mark.parametrize(
    ("payload", "path"),
    [
        ({"customer": "kim", "amount": "5"}, "amount"),
        ({"customer": "kim", "amount": True}, "amount"),
        ({"customer": "", "amount": 5}, "customer"),
        ({"customer": "kim", "amount": 5, "state": "x"}, "state"),
        ({"customer": "kim", "amount": 5, "lines": [{"name": "a", "price": "NaN"}]}, "lines.0.price"),
        ([], ""),
        ("x", ""),
        (None, ""),
    ],
)
def test_a_loaded_model_is_strict(loaded: DeskType, payload: Any, path: str) -> None:
    with pytest.raises(InvalidPayload) as caught:
        registry.validate(loaded, payload)
    assert caught.value.errors[0]["path"] == path


def test_another_version_than_the_loaded_one_is_judged_by_its_schema(loaded: DeskType) -> None:
    newer = replace(loaded, version=2, schema={"type": "object", "required": ["other"]}, model=None)
    with pytest.raises(InvalidPayload):
        registry.validate(newer, {"customer": "kim", "amount": 5})
    assert registry.validate(newer, {"other": 1}) == {"other": 1}


NUMBERS = {"type": "object", "properties": {"n": {"type": "number", "minimum": 1, "maximum": 5}}}


@pytest.mark.parametrize("number", [1, 5, Decimal("1.5")])
def test_numbers_of_a_schema_are_whole_or_decimal(number: object) -> None:
    assert registry.validate(by_schema(NUMBERS), {"n": number}) == {"n": number}


@pytest.mark.parametrize("number", ["1.5", 0, 6, Decimal("0.9"), True, None])
def test_numbers_outside_a_schema_are_refused(number: object) -> None:
    with pytest.raises(InvalidPayload) as caught:
        registry.validate(by_schema(NUMBERS), {"n": number})
    assert caught.value.errors[0]["path"] == "n"


def test_our_own_bytes_hold_fractions_as_strings_and_still_have_limits() -> None:
    assert registry.validate(by_schema(NUMBERS), {"n": "1.5"}, stored=True) == {"n": "1.5"}
    for number in ("0.5", "5.01", "1e3", "x", "1_0", "٣"):
        with pytest.raises(InvalidPayload):
            registry.validate(by_schema(NUMBERS), {"n": number}, stored=True)


def test_paths_of_errors_are_written_as_people_write_them() -> None:
    schema = {"properties": {"a": {"properties": {"b": {"items": {"type": "string"}}}}}}
    with pytest.raises(InvalidPayload) as caught:
        registry.validate(by_schema(schema), {"a": {"b": ["x", 1]}})
    assert caught.value.errors == [{"path": "a.b[1]", "message": "1 is not of type 'string'"}]


def test_errors_echo_no_long_or_hidden_text() -> None:
    schema = {"properties": {"a": {"maxLength": 3}}}
    with pytest.raises(InvalidPayload) as caught:
        registry.validate(by_schema(schema), {"a": "\u202e" + "x" * 5_000})
    message = caught.value.errors[0]["message"]
    assert len(message) < 300 and "\u202e" not in message


def test_a_schema_that_points_elsewhere_is_an_error_and_no_request() -> None:
    schema = {"properties": {"a": {"$ref": "http://127.0.0.1:9/schema.json"}}}
    with pytest.raises(InvalidPayload, match="another document"):
        registry.validate(by_schema(schema), {"a": 1})


def test_a_payload_beyond_256_kib_is_refused() -> None:
    with pytest.raises(InvalidPayload, match="256 KiB"):
        registry.validate(by_schema({}), {"a": "x" * 262_144})


def test_the_ask_in_words_shows_money_as_people_write_it() -> None:
    assert registry.title(kind(), {"customer": "kim", "amount": 125_000}) == "Order for kim: 1,250.00 EUR"
    yen = kind(currency_path="currency")
    assert registry.title(yen, {"customer": "kim", "amount": 1_250, "currency": "JPY"}).endswith("1,250 JPY")


@pytest.mark.parametrize(
    ("customer", "shown"),
    [
        ("{amount}", "{amount}"),
        ("{0.__class__}", "{0.__class__}"),
        ("{{ settings.SECRET_KEY }}", "{{ settings.SECRET_KEY }}"),
        ("{% now %}", "{% now %}"),
        ("<b>x</b>", "<b>x</b>"),
        ("a\u202eb", "a[U+202E]b"),
        ("two\nlines", "two lines"),
        ("x" * 500, "x" * 79 + "…"),
        ([], "nothing"),
        (["a", "b"], "a, b"),
        ({"x": 1}, "1 fields"),
        (False, "no"),
    ],
)
def test_nothing_in_a_payload_is_formatted_or_compiled(customer: Any, shown: str) -> None:
    assert registry.title(kind(template="For {customer}"), {"customer": customer}) == f"For {shown}"


def test_a_field_that_is_not_there_is_called_nothing() -> None:
    assert registry.title(kind(template="{no.such} for {customer}"), {"customer": "kim"}) == "nothing for kim"


def test_a_title_fits_its_column() -> None:
    many = kind(template=" ".join(["{customer}"] * 20))
    assert len(registry.title(many, {"customer": "x" * 100})) == registry.MOST_TITLE


def test_the_same_type_is_declared_once(loaded: DeskType) -> None:
    assert registry.register(kind()) is not None
    with pytest.raises(registry.Conflict):
        registry.register(kind(label="Other"))
    assert registry.versions()["order.place"] == 1


def test_the_columns_of_a_declared_type_carry_its_schema() -> None:
    values = kind().values()
    assert values["schema"]["properties"]["amount"] == {"title": "Amount", "type": "integer"}
    assert not {"name", "model", "queue"} & values.keys()
    assert "lines" in registry.json_schema(kind())["properties"]
