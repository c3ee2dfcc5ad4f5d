"""A payload as a person reads it: labelled fields in the schema's order, and what an edit changed. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from reviews.masking import LONGEST_SHOWN, MASK, is_secret, marked, masked
from reviews.visible import Domain, clip, foreign_domains, has_hidden, mixed_words, towers

DEEPEST = 32


@dataclass(frozen=True, slots=True)
class Shown:
    """One value of a payload. `more`: characters clipped, never silently; `secret`: part of it is masked."""

    path: str
    label: str
    text: str
    depth: int = 0
    heading: bool = False
    long: bool = False
    more: int = 0
    hidden: bool = False
    machine: bool = False
    domains: tuple[Domain, ...] = ()
    alike: tuple[str, ...] = ()  # words in two alphabets that look alike
    help: str = ""
    material: bool = False
    secret: bool = False
    number: bool = False


@dataclass(frozen=True, slots=True)
class Sight:
    """How much of a payload is shown: everything at full length, and secrets bare."""

    whole: bool = False
    bare: bool = False


FIRST_SIGHT = Sight()
ALL = Sight(whole=True, bare=True)


@dataclass(frozen=True, slots=True)
class Change:
    """One value that an edit changed; None where it was absent."""

    path: str
    label: str
    before: str | None
    after: str | None
    percent: str = ""


@dataclass(frozen=True, slots=True)
class _Walk:
    """What stays the same on the way through one payload."""

    root: Mapping[str, Any]
    machine: frozenset[str]
    secret: frozenset[str]
    sight: Sight

    def values(self, value: Any, schema: Mapping[str, Any], path: str, label: str, depth: int) -> Iterator[Shown]:
        part = follow(schema, self.root, value)
        if isinstance(value, Mapping) and value:
            if path:
                yield Shown(path, label, "", depth, heading=True)
            for key in _ordered(value, part):
                child = part.get("properties", {}).get(key, {})
                yield from self.values(value[key], child, _join(path, key), _label(key, child), depth + bool(path))
        elif isinstance(value, list) and any(isinstance(one, Mapping | list) for one in value):
            for number, one in enumerate(value):
                name = f"{label} {number + 1}"
                yield from self.values(one, part.get("items", {}), f"{path}[{number}]", name, depth)
        else:
            yield self._leaf(value, part, path, label, depth)

    def _leaf(self, value: Any, part: Mapping[str, Any], path: str, label: str, depth: int) -> Shown:
        text = words(value)
        told, secret = self._told(text, path, part)
        clipped = clip(told, len(told) if self.sight.whole else LONGEST_SHOWN)
        return Shown(
            path=path,
            label=label or "value",
            text=clipped.text,
            depth=depth,
            long=len(told) > 120 or "\n" in told,
            more=clipped.more,
            hidden=has_hidden(text) or towers(text),
            machine=path.split("[")[0] in self.machine,
            domains=tuple(foreign_domains(clipped.text)),
            alike=tuple(mixed_words(clipped.text)),
            help=str(part.get("description", "")),
            material=bool(part.get("x-material")),
            secret=secret,
            number=_is_number(value),
        )

    def _told(self, text: str, path: str, part: Mapping[str, Any]) -> tuple[str, bool]:
        """A value as it may be shown, and whether it holds a secret."""
        secret = is_secret(path, part, self.secret) and text not in ("nothing", "empty")
        safe = MASK if secret else masked(text)
        return (text if self.sight.bare else safe), safe != text


_FRACTION = re.compile(r"-?[0-9]{1,40}\.[0-9]{1,40}")


def _is_number(value: Any) -> bool:
    """Whether a value is an amount of something. Whole numbers in text are names of things; fractions lie as text."""
    if isinstance(value, str):
        return _FRACTION.fullmatch(value) is not None
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def fields(
    payload: Any, schema: Mapping[str, Any], machine: Sequence[str] = (), sight: Sight = FIRST_SIGHT
) -> list[Shown]:
    """Every value of the payload, in the schema's order, then what the schema does not name."""
    return list(_Walk(schema, frozenset(machine), marked(schema), sight).values(payload, schema, "", "", 0))


def words(value: Any) -> str:
    """A value as text that cannot be confused with another type's."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(words(one) for one in value) or "none"
    return "empty" if value in ("", {}) else str(value)


def _ordered(value: Mapping[str, Any], part: Mapping[str, Any]) -> list[str]:
    named = [key for key in part.get("properties", {}) if key in value]
    return named + [key for key in value if key not in named]


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _label(key: str, part: Mapping[str, Any]) -> str:
    own = part.get("title")
    return str(own) if own else key.replace("_", " ").capitalize() or "(no name)"


def follow(schema: Any, root: Mapping[str, Any], value: Any = None) -> Mapping[str, Any]:
    """The schema behind references and the branch of a union that the value belongs to."""
    for _ in range(DEEPEST):
        if not isinstance(schema, Mapping):
            return {}
        if "$ref" in schema:
            schema = {**_target(schema["$ref"], root), **{k: v for k, v in schema.items() if k != "$ref"}}
            continue
        branches = schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf")
        if not branches:
            return schema
        kept = {k: v for k, v in schema.items() if k not in ("anyOf", "oneOf", "allOf", "default")}
        schema = {**_branch(branches, root, value), **kept}
    return {}


def _target(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Any = root
    for part in reference.removeprefix("#/").split("/"):
        found = found.get(part, {}) if isinstance(found, Mapping) else {}
    return found if isinstance(found, Mapping) else {}


def _branch(branches: Sequence[Any], root: Mapping[str, Any], value: Any) -> Mapping[str, Any]:
    for branch in branches:
        resolved = _target(branch["$ref"], root) if isinstance(branch, Mapping) and "$ref" in branch else branch
        if isinstance(resolved, Mapping) and _fits(resolved, value):
            return resolved
    real = [b for b in branches if isinstance(b, Mapping) and b.get("type") != "null"]
    return real[0] if real else {}


def _fits(part: Mapping[str, Any], value: Any) -> bool:
    """Whether a branch is the one: its type, and the constants by which unions are told apart."""
    names: dict[str, type | tuple[type, ...]] = {
        "object": Mapping, "array": list, "string": str, "boolean": bool, "null": type(None), "integer": int,
        "number": (int, Decimal),
    }  # fmt: skip
    kind = names.get(str(part.get("type", "object")))
    if kind is None or not isinstance(value, kind) or (isinstance(value, bool) and part.get("type") != "boolean"):
        return False
    if not isinstance(value, Mapping):
        return True
    constants = {
        k: p["const"] for k, p in part.get("properties", {}).items() if isinstance(p, Mapping) and "const" in p
    }
    return all(value.get(key) == wanted for key, wanted in constants.items())


def changes(before: Any, after: Any, schema: Mapping[str, Any]) -> list[Change]:
    """What differs between two payloads, value by value; a secret that differs is told, not shown."""
    old = {shown.path: shown for shown in fields(before, schema, sight=ALL) if not shown.heading}
    new = {shown.path: shown for shown in fields(after, schema, sight=ALL) if not shown.heading}
    paths = list(dict.fromkeys([*old, *new]))
    return [_change(path, old.get(path), new.get(path)) for path in paths if _differs(old.get(path), new.get(path))]


def _differs(before: Shown | None, after: Shown | None) -> bool:
    return before is None or after is None or before.text != after.text


def _change(path: str, before: Shown | None, after: Shown | None) -> Change:
    known = after or before
    label = known.label if known else path
    return Change(path, label, _brief(before), _brief(after), _grown(before, after))


def _grown(before: Shown | None, after: Shown | None) -> str:
    counted = before is not None and after is not None and before.number and after.number
    return percent(before.text, after.text) if counted and before and after else ""


def _brief(shown: Shown | None) -> str | None:
    if shown is None or not (shown.secret or len(shown.text) > LONGEST_SHOWN):
        return shown.text if shown else None
    text = MASK if shown.secret else shown.text
    short, more = clip(text, LONGEST_SHOWN)
    return f"{short} [{more:,} more characters]" if more else short


def percent(before: str | None, after: str | None) -> str:
    """How much a number grew or shrank: `-77 %`."""
    try:
        old, new = Decimal(before or ""), Decimal(after or "")
    except InvalidOperation:
        return ""
    if not old.is_finite() or not new.is_finite() or old == 0:
        return ""
    return f"{(new - old) / abs(old) * 100:+.0f} %"
