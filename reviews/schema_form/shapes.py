"""What a part of a schema is: its kind of field, its branches, what a new one starts as; and names of places."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from reviews.queries.payload import follow

At = tuple[str | int, ...]
_SCALARS = {"string": "text", "integer": "number", "number": "decimal", "boolean": "boolean"}
_FORMATS = {"date": "date", "date-time": "datetime", "time": "time"}
LONG = 80
DEEPEST = 3  # parts of parts that a new one starts with; deeper ones are added by hand


class Branch(NamedTuple):
    """One of several kinds that a union of objects may be."""

    label: str
    shape: Mapping[str, Any]


def path_of(at: At) -> str:
    path = ""
    for key in at:
        path += f"[{key}]" if isinstance(key, int) else f".{key}" if path else key
    return path


def label_of(at: At, shape: Mapping[str, Any]) -> str:
    last = at[-1]
    if isinstance(last, int):
        name = next((str(key) for key in reversed(at) if isinstance(key, str)), "")
        return f"{name.replace('_', ' ').capitalize()} {last + 1}"
    return str(shape.get("title") or last.replace("_", " ").capitalize() or "(no name)")


def options_of(part: Any) -> list[Mapping[str, Any]]:
    """The alternatives of a union as they stand in the schema; none where it is none."""
    if not isinstance(part, Mapping):
        return []
    found = part.get("anyOf") or part.get("oneOf") or []
    return [one for one in found if isinstance(one, Mapping)]


def shape_of(part: Any, root: Mapping[str, Any], value: Any = None) -> Mapping[str, Any]:
    """The schema of a value, or of what it would be where it is left out."""
    if value is None and nullable(part):
        real = [one for one in options_of(part) if one.get("type") != "null"]
        union = "anyOf" if "anyOf" in part else "oneOf"
        part = {**part, union: real} if real else part
    return follow(part, root, value)


def nullable(part: Any) -> bool:
    kinds = part.get("type") if isinstance(part, Mapping) else None
    return (isinstance(kinds, list) and "null" in kinds) or any(o.get("type") == "null" for o in options_of(part))


def branches(part: Any, root: Mapping[str, Any]) -> list[Branch]:
    """The kinds of object among which a union chooses; empty unless there are two or more."""
    part = _behind(part, root)
    shapes = [follow(one, root) for one in options_of(part) if one.get("type") != "null"]
    objects = [shape for shape in shapes if shape.get("properties")]
    return [Branch(_named(shape, n), shape) for n, shape in enumerate(objects, 1)] if len(objects) > 1 else []


def _behind(part: Any, root: Mapping[str, Any]) -> Any:
    """A reference to a union is the union."""
    reference = part.get("$ref") if isinstance(part, Mapping) else None
    if not isinstance(reference, str):
        return part
    found: Any = root
    for name in reference.removeprefix("#/").split("/"):
        found = found.get(name, {}) if isinstance(found, Mapping) else {}
    return found if options_of(found) else part


def _named(shape: Mapping[str, Any], number: int) -> str:
    constants = [str(p["const"]) for p in _properties(shape) if "const" in p]
    return " ".join(constants) or str(shape.get("title") or f"kind {number}")


def _properties(shape: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from (p for p in shape.get("properties", {}).values() if isinstance(p, Mapping))


def branch_of(value: Any, found: list[Branch]) -> int:
    """Which of them a value is: the one whose constants it carries."""
    held = value if isinstance(value, Mapping) else {}
    for number, branch in enumerate(found):
        constants = {k: p["const"] for k, p in branch.shape["properties"].items() if "const" in p}
        if constants and all(held.get(key) == wanted for key, wanted in constants.items()):
            return number
    known = [len(held.keys() & branch.shape["properties"].keys()) for branch in found]
    return known.index(max(known))


def kind_of(value: Any, part: Any, shape: Mapping[str, Any]) -> str:
    """Which field shows a value that is no group and no list of rows."""
    if shape.get("readOnly") or "const" in shape:
        return "fixed"
    if "enum" in shape:
        return "choice"
    if isinstance(value, Mapping | list) or shape.get("type") in ("object", "array"):
        return "json"
    if any(one.get("type") == "number" for one in options_of(part)):
        return "decimal"
    if shape.get("type") == "boolean" and nullable(part):
        return "choice"
    return _FORMATS.get(str(shape.get("format"))) or _scalar(value, shape)


def _scalar(value: Any, shape: Mapping[str, Any]) -> str:
    if isinstance(value, str) and shape.get("type") not in ("number", "integer", "boolean"):
        return "lines" if len(value) > LONG or "\n" in value else "text"
    guess = {bool: "boolean", int: "integer"}.get(type(value), "string")
    kind = shape.get("type", guess)
    return _SCALARS.get(kind if isinstance(kind, str) else guess, "text")


def choices_of(part: Any, shape: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What a choice offers, as JSON and in words."""
    if "enum" in shape:
        return tuple((plain(option), str(option)) for option in shape["enum"] if option is not None)
    return (("true", "yes"), ("false", "no")) if shape.get("type") == "boolean" else ()


def is_rows(value: Any, shape: Mapping[str, Any]) -> bool:
    """Whether a list is shown row by row: one that the schema says something about."""
    listed = isinstance(value, list) or (value is None and shape.get("type") == "array")
    return listed and isinstance(shape.get("items"), Mapping) and not shape.get("readOnly")


def is_group(value: Any, shape: Mapping[str, Any]) -> bool:
    return isinstance(value, Mapping) and bool(shape.get("properties")) and not shape.get("readOnly")


def blank(part: Any, root: Mapping[str, Any], depth: int = 0) -> Any:
    """What a new value of this part starts as; what a person must fill in is None."""
    shape = shape_of(part, root)
    for key in ("const", "default"):
        if key in shape:
            return shape[key]
    if shape.get("type") == "array":
        return []
    if shape.get("type") == "boolean":
        return None if nullable(part) else False
    if not shape.get("properties") or depth > DEEPEST or (depth and nullable(part)):
        return None
    wanted = set(shape.get("required", ()))
    return {k: blank(p, root, depth + 1) for k, p in shape["properties"].items() if k in wanted}


def unset(part: Any, root: Mapping[str, Any]) -> Any:
    """What a field that the payload does not have is shown as: its default, and no object that nobody asked for."""
    shape = shape_of(part, root)
    return None if shape.get("properties") and "default" not in shape else blank(part, root, 1)


def switched(value: Any, branch: Branch, root: Mapping[str, Any]) -> dict[str, Any]:
    """A value turned into another kind of its union; what both kinds have is kept."""
    held = value if isinstance(value, Mapping) else {}
    fresh: dict[str, Any] = blank(branch.shape, root) or {}
    known = branch.shape["properties"]
    return fresh | {k: v for k, v in held.items() if k in known and "const" not in known[k]}


def text_of(value: Any, kind: str) -> str:
    """A value as its field holds it."""
    if kind in ("json", "choice"):
        return "" if value is None else plain(value)
    if kind == "boolean":
        return "true" if value else ""
    return "" if value is None else str(value)


def plain(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)


_STEP = re.compile(r"\[(\d+)\]|([^.\[\]]+)")


def located(path: str, payload: Any) -> str:
    """Where in the form an error belongs. Models name list rows and kinds of unions as steps of their own."""
    at: list[str | int] = []
    here = payload
    steps = [number or name for number, name in _STEP.findall(path)]
    for last, step in ((step is steps[-1], step) for step in steps):
        if isinstance(here, list) and step.isdigit():
            at.append(int(step))
            here = here[int(step)] if int(step) < len(here) else None
        elif isinstance(here, Mapping) and (step in here or last):
            at.append(step)
            here = here.get(step)
    return path_of(tuple(at))
