"""Conversations are read strictly; what is malformed is refused by name and line, and the rest goes on."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agents import transcripts
from agents.transcripts import Conversation, Refusal
from tests.agents_shipped.chats import call, chat, lines


def read(data: bytes, name: str = "shop.jsonl") -> list[Conversation | Refusal]:
    return list(transcripts.read(data, name=name))


def alone(row: object) -> Conversation | Refusal:
    found = read(lines(row))
    assert len(found) == 1
    return found[0]


def refused(row: object) -> Refusal:
    found = alone(row)
    assert isinstance(found, Refusal)
    return found


def accepted(row: object) -> Conversation:
    found = alone(row)
    assert isinstance(found, Conversation), found
    return found


def test_a_call_is_named_by_its_message_and_its_id() -> None:
    row = chat("c-1", call("cancel_order", {"order_id": "A1"}))
    row["messages"].append({"role": "assistant", "tool_calls": [call("cancel_order", {"order_id": "A2"})]})
    assert [each.key for each in accepted(row).calls] == ["2/call_1", "5/call_1"]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('{"conversation_id": "c-9", "messages": [', "is not JSON"),
        (chat("c-9") | {"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
        (chat("c-9", call("cancel_order", "{oops")), "the arguments of cancel_order"),
        (chat("c-9", call("cancel_order", '{"a": 1, "a": 2}')), "names a key twice"),
        (chat("c-9", call("cancel_order", "[1]")), "not an object"),
        (chat("c-9", call("cancel_order", '{"a": NaN}')), "NaN"),
        (chat("c-9", call("cancel_order", {"a": 2**60})), "beyond 2**53"),
        (chat("c-9") | {"messages": []}, "messages"),
        (chat("c-9") | {"messages": [{"role": "user", "content": "x" * (10 * 2**20)}]}, "10,485,7"),
        (chat("c-9") | {"messages": [{"role": "user", "content": "\ud800"}]}, "surrogate"),
        (chat("c-9") | {"messages": [{"role": "user", "content": "a\x00b"}]}, "NUL"),
        (chat("c-9", agreement={"2/call_1": 1.2}), "agreement.2/call_1"),
        (chat("c-9", confidence="0.9"), "confidence"),
        (chat("c-9", call("a", {}), call("b", {})), "two calls with the id"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "row",
)  # fmt: skip
def test_a_malformed_conversation_is_refused_by_name_and_line(row: object, reason: str) -> None:
    found = read(lines(chat("c-1"), row, chat("c-2")))
    assert [each.id for each in found if isinstance(each, Conversation)] == [
        "c-1",
        "c-2",
    ]
    (refusal,) = [each for each in found if isinstance(each, Refusal)]
    assert (refusal.name, refusal.line) == ("c-9", 2)
    assert reason in refusal.reason


def test_the_second_conversation_with_an_id_is_refused_and_the_first_stays() -> None:
    found = read(lines(chat("c-1"), chat("c-1"), chat("c-2")))
    assert [type(each) for each in found] == [Conversation, Refusal, Conversation]
    assert str(found[1]) == "c-1 (line 2): its conversation_id occurred before in this file"


def test_a_refused_conversation_does_not_take_its_name_away() -> None:
    broken = chat("c-1", call("cancel_order", "{oops"))
    assert [type(each) for each in read(lines(broken, chat("c-1")))] == [
        Refusal,
        Conversation,
    ]


def test_a_conversation_without_a_name_is_called_after_file_and_line() -> None:
    found = read(lines(chat(None), [{"role": "user", "content": "hello"}]))
    assert [each.id for each in found if isinstance(each, Conversation)] == [
        "shop:1",
        "shop:2",
    ]


@pytest.mark.parametrize(
    ("more", "confidence"),
    [
        ({}, None),
        ({"agreement": {"2/call_1": 0.33}}, 0.33),
        ({"confidence": 0.5}, 0.5),
        ({"confidence": {"call_1": 1}}, 1.0),
        ({"agreement": {"9/other": 0.9}}, None),
        ({"agreement": {"2/call_1": 0.1}, "confidence": 0.9}, 0.1),
    ],
)
def test_confidence_is_what_the_file_says_and_else_unknown(more: dict[str, Any], confidence: float | None) -> None:
    assert accepted(chat("c-1", **more)).calls[0].confidence == confidence


def test_an_id_that_occurs_twice_gives_no_confidence_without_its_message() -> None:
    row = chat("c-1", confidence={"call_1": 0.9})
    row["messages"].append({"role": "assistant", "tool_calls": [call("cancel_order", {"order_id": "A2"})]})
    assert [each.confidence for each in accepted(row).calls] == [None, None]


def test_a_list_in_a_json_file_is_read_one_by_one_with_the_line_of_each() -> None:
    data = json.dumps([chat("c-1"), chat("c-2") | {"messages": "no"}, chat("c-3")], indent=1).encode()
    found = read(data, "shop.json")
    assert [each.id for each in found if isinstance(each, Conversation)] == [
        "c-1",
        "c-3",
    ]
    (refusal,) = [each for each in found if isinstance(each, Refusal)]
    assert (refusal.name, data.splitlines()[refusal.line].strip()) == (
        "c-2",
        b'"conversation_id": "c-2",',
    )


def test_a_json_file_may_be_one_conversation_or_just_its_messages() -> None:
    assert [each.id for each in read(json.dumps(chat("c-1")).encode(), "a/one.json")] == ["c-1"]  # type: ignore[union-attr]
    bare = read(json.dumps(chat("c-1")["messages"]).encode(), "a/one.json")
    assert [each.id for each in bare] == ["one:1"]  # type: ignore[union-attr]


def test_a_list_that_breaks_off_keeps_what_came_before() -> None:
    data = json.dumps([chat("c-1"), chat("c-2")]).encode()[:-40]
    found = read(data, "shop.json")
    assert isinstance(found[0], Conversation)
    assert isinstance(found[1], Refusal)
    assert "is not JSON" in found[1].reason


def test_the_context_of_a_call_ends_before_it() -> None:
    found = accepted(chat("c-1"))
    shown = found.before(found.calls[0])
    assert "Please cancel order A1." in shown
    assert "Done." not in shown
    assert found.last_word(found.calls[0]) == "Please cancel order A1."


def test_a_context_that_is_too_long_says_how_much_it_leaves_out() -> None:
    row = chat("c-1")
    row["messages"][0]["content"] = "x" * 5000
    found = accepted(row)
    shown = found.before(found.calls[0], limit=2000)
    assert shown.startswith("(1 earlier messages are left out here)\n[1] user: Please")


def test_a_conversation_travels_as_ascii_and_arrives_the_same() -> None:
    row = json.dumps(
        chat("c-1") | {"messages": [{"role": "user", "content": "Zoë 🛫 é"}]},
        ensure_ascii=False,
    )
    found = accepted(row)
    assert found.raw.isascii()
    again = transcripts.one(found.raw, name="x")
    assert isinstance(again, Conversation)
    assert again.messages == found.messages


def test_text_that_only_looks_like_an_escape_is_left_alone() -> None:
    row = chat("c-1") | {"messages": [{"role": "user", "content": r"the escape \u0000 is written so"}]}
    assert accepted(row).messages[0].text == r"the escape \u0000 is written so"


def test_parts_and_the_older_single_call_are_understood() -> None:
    row = {
        "conversation_id": "c-1",
        "messages": [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "hi"},
                    {"type": "image_url", "image_url": {}},
                ],
            },
            {
                "role": "assistant",
                "content": None,
                "function_call": {"name": "cancel_order", "arguments": "{}"},
            },
        ],
    }
    found = accepted(row)
    assert found.messages[0].text == "hi\n[image_url]"
    assert [each.key for each in found.calls] == ["1/function_call"]
