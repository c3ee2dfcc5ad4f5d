"""Whose data a payload is: which field of a type names the subject, and under which kind it is found. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

KIND = re.compile(r"[a-z][a-z0-9_]{0,62}")
_DEEPEST = 32
_FOUND_BY = {"string", "integer"}


class BadSubject(ValueError):
    """The type cannot name its subject so; the message says why."""


def kind_of(path: str, kind: str = "") -> str:
    """What the subject's value is called across types: `customer_id`, `mail`. The path's last word, if nothing else."""
    return kind or path.rpartition(".")[2]


def demand_subject(schema: Mapping[str, Any], path: str, kind: str = "") -> None:
    """Raises BadSubject unless the path leads to one text or whole number of the schema, and can be looked up."""
    if not path:
        if kind:
            raise BadSubject("a kind of subject needs the field that names the subject")
        return
    part = _at(schema, path)
    if part is None:
        raise BadSubject(f"the payload has no field {path}")
    if not set(_types(part, schema)) & _FOUND_BY:
        raise BadSubject(f"{path} is neither a text nor a whole number")
    if not KIND.fullmatch(kind_of(path, kind)):
        raise BadSubject(f"{kind_of(path, kind)!r} is no kind of subject: lower-case letters, digits, underscores")


def _at(schema: Mapping[str, Any], path: str) -> Mapping[str, Any] | None:
    part = _followed(schema, schema)
    for key in path.split("."):
        fields = part.get("properties")
        if not isinstance(fields, Mapping) or not isinstance(fields.get(key), Mapping):
            return None
        part = _followed(fields[key], schema)
    return part


def _types(part: Mapping[str, Any], root: Mapping[str, Any]) -> Iterator[str]:
    """Of a part and of its alternatives: `integer or null` is a whole number."""
    named = part.get("type")
    yield from [named] if isinstance(named, str) else named if isinstance(named, list) else []
    for branch in [*part.get("anyOf", ()), *part.get("oneOf", ())]:
        if isinstance(branch, Mapping):
            yield from _types(_followed(branch, root), {})  # one step deep, so that no circle is walked


def _followed(part: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """A reference within the document, followed; a remote one leads nowhere."""
    for _ in range(_DEEPEST):
        reference = part.get("$ref")
        if not isinstance(reference, str):
            return part
        found: Any = root if reference.startswith("#/") else {}
        for name in reference.removeprefix("#/").split("/"):
            found = found.get(name) if isinstance(found, Mapping) else None
        part = found if isinstance(found, Mapping) else {}
    return {}
