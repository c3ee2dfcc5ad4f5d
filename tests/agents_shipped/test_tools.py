"""What a transcript shows of its tools becomes a careful proposal of action types."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from agents import tools, transcripts
from agents.transcripts import Conversation
from reviews import registry
from reviews.errors import InvalidPayload
from reviews.states import EffectMode, Reversibility, Risk
from tests.agents_shipped.chats import call, chat, lines


def conversations(*rows: object) -> list[Conversation]:
    return [c for c in transcripts.read(lines(*rows), name="shop.jsonl") if isinstance(c, Conversation)]


def listed_tool(properties: dict[str, Any], description: str = "") -> dict[str, Any]:
    """An entry of a file's tool list for `cancel_order`."""
    parameters = {"type": "object", "properties": properties}
    return {
        "type": "function",
        "function": {"name": "cancel_order", "description": description, "parameters": parameters},
    }


@pytest.mark.parametrize(
    "tool",
    [
        "get_user",
        "listOrders",
        "search-flights",
        "read_file",
        "think",
        "calculate",
        "transfer_to_human_agents",
    ],
)
def test_tools_that_only_look_do_not_act(tool: str) -> None:
    assert not tools.acts(tool)


@pytest.mark.parametrize(
    "tool",
    [
        "cancel_order",
        "transfer_funds",
        "get_and_delete",
        "getaway_book",
        "checkout",
        "",
        "reader_update",
    ],
)
def test_every_other_tool_acts(tool: str) -> None:
    assert tools.acts(tool)


def test_names_suggest_risk_and_what_they_do_not_say_is_taken_carefully() -> None:
    assert tools.guess("deleteFile") == (
        Risk.HIGH,
        Reversibility.IRREVERSIBLE,
        EffectMode.IDEMPOTENT,
    )
    assert tools.guess("send_mail") == (
        Risk.MEDIUM,
        Reversibility.IRREVERSIBLE,
        EffectMode.ONCE,
    )
    assert tools.guess("frobnicate") == (
        Risk.MEDIUM,
        Reversibility.COMPENSABLE,
        EffectMode.IDEMPOTENT,
    )


def test_types_are_named_after_the_file_and_two_tools_never_share_one() -> None:
    row = chat("c-1", call("cancelOrder", {}, id="a"), call("cancel_order", {}, id="b"))
    found = tools.inventory(conversations(row), prefix=tools.prefix_of("data/shop_transcripts_2026.jsonl"))
    assert {tool.name: tool.type for tool in found} == {
        "cancelOrder": "shop.cancel_order",
        "cancel_order": "shop.cancel_order_2",
    }
    assert tools.prefix_of("transcripts.jsonl") == "tool"


def test_a_schema_is_inferred_that_all_seen_arguments_fit() -> None:
    seen = [
        {"order_id": "A1", "amount": Decimal("12.50"), "lines": [{"sku": "x", "n": 1}]},
        {"order_id": "A2", "amount": 12, "lines": [], "note": None},
    ]
    schema = tools.infer(seen)
    (tool,) = tools.inventory(conversations(chat("c-1")), prefix="shop")
    kind = tool.desk_type(schema=schema)
    for each in seen:
        assert registry.validate(kind, each) == each
    assert schema["required"] == ["order_id", "amount", "lines"]
    for wrong in ({"extra": 1}, {"order_id": 7}, {"amount": "12.50"}):
        with pytest.raises(InvalidPayload):
            registry.validate(kind, seen[0] | wrong)


def test_a_fraction_stays_exact_as_a_decimal_string() -> None:
    assert tools.plain({"amount": Decimal("0.10")}) == {"amount": "0.10"}


def test_the_files_own_tool_list_gives_the_schema() -> None:
    listed = listed_tool(
        {"order_id": {"type": "string"}, "fee": {"type": "number", "minimum": 0.5}},
        description="Cancel an order.\nMore.",
    )
    (tool,) = tools.inventory(conversations(chat("c-1", tools=[listed])), prefix="shop")
    assert tool.listed
    assert tool.label == "Cancel an order."
    assert tool.schema["properties"]["fee"] == {"type": "number", "minimum": 0.5}


def test_a_call_that_does_not_fit_the_tool_list_is_named_with_its_line() -> None:
    listed = listed_tool({"order_id": {"type": "integer"}})
    found = conversations(chat("c-1"), chat("c-2", tools=[listed]))
    by_name = {tool.name: tool for tool in tools.inventory(found, prefix="shop")}
    refusal = tools.unfit(found[1], {"cancel_order": by_name["cancel_order"].desk_type()})
    assert refusal is not None
    assert (refusal.name, refusal.line) == ("c-2", 2)
    assert "order_id" in refusal.reason


def test_the_ask_names_the_thing_it_is_about() -> None:
    schema = tools.infer([{"user_id": "u", "reservation_id": "r", "cabin": "economy"}])
    assert tools.template("cancel_reservation", schema) == "Cancel reservation {reservation_id}"
    assert (
        tools.template("send_certificate", tools.infer([{"user_id": "u", "amount": 100}]))
        == "Send certificate {amount} for {user_id}"
    )


def test_a_field_that_no_template_could_name_is_left_out_of_the_ask() -> None:
    assert tools.template("set_flag", tools.infer([{"user-id": "u", "{x}": "y", "note": "n"}])) == "Set flag {note}"
