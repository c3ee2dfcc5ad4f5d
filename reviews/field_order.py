"""The order in which a JSON Schema names its properties, which a jsonb column does not keep. Pure.

Kept beside the schema as a list of [path of keys, names], since a list keeps its order.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

DEEPEST = 32


def order_of(schema: Any) -> list[list[list[str]]]:
    """[[path, names], ...] for each mapping of a schema; the path is how to get there from the top."""
    return [[list(path), names] for path, names in _walk(schema, ())]


def _walk(part: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[str]]]:
    if len(path) > DEEPEST:
        return
    if isinstance(part, Mapping):
        if path and path[-1] == "properties":
            yield path, [str(key) for key in part]
        for key, one in part.items():
            yield from _walk(one, (*path, str(key)))
    elif isinstance(part, list | tuple):
        for number, one in enumerate(part):
            yield from _walk(one, (*path, str(number)))


def in_order(schema: Mapping[str, Any], order: Sequence[Sequence[Sequence[str]]]) -> dict[str, Any]:
    """The schema with its properties as they were named; what the order does not know comes last."""
    known = {tuple(path): names for path, names in order}
    found: dict[str, Any] = _ordered(schema, (), known)
    return found


def _ordered(part: Any, path: tuple[str, ...], known: Mapping[tuple[str, ...], Sequence[str]]) -> Any:
    if isinstance(part, Mapping):
        names = [name for name in known.get(path, ()) if name in part]
        keys = [*names, *(key for key in part if key not in names)]
        return {key: _ordered(part[key], (*path, str(key)), known) for key in keys}
    if isinstance(part, list):
        return [_ordered(one, (*path, str(number)), known) for number, one in enumerate(part)]
    return part
