"""The bytes of a journal: canonical JSON in, the same value out, on the first execution as on a replay.

Unlike a payload, which people approve and which knows no binary fractions, a step may return them.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel

MAX_RESULT = 64 * 1024

Kind: TypeAlias = Literal["step", "propose", "wait", "child", "answer", "now", "random", "timer", "patched"]


class NotJson(TypeError):
    """A value that a journal cannot keep."""


@dataclass(frozen=True, slots=True)
class Row:
    """One recorded step. `args` is the SHA-256 of its canonical arguments."""

    seq: int
    kind: str
    name: str
    args: bytes
    result: bytes

    def value(self) -> Any:
        return decode(self.result)


def encode(value: Any) -> bytes:
    """Sorted, compact JSON. Raises NotJson for anything that would not come back as it went."""
    try:
        text = json.dumps(_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
        return text.encode()
    except (ValueError, RecursionError) as exc:
        raise NotJson(f"a journal keeps JSON: {exc}") from exc


def decode(raw: bytes) -> Any:
    return json.loads(raw)


def digest(*args: Any) -> bytes:
    """SHA-256 of the arguments; decimals, ids and times count by their text."""
    return hashlib.sha256(encode([_as_text(one) for one in args])).digest()


def _as_text(value: Any) -> Any:
    if isinstance(value, Decimal | UUID | date | bytes):
        return str(value)
    if isinstance(value, dict):
        return {key: _as_text(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_as_text(one) for one in value]
    return value


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _plain(value.model_dump(mode="json"))
    if value is None or isinstance(value, str | bool | int | float):
        return value
    if isinstance(value, dict):
        return {_key(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    raise NotJson(f"a journal keeps JSON; {type(value).__name__} is none. Give it as text or number")


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise NotJson(f"a journal keeps JSON; the key {key!r} is no text")
    return key
