"""A payload as form fields made from its JSON Schema, and back with every type kept. Pure.

What the form does not show is carried over unchanged. A value that does not
fit is handed on as it was typed, so that the type's own check names the path.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from reviews.errors import InvalidPayload
from reviews.queries.payload import follow
from reviews.schemas import decode
from reviews.visible import has_hidden, visible

_KINDS = {"string": "text", "integer": "number", "number": "decimal", "boolean": "boolean"}


class Posted(Protocol):
    """The part of Django's QueryDict that is read."""

    def get(self, key: str, /) -> Any: ...
    def __contains__(self, key: object, /) -> bool: ...


@dataclass(frozen=True, slots=True)
class Field:
    """One field: where it stands in the payload, how it is shown, and what it holds."""

    at: tuple[str | int, ...]
    path: str
    label: str
    kind: str  # heading, text, lines, number, decimal, boolean, choice, date, list, json, fixed
    value: str = ""
    options: tuple[tuple[str, str], ...] = ()
    nullable: bool = False
    required: bool = True
    help: str = ""
    material: bool = False
    minimum: str = ""
    maximum: str = ""
    depth: int = 0

    @property
    def hidden(self) -> str:
        """The value with its hidden characters written out, where it has any."""
        return visible(self.value) if has_hidden(self.value.replace("\n", "")) else ""

    @property
    def name(self) -> str:
        return f"f-{self.path}"


def build(payload: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Field]:
    """The fields of this payload, in the schema's order."""
    return list(_object(payload, schema, schema, (), 0))


def _object(
    value: Mapping[str, Any], part: Mapping[str, Any], root: Mapping[str, Any], at: tuple[str | int, ...], depth: int
) -> Iterator[Field]:
    part = follow(part, root, value)
    named = part.get("properties", {})
    wanted = set(part.get("required", ()))
    for key in [*named, *(key for key in value if key not in named)]:
        child, there = named.get(key, {}), key in value
        if there or key in named:
            held = value[key] if there else child.get("default") if isinstance(child, Mapping) else None
            yield from _any(held, child, root, (*at, key), depth, required=key in wanted)


def _any(
    value: Any, part: Any, root: Mapping[str, Any], at: tuple[str | int, ...], depth: int, *, required: bool
) -> Iterator[Field]:
    shape = follow(part, root, value)
    if isinstance(value, Mapping) and shape.get("properties"):
        yield Field(at, _path(at), _label(at, shape), "heading", depth=depth)
        yield from _object(value, shape, root, at, depth + 1)
    elif isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
        for number, one in enumerate(value):
            yield from _any(one, shape.get("items", {}), root, (*at, number), depth, required=True)
    else:
        yield _leaf(value, shape, at, depth, nullable=_nullable(part), required=required)


def _leaf(
    value: Any, shape: Mapping[str, Any], at: tuple[str | int, ...], depth: int, *, nullable: bool, required: bool
) -> Field:
    kind = _kind(value, shape)
    return Field(
        at=at,
        path=_path(at),
        label=_label(at, shape),
        kind=kind,
        value=_text(value, kind),
        options=tuple((_json(option), str(option)) for option in shape.get("enum", ())),
        nullable=nullable,
        required=required and not nullable,
        help=str(shape.get("description", "")),
        material=bool(shape.get("x-material")),
        minimum=str(shape.get("minimum", "")),
        maximum=str(shape.get("maximum", "")),
        depth=depth,
    )


def _kind(value: Any, shape: Mapping[str, Any]) -> str:
    if shape.get("readOnly") or "const" in shape:
        return "fixed"
    if "enum" in shape:
        return "choice"
    if isinstance(value, Mapping) or shape.get("type") == "object":
        return "json"
    if isinstance(value, list) or shape.get("type") == "array":
        return "list" if all(isinstance(one, str) for one in value or ()) else "json"
    if shape.get("format") == "date":
        return "date"
    return _scalar(value, shape)


def _scalar(value: Any, shape: Mapping[str, Any]) -> str:
    if isinstance(value, str) and shape.get("type") != "number":
        return "lines" if len(value) > 80 or "\n" in value else "text"
    guess = {bool: "boolean", int: "integer"}.get(type(value), "string")
    return _KINDS.get(str(shape.get("type", guess)), "json" if value is not None else "text")


def _nullable(part: Any) -> bool:
    if not isinstance(part, Mapping):
        return False
    kinds = part.get("type")
    return (isinstance(kinds, list) and "null" in kinds) or any(
        isinstance(branch, Mapping) and branch.get("type") == "null" for branch in part.get("anyOf", ())
    )


def _text(value: Any, kind: str) -> str:
    if kind == "list":
        return "\n".join(value or ())
    if kind in ("json", "choice"):
        return "" if value is None else _json(value)
    if kind == "boolean":
        return "true" if value else ""
    return "" if value is None else str(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


def _path(at: tuple[str | int, ...]) -> str:
    path = ""
    for key in at:
        path += f"[{key}]" if isinstance(key, int) else f".{key}" if path else key
    return path


def _label(at: tuple[str | int, ...], shape: Mapping[str, Any]) -> str:
    if shape.get("title"):
        return str(shape["title"])
    last = at[-1]
    if isinstance(last, int):
        return f"{str(at[-2]).replace('_', ' ').capitalize()} {last + 1}"
    return last.replace("_", " ").capitalize() or "(no name)"


def read(payload: Mapping[str, Any], schema: Mapping[str, Any], posted: Posted) -> dict[str, Any]:
    """The payload with what was typed. Fields that were not sent keep their value."""
    edited = copy.deepcopy(dict(payload))
    for field in build(payload, schema):
        if field.kind in ("heading", "fixed") or not _sent(field, posted):
            continue
        typed = str(posted.get(field.name) or "")
        if typed.replace("\r\n", "\n") == field.value:
            continue
        _put(edited, field.at, _value(field, typed))
    return edited


def _sent(field: Field, posted: Posted) -> bool:
    """An unticked box sends nothing, so a hidden twin says that the box was there."""
    return field.name in posted or (field.kind == "boolean" and f"b-{field.path}" in posted)


def _value(field: Field, typed: str) -> Any:
    text = typed.replace("\r\n", "\n")
    if not text and field.nullable:
        return None
    if field.kind == "boolean":
        return text != ""
    if field.kind == "number":
        return _whole(text)
    if field.kind == "list":
        return [line for line in text.split("\n") if line]
    if field.kind in ("json", "choice"):
        return _decoded(field, text)
    return text


def _whole(text: str) -> int | str:
    """An integer where it is one; otherwise what was typed, for the type to refuse by name."""
    plain = text.strip()
    digits = plain.removeprefix("-")
    return int(plain) if digits.isascii() and digits.isdigit() and len(digits) <= 17 else text


def _decoded(field: Field, text: str) -> Any:
    try:
        return decode(text)
    except InvalidPayload as exc:
        message = "is not valid JSON"
        raise InvalidPayload(f"{field.path}: {message}", [{"path": field.path, "message": message}]) from exc


def _put(target: Any, at: tuple[str | int, ...], value: Any) -> None:
    for key in at[:-1]:
        target = target[key] if isinstance(key, int) else target.setdefault(key, {})
    target[at[-1]] = value
