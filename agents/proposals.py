"""Files of proposals, one JSON object a line: read strictly, refused by name and line. Pure.

The general form of a row is `{"payload", "confidence"?, "reasoning"?, "evidence"?, "key"?}`. A type may
have a form of its own: `route.question` also reads a classifier's output, `{"text", "proposed_intent",
"confidence"?, "alternatives"?, "reasoning"?, "key"?}`. Other fields, such as a true label, are never read.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Annotated, Any, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from agents.transcripts import Refusal, Share, first_complaint
from reviews.errors import InvalidPayload
from reviews.schemas import EvidenceIn, Proposal, decode

MAX_ROW = 256 * 1024


class Row(NamedTuple):
    """One good row and where it stands."""

    line: int
    name: str
    proposal: Proposal


class _Form(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


class _Alternative(_Form):
    intent: Annotated[str, Field(max_length=80)]
    confidence: Share | None = None

    def __str__(self) -> str:
        return self.intent if self.confidence is None else f"{self.intent} {self.confidence:.4g}"


class _Classified(_Form):
    text: Annotated[str, Field(min_length=1)]
    proposed_intent: Annotated[str, Field(min_length=1)]
    confidence: Share | None = None
    alternatives: tuple[_Alternative, ...] | None = None
    reasoning: Annotated[str, Field(max_length=20_000)] = ""
    key: Annotated[str, Field(min_length=1, max_length=120)] | None = None


class _Piece(_Form):
    """A piece of evidence as a file writes it."""

    title: Annotated[str, Field(min_length=1, max_length=200)]
    text: str
    source: Annotated[str, Field(max_length=300)] = ""


def _tuple(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value


class _General(_Form):
    payload: dict[str, Any]
    confidence: Share | None = None
    reasoning: Annotated[str, Field(max_length=20_000)] = ""
    evidence: Annotated[tuple[_Piece, ...], BeforeValidator(_tuple)] = ()
    key: Annotated[str, Field(min_length=1, max_length=120)] | None = None


def _classified(value: dict[str, Any]) -> dict[str, Any]:
    if isinstance(value.get("alternatives"), list):
        value = value | {"alternatives": tuple(value["alternatives"])}
    row = _Classified.model_validate(value)
    others = "\n".join(str(other) for other in row.alternatives or ())
    evidence = (EvidenceIn(kind="record", title="Next best intents", text=others),) if others else ()
    return {
        "payload": {"text": row.text, "intent": row.proposed_intent},
        "confidence": row.confidence,
        "reasoning": row.reasoning,
        "evidence": evidence,
        "dedup_key": row.key,
    }


def _general(value: dict[str, Any]) -> dict[str, Any]:
    row = _General.model_validate(value)
    evidence = tuple(EvidenceIn(title=p.title, text=p.text, source=p.source) for p in row.evidence)
    return {
        "payload": row.payload,
        "confidence": row.confidence,
        "reasoning": row.reasoning,
        "evidence": evidence,
        "dedup_key": row.key,
    }


_FORMS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {"route.question": _classified}


def read(data: bytes, *, type_name: str) -> Iterator[Row | Refusal]:
    """The rows of a file as proposals of one type, in their order, each good or refused.

    A row without a key gets one from its own bytes and from how often the same bytes came before, so
    that the same file read twice parks nothing twice.
    """
    times: Counter[bytes] = Counter()
    for line, raw in enumerate(data.splitlines(), start=1):
        if raw.strip():
            digest = hashlib.sha256(raw.strip()).digest()
            times[digest] += 1
            yield _row(raw, line, type_name, f"row-{digest.hex()[:40]}-{times[digest]}")


def _row(raw: bytes, line: int, type_name: str, key: str) -> Row | Refusal:
    name = f"row {line}"
    if len(raw) > MAX_ROW:
        return Refusal(name, line, f"has {len(raw):,} bytes; {MAX_ROW:,} are allowed")
    try:
        value = decode(raw)
        if not isinstance(value, dict):
            return Refusal(name, line, "is not a JSON object")
        name = _name(value, name)
        made = _form(type_name, value)(value)
        return Row(
            line,
            name,
            Proposal(type=type_name, **made | {"dedup_key": made["dedup_key"] or key}),
        )
    except ValidationError as error:
        return Refusal(name, line, first_complaint(error))
    except InvalidPayload as error:
        return Refusal(name, line, str(error).removeprefix("payload: "))


def _form(type_name: str, value: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    return _general if "payload" in value else _FORMS.get(type_name, _general)


def _name(value: dict[str, Any], otherwise: str) -> str:
    """What a person would look for: the row's own key or id, or the beginning of its text."""
    for field in ("key", "id", "text"):
        found = value.get(field)
        if isinstance(found, str | int | Decimal) and str(found).strip():
            words = " ".join(str(found).split())
            return words if len(words) <= 60 else f"{words[:59]}…"
    return otherwise
