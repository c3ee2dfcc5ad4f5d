"""What crosses a boundary as JSON, and the one encoder of what gets approved.

The bytes of a payload are canonical JSON: UTF-8, keys sorted by code point,
no white space, integers within 2**53, Decimals as strings, no floats, NFC.
This is the profile of RFC 8785 that `docs/audit-log.md` describes.
"""

import hashlib
import json
import os
import re
import unicodedata
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from reviews.errors import InvalidPayload
from reviews.states import Verdict

MAX_BODY = 256 * 1024
MAX_EVIDENCE = 1024 * 1024
MAX_RESULT = 64 * 1024
MOST_ATTACHED = 50  # pieces of evidence of one action
MAX_NOTE = 4_000
MAX_DEPTH = 32
_SAFE = 2**53


class Strict(BaseModel):
    """Base of everything that crosses a boundary."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True)


def _refuse(path: str, message: str) -> InvalidPayload:
    where = path or "payload"
    return InvalidPayload(f"{where}: {message}", [{"path": path, "message": message}])


def _text(value: str, path: str) -> str:
    if any(0xD800 <= ord(c) <= 0xDFFF for c in value):
        raise _refuse(path, "holds a lone surrogate")
    if "\x00" in value:
        raise _refuse(path, "holds a NUL character")
    if not unicodedata.is_normalized("NFC", value):
        raise _refuse(path, "is not in Unicode normal form C")
    return value


def _number(value: int, path: str) -> int:
    if abs(value) >= _SAFE:
        raise _refuse(path, "is an integer beyond 2**53")
    return value


def _plain(value: object, path: str, depth: int) -> object:
    """`value` in the types of the profile, or InvalidPayload naming the path."""
    if depth > MAX_DEPTH:
        raise _refuse(path, f"is nested deeper than {MAX_DEPTH}")
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return _number(value, path)
    if isinstance(value, str):
        return _text(value, path)
    if isinstance(value, Decimal):
        if not value.is_finite():
            raise _refuse(path, "is not a finite number")
        return format(value, "f")
    if isinstance(value, float):
        raise _refuse(path, "is a binary fraction; use a whole number of minor units or a string")
    if isinstance(value, Mapping):
        return {
            _text(_key(k, path), path): _plain(v, f"{path}.{k}" if path else str(k), depth + 1)
            for k, v in value.items()
        }
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        return [_plain(v, f"{path}[{i}]", depth + 1) for i, v in enumerate(value)]
    raise _refuse(path, f"has no place in JSON ({type(value).__name__})")


def _key(key: object, path: str) -> str:
    if not isinstance(key, str):
        raise _refuse(path, "has a key that is not a string")
    return key


def encode(value: object) -> bytes:
    """Canonical bytes of `value` (see the module). Raises InvalidPayload; changes nothing."""
    plain = _plain(value, "", 0)
    return json.dumps(plain, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _refuse("", "names a key twice")
    return found


def _no_constant(word: str) -> None:
    raise _refuse("", f"{word} is not JSON")


_FRACTION = re.compile(r"-?[0-9]{1,40}(\.[0-9]{1,40})?([eE][+-]?[0-9]{1,2})?")


def _fraction(word: str) -> Decimal:
    """A number of a size that a person reads: 1e999999999 has a billion digits once it is written out."""
    if not _FRACTION.fullmatch(word):
        raise _refuse("", "holds a number that is too long")
    return Decimal(word)


def decode(raw: bytes | str) -> Any:
    """Strict JSON in UTF-8: no duplicate keys, NaN or overlong numbers; fractions arrive as Decimal."""
    try:
        return json.loads(
            raw if isinstance(raw, str) else raw.decode(),
            object_pairs_hook=_no_twins,
            parse_constant=_no_constant,
            parse_float=_fraction,
        )
    except (ValueError, RecursionError) as exc:
        raise _refuse("", f"is not JSON: {exc}") from exc


def new_salt() -> bytes:
    return os.urandom(32)


def commitment(salt: bytes, plaintext: bytes) -> bytes:
    """sha256(salt || plaintext): the digest people decide on, 32 bytes."""
    return hashlib.sha256(salt + plaintext).digest()


Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,62}$")]
Confidence = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]


class EvidenceIn(Strict):
    """One artefact the agent acted on; `text` at most 1 MiB of UTF-8."""

    kind: Literal["conversation", "text", "record", "source"] = "text"
    title: Annotated[str, Field(min_length=1, max_length=200)]
    source: Annotated[str, Field(max_length=300)] = ""
    text: str
    conflict: bool = False


class AttachmentIn(Strict):
    """A file as evidence: PDF, PNG, JPEG, WebP or text of at most 1 MiB. What it is, its first bytes say."""

    kind: Literal["file"] = "file"
    title: Annotated[str, Field(min_length=1, max_length=200)]
    source: Annotated[str, Field(max_length=300)] = ""
    base64: Annotated[str, Field(max_length=1_400_000)]
    conflict: bool = False


class PlanStep(Strict):
    """Which step of which approved plan a proposal carries out."""

    action: UUID
    step: Annotated[int, Field(ge=0, le=1000)]


class Proposal(Strict):
    """What an agent says. It names neither risk nor owner: the database derives them."""

    type: Name
    payload: dict[str, Any]
    dedup_key: Annotated[str, Field(min_length=1, max_length=200)]
    confidence: Confidence | None = None  # None is unknown, never 1
    reasoning: Annotated[str, Field(max_length=20_000)] = ""
    evidence: Annotated[tuple[EvidenceIn | AttachmentIn, ...], Field(max_length=MOST_ATTACHED)] = ()
    plan: PlanStep | None = None


class Seen(Strict):
    """What the page showed when the reviewer decided."""

    version: int  # of the item
    digest: bytes  # of the revision shown
    evidence: int = 0  # highest number shown
    message: int = 0
    opened_at: datetime | None = None  # from the server's signed stamp
    whole: bool = False  # nothing of it was folded or masked


class DecisionIn(Strict):
    verdict: Verdict
    reason_code: Annotated[str, Field(max_length=63)] = ""
    rationale: Annotated[str, Field(max_length=MAX_NOTE)] = ""


class ItemResult(NamedTuple):
    """What became of one item of a batch: applied, blocked, conflict, or a seeded check that is over; and why."""

    item: UUID
    ref: int
    result: Literal["applied", "blocked", "conflict", "check"]
    reason: str = ""

    @property
    def name(self) -> str:
        return f"ACT-{self.ref}"
