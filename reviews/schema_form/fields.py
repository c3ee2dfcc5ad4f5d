"""The fields of a payload, in the schema's order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reviews.queries.payload import follow
from reviews.schema_form.shapes import (
    At,
    branch_of,
    branches,
    choices_of,
    is_group,
    is_rows,
    kind_of,
    label_of,
    nullable,
    options_of,
    path_of,
    shape_of,
    text_of,
    unset,
)
from reviews.visible import has_hidden, visible

Origins = Mapping[str, list[str]]
_LIMITS = (
    ("minimum", "from {}"),
    ("exclusiveMinimum", "more than {}"),
    ("maximum", "to {}"),
    ("exclusiveMaximum", "less than {}"),
    ("minItems", "at least {} rows"),
    ("maxItems", "at most {} rows"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field: where it stands in the payload, how it is shown, and what it holds.

    Kinds: heading, rows, absent, branch; text, lines, number, decimal,
    boolean, choice, date, datetime, time, json; fixed is shown and never read.
    """

    path: str
    label: str
    kind: str
    value: str = ""
    options: tuple[tuple[str, str], ...] = ()
    nullable: bool = False
    required: bool = True
    help: str = ""
    limits: str = ""
    longest: int | None = None
    material: bool = False
    depth: int = 0
    row: bool = False  # a row of a list: it can be dropped
    clears: bool = False  # an optional part: it can be left out
    inserted: bool = False  # an optional part that was not there before
    order: str = ""  # of a list: where each of its rows comes from

    @property
    def hidden(self) -> str:
        """The value with its hidden characters written out, where it has any."""
        return visible(self.value) if has_hidden(self.value.replace("\n", "")) else ""

    @property
    def name(self) -> str:
        return f"f-{self.path}"


def build(payload: Mapping[str, Any], schema: Mapping[str, Any], origins: Origins | None = None) -> list[Field]:
    """The fields of this payload. `origins`: per list, which row of the stored payload each row was."""
    return list(_Builder(schema, origins or {}).group(payload, follow(schema, schema, payload), (), 0))


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands and what may be done with it there."""

    at: At
    depth: int
    part: Any
    required: bool = True
    row: bool = False


@dataclass(frozen=True, slots=True)
class _Builder:
    root: Mapping[str, Any]
    origins: Origins

    def group(self, value: Mapping[str, Any], shape: Mapping[str, Any], at: At, depth: int) -> Iterator[Field]:
        named = shape.get("properties", {})
        wanted = set(shape.get("required", ()))
        for key in [*named, *(key for key in value if key not in named)]:
            part = named.get(key, {})
            held = value[key] if key in value else unset(part, self.root)
            yield from self.any(held, _Place((*at, key), depth, part, key in wanted))

    def any(self, value: Any, place: _Place) -> Iterator[Field]:
        kinds = branches(place.part, self.root)
        shape = self._shape(value, place, bool(kinds))
        if is_group(value, shape):
            yield from self._group(value, shape, place, kinds)
        elif is_rows(value, shape) and not (value is None and nullable(place.part)):
            yield from self._rows(value or [], shape, place)
        elif value is None and (shape.get("properties") or shape.get("type") == "array"):
            yield self._field(place, shape, "absent")
        else:
            yield self._leaf(value, shape, place)

    def _shape(self, value: Any, place: _Place, union: bool) -> Mapping[str, Any]:  # noqa: FBT001
        if not union or value is None:
            return shape_of(place.part, self.root, value)
        kinds = branches(place.part, self.root)
        return kinds[branch_of(value, kinds)].shape

    def _group(self, value: Any, shape: Mapping[str, Any], place: _Place, kinds: list[Any]) -> Iterator[Field]:
        clears = not place.row and (nullable(place.part) or not place.required)
        yield self._field(place, shape, "heading", clears=clears, inserted=clears)
        hidden = set()
        if kinds:
            options = tuple((str(number), kind.label) for number, kind in enumerate(kinds))
            yield self._field(place, {}, "branch", value=str(branch_of(value, kinds)), options=options, label="Kind")
            hidden = {key for key, part in shape["properties"].items() if "const" in part}
        below = {**shape, "properties": {k: p for k, p in shape["properties"].items() if k not in hidden}}
        shown = {k: v for k, v in value.items() if k not in hidden}
        yield from self.group(shown, below, place.at, place.depth + 1)

    def _rows(self, value: list[Any], shape: Mapping[str, Any], place: _Place) -> Iterator[Field]:
        path = path_of(place.at)
        order = self.origins.get(path) or [str(n) for n in range(len(value))]
        clears = nullable(place.part)
        yield self._field(place, shape, "rows", order=",".join(order), clears=clears, inserted=clears)
        for number, one in enumerate(value):
            at = (*place.at, number)
            yield from self.any(one, _Place(at, place.depth + 1, shape.get("items", {}), row=True))

    def _leaf(self, value: Any, shape: Mapping[str, Any], place: _Place) -> Field:
        kind = kind_of(value, place.part, shape)
        return self._field(
            place,
            shape,
            kind,
            value=text_of(value, kind),
            options=choices_of(place.part, shape),
            longest=shape.get("maxLength"),
        )

    def _field(self, place: _Place, shape: Mapping[str, Any], kind: str, **more: Any) -> Field:
        empty = nullable(place.part)
        given = {
            "label": label_of(place.at, shape),
            "help": str(shape.get("description", "")),
            "limits": ", ".join(_limits(place.part, shape)),
            "material": bool(shape.get("x-material")),
        }
        return Field(
            path=path_of(place.at),
            kind=kind,
            nullable=empty,
            required=place.required and not empty,
            depth=place.depth,
            row=place.row and kind != "branch",
            **{**given, **more},
        )


def _limits(part: Any, shape: Mapping[str, Any]) -> Iterator[str]:
    for key, words in _LIMITS:
        found = [one[key] for one in (shape, *options_of(part)) if key in one]
        if found:
            yield words.format(found[0])
