"""What kind of answer a question asks for, and whether an answer is of that kind. Pure.

Free text needs no word; {"kind": "choice", "options": [...]}, {"kind": "field", "path": "order.total"} and
{"kind": "attachment"} are the others.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from reviews.errors import InvalidDecision
from reviews.policy.amounts import value_at
from reviews.queries.payload import follow

KINDS = ("choice", "field", "attachment")
MOST_OPTIONS = 20


def checked(expects: Mapping[str, Any] | None, payload: Mapping[str, Any]) -> dict[str, Any] | None:
    """`expects` as it is kept, or None for free text. InvalidDecision for what nobody could answer."""
    kind = (expects or {}).get("kind")
    if expects is None or kind == "text":
        return None
    if kind == "choice":
        options = [str(one) for one in expects.get("options", ()) if str(one).strip()][:MOST_OPTIONS]
        if len(set(options)) < 2:
            raise InvalidDecision("write at least two choices, one on each line")
        return {"kind": "choice", "options": list(dict.fromkeys(options))}
    if kind == "field":
        path = str(expects.get("path", ""))
        if value_at(payload, path) is None and path not in payload:
            raise InvalidDecision(f"the payload has no field {path or 'of that name'}")
        return {"kind": "field", "path": path}
    if kind == "attachment":
        return {"kind": "attachment"}
    raise InvalidDecision("ask for free text, a choice, a field or a file")


def narrowed(payload: Mapping[str, Any], schema: Mapping[str, Any], path: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """A payload and a schema of one field, for a form that shows nothing else."""
    part: Mapping[str, Any] = follow(schema, schema, payload)
    value: Any = payload
    for key in path.split("."):
        part = follow(part.get("properties", {}).get(key, {}), schema)
        value = value.get(key) if isinstance(value, Mapping) else None
    name = path.rpartition(".")[2]
    rest = {key: schema[key] for key in ("$defs", "definitions") if key in schema}
    return {name: value}, {**rest, "properties": {name: dict(part)}, "required": [name]}


def answer_form(payload: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the form is made of that answers an agent's question: its options, its schema, or words."""
    options, form = payload.get("options"), payload.get("schema")
    shape: dict[str, Any] = {"title": "Answer"}
    if options:
        shape |= {"enum": options}
    elif isinstance(form, Mapping):
        shape |= form
    else:
        shape |= {"type": "string"}
    empty: dict[str, Any] | None = {} if shape.get("type") == "object" else None
    held = payload.get("answer")
    return {"answer": empty if held is None else held}, {"properties": {"answer": shape}, "required": ["answer"]}


def replaced(payload: Mapping[str, Any], path: str, value: object) -> dict[str, Any]:
    """The payload with another value at a dotted path."""
    found = copy.deepcopy(dict(payload))
    place: Any = found
    *way, last = path.split(".")
    for key in way:
        place = place[key]
    place[last] = value
    return found


def demand_fit(expects: Mapping[str, Any], text: str, *, changed: bool, attached: bool) -> None:
    """InvalidDecision where an answer is not of the kind that was asked for. An agent may always say why not."""
    kind = expects.get("kind")
    if kind == "choice" and text not in expects.get("options", ()):
        raise InvalidDecision(f"choose one of: {', '.join(map(str, expects.get('options', ())))}")
    if kind == "field" and not changed:
        raise InvalidDecision(f"the question asks for another value of {expects.get('path')}")
    if kind == "attachment" and not attached:
        raise InvalidDecision("the question asks for a file")
