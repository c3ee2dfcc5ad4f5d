"""The one encoding of everything that is hashed: a profile of RFC 8785 (JCS).

ASCII keys; strings in NFC without NUL or lone surrogates; integers |n| < 2**53; booleans, null, arrays,
objects. No floats: money is in minor units, probabilities are per mille. Inside this profile the standard
library's `json`, `orjson` and `rfc8785` write the same bytes.
"""

import base64
import json
import unicodedata
from datetime import UTC, datetime
from typing import Any

LIMIT = 2**53


class NotCanonical(ValueError):
    """A value outside the profile; the message says where and why."""


def encode(value: Any) -> bytes:
    """Canonical bytes of a JSON value. Raises NotCanonical."""
    check(value)
    return _dumps(value)


def _dumps(value: Any) -> bytes:
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return text.encode()


def check(value: Any, path: str = "$") -> None:
    """Raise NotCanonical if `value` lies outside the profile."""
    match value:
        case None | bool():
            return
        case str():
            _check_text(value, path)
        case int():
            if not -LIMIT < value < LIMIT:
                raise NotCanonical(f"{path}: the integer does not fit into 53 bits")
        case list() | tuple():
            for place, part in enumerate(value):
                check(part, f"{path}[{place}]")
        case dict():
            for key, part in value.items():
                _check_key(key, path)
                check(part, f"{path}.{key}")
        case _:
            raise NotCanonical(f"{path}: {type(value).__name__} has no canonical form")


def _check_text(value: str, path: str) -> None:
    if value.isascii():
        if "\0" in value:
            raise NotCanonical(f"{path}: the text holds a NUL")
        return
    if not unicodedata.is_normalized("NFC", value):
        raise NotCanonical(f"{path}: the text is not in Unicode form NFC")
    if "\0" in value or any("\ud800" <= char <= "\udfff" for char in value):
        raise NotCanonical(f"{path}: the text holds a NUL or a lone surrogate")


def _check_key(key: Any, path: str) -> None:
    if not isinstance(key, str) or not key.isascii() or "\0" in key:
        raise NotCanonical(f"{path}: the key {key!r} is not an ASCII string")


def b64(raw: bytes) -> str:
    """base64url without padding, as every hash in a leaf is written."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    """Reads what b64 wrote."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def stamp(moment: datetime) -> str:
    """UTC with microseconds and Z: 2026-01-31T12:00:00.000000Z."""
    if moment.tzinfo is None:
        raise NotCanonical("a time without a zone has no canonical form")
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
