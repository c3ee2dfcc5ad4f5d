"""The order of a schema's properties outlives a column that sorts them."""

from __future__ import annotations

import json

from reviews.field_order import in_order, order_of

SCHEMA = {
    "type": "object",
    "properties": {
        "zebra": {"type": "string"},
        "apple": {"$ref": "#/$defs/Inner"},
        "lines": {"type": "array", "items": {"properties": {"y": {}, "x": {}}}},
        "either": {"anyOf": [{"type": "null"}, {"properties": {"q": {}, "p": {}}}]},
    },
    "$defs": {"Inner": {"properties": {"b": {}, "a": {}}}},
}


def sorted_as_jsonb(value: object) -> object:
    return json.loads(json.dumps(value, sort_keys=True))


def test_properties_come_back_in_the_order_they_were_named_at_every_depth() -> None:
    kept = json.loads(json.dumps(order_of(SCHEMA)))
    back = in_order(sorted_as_jsonb(SCHEMA), kept)  # type: ignore[arg-type]
    assert list(back["properties"]) == ["zebra", "apple", "lines", "either"]
    assert list(back["properties"]["lines"]["items"]["properties"]) == ["y", "x"]
    assert list(back["properties"]["either"]["anyOf"][1]["properties"]) == ["q", "p"]
    assert list(back["$defs"]["Inner"]["properties"]) == ["b", "a"]
    assert back == SCHEMA


def test_a_property_that_the_order_does_not_know_comes_last_and_a_lost_one_is_left_out() -> None:
    back = in_order({"properties": {"a": {}, "new": {}, "b": {}}}, [[["properties"], ["b", "gone", "a"]]])
    assert list(back["properties"]) == ["b", "a", "new"]
