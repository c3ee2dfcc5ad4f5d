"""Small conversations in the OpenAI chat format, for tests."""

from __future__ import annotations

import json
from typing import Any


def call(tool: str, arguments: object, *, id: str = "call_1") -> dict[str, Any]:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": id, "type": "function", "function": {"name": tool, "arguments": text}}


def chat(id: str | None = "c-1", *calls: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = list(calls) or [call("cancel_order", {"order_id": "A1"})]
    row: dict[str, Any] = {
        "messages": [
            {"role": "system", "content": "You help customers."},
            {"role": "user", "content": "Please cancel order A1."},
            {"role": "assistant", "content": None, "tool_calls": made},
            *({"role": "tool", "tool_call_id": each["id"], "content": "{}"} for each in made),
            {"role": "assistant", "content": "Done."},
        ],
        **more,
    }
    return row if id is None else {"conversation_id": id, **row}


def lines(*rows: object) -> bytes:
    """A .jsonl file; rows that are strings stand as they are."""
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows).encode()
