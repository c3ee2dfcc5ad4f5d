"""What was written and brought along: revisions, the thread, evidence; with whatever of it can still be read."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models.functions import Length

from reviews.errors import DeskError
from reviews.masking import holds_secret, masked
from reviews.models import Action, Evidence, EvidenceBody, Message, Revision
from reviews.queries.payload import FIRST_SIGHT, Sight
from reviews.registry import payload_of
from reviews.schemas import decode
from reviews.visible import Domain, foreign_domains, has_hidden, visible

MOST_TEXT = 20_000
SNIPPET = 160
MOST_DOMAINS = 5
_ENOUGH = 4 * MOST_TEXT  # bytes that hold so many characters
ERASED = "[erased]"
AGENT = "the agent"
FILE = "file"
TEXT = "text/plain"


@dataclass(frozen=True, slots=True)
class Version:
    """One revision with its bytes; None where they were erased."""

    number: int
    digest: str
    author: str
    at: datetime
    body: bytes | None
    payload: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Note:
    """A message of the thread, or what the agent said about itself."""

    id: UUID
    number: int
    kind: str
    author: str
    author_id: int | None
    at: datetime
    text: str
    expects: Mapping[str, Any]
    reply_to: UUID | None
    secret: bool = False


@dataclass(frozen=True, slots=True)
class Artefact:
    """One piece of evidence. `gap`: why there is nothing to see in it; `size` in bytes."""

    number: int
    kind: str
    media: str
    title: str
    source: str
    author: str
    conflict: bool
    gap: str
    at: datetime
    text: str
    more: int
    size: int
    hidden: bool
    secret: bool

    @property
    def is_file(self) -> bool:
        return self.kind == FILE

    @property
    def is_image(self) -> bool:
        return self.media.startswith("image/")

    @property
    def domains(self) -> list[Domain]:
        """The foreign domain names in it, the first few."""
        return foreign_domains(self.text)[:MOST_DOMAINS]

    @property
    def snippet(self) -> str:
        return " ".join(self.text[: 2 * SNIPPET].split())[:SNIPPET]


def plain(row: Any) -> bytes | None:
    """The bytes of a row that has a `body`; None where they were erased or cannot be opened."""
    body = getattr(row, "body", None)
    found: bytes | None = body.plain if body is not None else None
    return found


def versions(action: Action) -> list[Version]:
    rows = Revision.objects.filter(action=action).select_related("author", "body").order_by("number")
    return [version(row) for row in rows]


def version(row: Revision) -> Version:
    body = plain(row)
    return Version(
        number=row.number,
        digest=bytes(row.digest).hex(),
        author=str(row.author) if row.author else AGENT,
        at=row.created_at,
        body=body,
        payload=_payload(body),
    )


def _payload(body: bytes | None) -> dict[str, Any] | None:
    try:
        return None if body is None else payload_of(body)
    except DeskError:
        return None


def notes(action: Action, sight: Sight = FIRST_SIGHT) -> list[Note]:
    rows = Message.objects.filter(action=action).select_related("author", "body").order_by("number")
    return [_note(row, sight) for row in rows]


def _note(row: Message, sight: Sight) -> Note:
    body = plain(row)
    content = {"text": ERASED} if body is None else _content(body)
    expects, text = content.get("expects"), str(content.get("text", ""))
    return Note(
        id=row.id,
        number=row.number,
        kind=row.kind,
        author=str(row.author) if row.author else AGENT,
        author_id=row.author_id,
        at=row.created_at,
        text=text if sight.bare else masked(text),
        expects=expects if isinstance(expects, dict) else {},
        reply_to=row.in_reply_to_id,
        secret=holds_secret(text),
    )


def _content(body: bytes) -> Mapping[str, Any]:
    try:
        found = decode(body)
    except DeskError:
        return {"text": body.decode("utf-8", "backslashreplace")}
    return found if isinstance(found, dict) else {"text": visible(json.dumps(found, ensure_ascii=False))}


def artefacts(action: Action, sight: Sight = FIRST_SIGHT) -> list[Artefact]:
    """Contradictions first, then gaps, then in the order in which they came. Files are listed, not read."""
    rows = list(
        Evidence.objects.filter(action=action)
        .select_related("author")
        .annotate(size=Length("body__body"))
        .order_by("number")
    )
    texts = _texts([row.pk for row in rows if row.media == TEXT])
    found = [_artefact(row, texts.get(row.pk), sight) for row in rows]
    return sorted(found, key=lambda a: (not a.conflict, not a.gap, a.number))


def _texts(ids: Sequence[UUID]) -> dict[UUID, bytes]:
    rows = EvidenceBody.objects.filter(evidence__in=ids).select_related("evidence") if ids else ()
    return {row.pk: text for row in rows if (text := row.plain) is not None}


def _artefact(row: Evidence, body: bytes | None, sight: Sight) -> Artefact:
    size: int | None = row.size  # type: ignore[attr-defined]
    # A page looks at the beginning only; fifty artefacts of 1 MiB would keep it busy for long.
    start = body if body is None or sight.whole else body[:_ENOUGH]
    told = "" if start is None else start.decode("utf-8", "ignore" if start is not body else "backslashreplace")
    whole = told if sight.whole else told[:MOST_TEXT]
    text = whole if sight.bare else masked(whole)
    left_out = len(body) - len(whole.encode("utf-8", "surrogatepass")) if body is not None else 0
    return Artefact(
        number=row.number,
        kind=row.kind,
        media=row.media,
        title=masked(row.title),
        source=masked(row.source),
        author=str(row.author) if row.author else AGENT,
        conflict=row.conflict,
        gap=_gap(row, size, whole),
        at=row.created_at,
        text=text,
        more=0 if sight.whole else max(0, left_out),
        size=size or 0,
        hidden=has_hidden(whole),
        secret=text != whole or (sight.bare and holds_secret(whole)),
    )


def _gap(row: Evidence, size: int | None, text: str) -> str:
    if size is None:
        return "erased"
    if row.media != TEXT or text.strip():
        return ""
    return "sealed" if size and not text else "empty"
