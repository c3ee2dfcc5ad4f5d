"""Secrets in what agents propose, masked wherever nobody asked to see them; and what is too long to be read. Pure.

Nothing here changes what is stored or approved: a digest is over the real bytes. A pattern that takes an
order number for a card number costs a click; one that shows a key in a list cannot be taken back.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

MASK = "[secret]"
LONGEST_SHOWN = 1_500  # characters of one value that a page shows unasked
MOST_READ = 100_000  # characters of a whole payload that anybody can be said to have read
_SHAPES = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)"
    r"|\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"
    r"|\bgh[pousr]_[A-Za-z0-9]{36,}|\bgithub_pat_\w{22,}"
    r"|\bxox[abeprs]-[A-Za-z0-9-]{10,}"
    r"|\b(?:sk|rk|pk)[_-](?:live|test|proj|ant)?[_-]?[A-Za-z0-9_-]{16,}"
    r"|\bAIza[0-9A-Za-z_-]{35}"
    r"|\bglpat-[A-Za-z0-9_-]{20,}"
    r"|\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"
    r"|(?<=Bearer )[A-Za-z0-9._~+/-]{12,}=*"
    r"|(?<=://)[^\s/:@]{1,64}:[^\s/@]{1,256}(?=@)",
    re.DOTALL,
)
_NAMED = re.compile(
    r"(?i)\b(pass(?:word|wd|phrase)?|pwd|secret|api[_ -]?key|access[_ -]?key|client[_ -]?secret"
    r"|(?:auth|access|refresh)?[_ -]?token|pin|cvv)(\"?\s*[:=]\s*\"?)([^\s\",;]{4,})"
)
_CARD = re.compile(r"(?<![\w.,-])[3-6](?:[ -]?[0-9]){12,18}(?![\w-])")
_KEY = re.compile(
    r"(?i)(^|[._-])(pass(word|wd|phrase)?|pwd|secret|api_?key|private_?key|access_?key|token|cvv|pin)s?([._-]|$|\[)"
)

_STEP = re.compile(r"\.|\[[0-9]+\]\.?")


def masked(text: str) -> str:
    """`text` with each secret replaced by [secret]."""
    text = _SHAPES.sub(MASK, text)
    text = _NAMED.sub(lambda m: m.group() if m[3].startswith(MASK) else f"{m[1]}{m[2]}{MASK}", text)
    return _CARD.sub(lambda m: MASK if _luhn(m.group()) else m.group(), text)


def holds_secret(text: str) -> bool:
    return masked(text) != text


def _luhn(text: str) -> bool:
    """Whether digits are the number of a payment card."""
    digits = [int(char) for char in text if char.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[::-2]) + sum(doubled)) % 10 == 0


def is_secret(path: str, schema: Mapping[str, Any], names: Collection[str] = ()) -> bool:
    """Whether a field is a secret by its schema or its name, whatever stands in it. `names`: what `marked` found."""
    said = schema.get("x-secret") or schema.get("writeOnly") or schema.get("format") == "password"
    return bool(said) or _KEY.search(path) is not None or (bool(names) and not set(_STEP.split(path)).isdisjoint(names))


def marked(schema: object) -> frozenset[str]:
    """The names of fields that a schema calls secret, wherever in it: a name too many costs a click."""
    if isinstance(schema, list | tuple):
        return frozenset().union(*map(marked, schema))
    if not isinstance(schema, Mapping):
        return frozenset()
    fields = schema.get("properties", {})
    named = fields.items() if isinstance(fields, Mapping) else ()
    own = frozenset(str(name) for name, part in named if _marks(part))
    return own.union(*map(marked, schema.values()))


def _marks(part: object) -> bool:
    """Whether a field is marked itself, in a branch of its union or in what its list holds."""
    if not isinstance(part, Mapping):
        return False
    branches = [one for key in ("anyOf", "oneOf", "allOf") for one in part.get(key, ())]
    return is_secret("", part) or any(_marks(one) for one in [*branches, part.get("items")])


def secret_values(payload: object, names: Collection[str] = (), path: str = "") -> Iterator[str]:
    """The paths of a payload under which a secret stands, by name, by shape or because its schema says so."""
    if isinstance(payload, Mapping):
        for key, one in payload.items():
            yield from secret_values(one, names, f"{path}.{key}" if path else str(key))
    elif isinstance(payload, list | tuple):
        for number, one in enumerate(payload):
            yield from secret_values(one, names, f"{path}[{number}]")
    elif _safe(payload, names, path) != payload:
        yield path


def redacted(payload: Any, names: Collection[str] = (), path: str = "") -> Any:
    """A payload with its secrets masked: for lists, search and whatever else goes where nobody asked for them."""
    if isinstance(payload, Mapping):
        return {key: redacted(one, names, f"{path}.{key}" if path else str(key)) for key, one in payload.items()}
    if isinstance(payload, list | tuple):
        return [redacted(one, names, f"{path}[{number}]") for number, one in enumerate(payload)]
    return _safe(payload, names, path)


def _safe(value: Any, names: Collection[str], path: str) -> Any:
    """One value, or its mask; a number is as good a secret as a text."""
    if value is None or value == "":
        return value
    if is_secret(path, {}, names):
        return MASK
    return value if isinstance(value, bool) or not holds_secret(str(value)) else masked(str(value))


def _lengths(payload: object) -> Iterator[int]:
    if isinstance(payload, Mapping):
        for key, one in payload.items():
            yield len(str(key))
            yield from _lengths(one)
    elif isinstance(payload, list | tuple):
        for one in payload:
            yield from _lengths(one)
    else:
        yield len(str(payload))


def uninspectable(payload: object) -> str:
    """Why nobody can be said to have read a payload, or an empty string. Such a one is never approved."""
    total = sum(_lengths(payload))
    return f"it holds {total:,} characters, more than the {MOST_READ:,} that anybody reads" if total > MOST_READ else ""


def folded(payload: object, names: Collection[str] = ()) -> bool:
    """Whether a page shows part of a payload only when asked: a long text clipped, a secret masked."""
    long = any(length > LONGEST_SHOWN for length in _lengths(payload))
    return long or any(True for _ in secret_values(payload, names))
