"""What was typed, as a payload: every value in its type, what was not sent as it was."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from reviews.errors import InvalidPayload
from reviews.queries.payload import follow
from reviews.schema_form.shapes import (
    At,
    blank,
    branch_of,
    branches,
    is_group,
    is_rows,
    kind_of,
    nullable,
    path_of,
    shape_of,
    switched,
    text_of,
    unset,
)
from reviews.schemas import decode

MOST_ROWS = 1_000
NEW = "+"
_GONE = object()  # a field that is left out


class Posted(Protocol):
    """The part of Django's QueryDict that is read."""

    def get(self, key: str, /) -> Any: ...
    def __contains__(self, key: object, /) -> bool: ...


@dataclass(slots=True)
class Draft:
    """A payload as it would be saved, and where the rows of its lists come from."""

    payload: dict[str, Any]
    origins: dict[str, list[str]] = field(default_factory=dict)


def read(payload: Mapping[str, Any], schema: Mapping[str, Any], posted: Posted) -> dict[str, Any]:
    """The payload with what was typed. Fields that were not sent keep their value."""
    return draft(payload, schema, posted).payload


def draft(payload: Mapping[str, Any], schema: Mapping[str, Any], posted: Posted) -> Draft:
    """The same, with what a form needs to go on; a pressed button (`do`) adds, drops or leaves out a part."""
    reader = _Reader(schema, posted)
    held = copy.deepcopy(dict(payload))
    found = reader.group(held, follow(schema, schema, held), ())
    return Draft(found, reader.origins)


@dataclass(slots=True)
class _Reader:
    root: Mapping[str, Any]
    posted: Posted
    origins: dict[str, list[str]] = field(default_factory=dict)

    def group(self, held: dict[str, Any], shape: Mapping[str, Any], at: At) -> dict[str, Any]:
        named, wanted = shape.get("properties", {}), set(shape.get("required", ()))
        made = dict(held)
        for key in [*named, *(key for key in held if key not in named)]:
            part = named.get(key, {})
            there = key in held
            before = held[key] if there else unset(part, self.root)
            after = self.any(before, part, (*at, key), required=key in wanted)
            if after is _GONE:
                made.pop(key, None)
            elif there or after != before:
                made[key] = after
        return made

    def any(self, held: Any, part: Any, at: At, *, required: bool = True, row: bool = False) -> Any:
        path = path_of(at)
        optional = not row and (nullable(part) or not required)
        if optional and self._left_out(path):
            return None if nullable(part) else _GONE
        if held is None and (self._pressed("insert", path) or f"o-{path}" in self.posted):
            held = self._fresh(part)
        held, shape = self._kind(held, part, path)
        if is_group(held, shape):
            return self.group(dict(held), shape, at)
        if is_rows(held, shape) and not (held is None and nullable(part)):
            return self._rows(held or [], shape, at)
        return self._leaf(held, part, shape, at, required=required)

    def _left_out(self, path: str) -> bool:
        """It was taken out, in this step or in one before that the form remembers."""
        return self._pressed("clear", path) or (f"x-{path}" in self.posted and not self._pressed("insert", path))

    def _fresh(self, part: Any) -> Any:
        """A part that was left out and is wanted after all."""
        kinds = branches(part, self.root)
        if kinds:
            return switched({}, kinds[0], self.root)
        shape = shape_of(part, self.root)
        return [] if shape.get("type") == "array" else blank(_bare(shape), self.root)

    def _kind(self, held: Any, part: Any, path: str) -> tuple[Any, Mapping[str, Any]]:
        """The value as the kind of its union that was chosen, and the shape of that kind."""
        kinds = branches(part, self.root)
        if not kinds or held is None:
            return held, shape_of(part, self.root, held)
        now = branch_of(held, kinds)
        said = str(self.posted.get(f"u-{path}") or "")
        wanted = int(said) if said.isascii() and said.isdigit() and len(said) < 4 else now
        if wanted != now and wanted < len(kinds):
            return switched(held, kinds[wanted], self.root), kinds[wanted].shape
        return held, kinds[now].shape

    def _rows(self, held: list[Any], shape: Mapping[str, Any], at: At) -> list[Any]:
        path, part = path_of(at), shape.get("items", {})
        order = self._order(path, len(held))
        made: list[Any] = []
        kept: list[str] = []
        for number, origin in enumerate(order):
            before = held[int(origin)] if origin != NEW else blank(part, self.root)
            after = self.any(before, part, (*at, number), row=True)
            unfilled = origin == NEW and after in (None, "") and "do" not in self.posted
            if unfilled or self._pressed("drop", f"{path}[{number}]"):
                continue
            made.append(after)
            kept.append(origin)
        if self._pressed("add", path) and len(made) < MOST_ROWS:
            made.append(blank(part, self.root))
            kept.append(NEW)
        self.origins[path] = kept
        return made

    def _order(self, path: str, rows: int) -> list[str]:
        said = self.posted.get(f"k-{path}")
        if said is None:
            return [str(number) for number in range(rows)]
        known = {str(number) for number in range(rows)} | {NEW}
        return [origin for origin in str(said).split(",") if origin in known][:MOST_ROWS]

    def _pressed(self, button: str, path: str) -> bool:
        return str(self.posted.get("do") or "") == f"{button}:{path}"

    def _leaf(self, held: Any, part: Any, shape: Mapping[str, Any], at: At, *, required: bool) -> Any:
        kind, path = kind_of(held, part, shape), path_of(at)
        sent = f"f-{path}" in self.posted or (kind == "boolean" and f"b-{path}" in self.posted)
        typed = str(self.posted.get(f"f-{path}") or "").replace("\r\n", "\n")
        if kind == "fixed" or not sent or typed == text_of(held, kind):
            return held
        if not typed and nullable(part):
            return None
        if not typed and not required and kind not in ("text", "lines", "boolean"):
            return _GONE
        return _value(kind, typed, path)


def _bare(shape: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in shape.items() if key != "default"}


def _value(kind: str, text: str, path: str) -> Any:
    if kind == "boolean":
        return text != ""
    if kind == "number":
        return _whole(text)
    if kind == "decimal":
        return text.strip()
    return _decoded(text, path) if kind in ("json", "choice") else text


def _whole(text: str) -> int | str:
    """An integer where it is one; otherwise what was typed, for the type to refuse by name."""
    digits = text.strip().removeprefix("-")
    return int(text) if digits.isascii() and digits.isdigit() and len(digits) <= 17 else text


def _decoded(text: str, path: str) -> Any:
    try:
        return decode(text)
    except InvalidPayload as exc:
        message = "is not valid JSON"
        raise InvalidPayload(f"{path}: {message}", [{"path": path, "message": message}]) from exc
