"""What a file is by its first bytes, whatever its name or its sender says. Pure.

PDF, PNG, JPEG, WebP and text are taken; nothing is decoded, and nothing is ever served as anything else.
"""

from __future__ import annotations

import base64
import re
from typing import NamedTuple

from reviews.errors import InvalidPayload
from reviews.schemas import MAX_EVIDENCE, AttachmentIn
from reviews.visible import visible

TEXT = "text/plain"
ENDINGS = {"application/pdf": "pdf", "image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", TEXT: "txt"}
MOST_PIXELS = 40_000_000  # more is a picture made to fill a memory
LONGEST_TITLE = 120
_SIZED = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}  # JPEG segments that name the picture's size
_FOLDER = re.compile(r"[/\\:]")


class Upload(NamedTuple):
    """A file as somebody sent it: the name is theirs and only ever shown."""

    name: str
    body: bytes

    @property
    def title(self) -> str:
        """A title from a name: no folders, nothing hidden, at most 120 characters."""
        last = _FOLDER.split(self.name.replace("\x00", ""))[-1]
        return visible(" ".join(last.split())).strip(". ")[:LONGEST_TITLE] or "File"


def unpacked(given: AttachmentIn) -> Upload:
    """The file in an attachment. InvalidPayload where it is no base64."""
    try:
        return Upload(given.title, base64.b64decode(given.base64, validate=True))
    except ValueError:
        raise _refused("is not base64") from None


def media_of(body: bytes) -> str:
    """The type of a file. InvalidPayload says what is wrong with one that is not taken."""
    if not body:
        raise _refused("is empty")
    if len(body) > MAX_EVIDENCE:
        raise _refused("is larger than 1 MiB")
    media = _by_magic(body)
    if media.startswith("image/"):
        _refuse_bomb(media, body)
    if media == TEXT:
        _refuse_binary(body)
    return media


def _refused(message: str) -> InvalidPayload:
    return InvalidPayload(f"the file {message}", [{"path": "file", "message": message}])


def _by_magic(body: bytes) -> str:
    if body.startswith(b"%PDF-"):
        return "application/pdf"
    if body.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if body.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if body[:4] == b"RIFF" and body[8:12] == b"WEBP":
        return "image/webp"
    return TEXT


def _refuse_binary(body: bytes) -> None:
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise _refused("is no PDF, PNG, JPEG, WebP or text in UTF-8") from None
    if "\x00" in text:
        raise _refused("is no PDF, PNG, JPEG, WebP or text in UTF-8")


def _refuse_bomb(media: str, body: bytes) -> None:
    sizes = {"image/png": _png, "image/jpeg": _jpeg, "image/webp": _webp}
    width, height = sizes[media](body)
    if not width or not height:
        raise _refused("is a damaged picture: it does not say how large it is")
    if width * height > MOST_PIXELS:
        raise _refused(f"unfolds to {width} x {height} dots, more than {MOST_PIXELS // 1_000_000} million")


def _png(body: bytes) -> tuple[int, int]:
    if body[12:16] != b"IHDR":
        return 0, 0
    return int.from_bytes(body[16:20], "big"), int.from_bytes(body[20:24], "big")


def _jpeg(body: bytes) -> tuple[int, int]:
    at = 2
    while at + 9 < len(body) and body[at] == 0xFF:
        if body[at + 1] in _SIZED:
            return int.from_bytes(body[at + 7 : at + 9], "big"), int.from_bytes(body[at + 5 : at + 7], "big")
        at += 1 if body[at + 1] == 0xFF else 2 + int.from_bytes(body[at + 2 : at + 4], "big")
    return 0, 0


def _webp(body: bytes) -> tuple[int, int]:
    kind = body[12:16]
    if kind == b"VP8X":
        return 1 + int.from_bytes(body[24:27], "little"), 1 + int.from_bytes(body[27:30], "little")
    if kind == b"VP8L":
        bits = int.from_bytes(body[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if kind == b"VP8 ":
        return int.from_bytes(body[26:28], "little") & 0x3FFF, int.from_bytes(body[28:30], "little") & 0x3FFF
    return 0, 0
