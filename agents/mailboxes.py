"""Mail in a Maildir or an mbox file: read it, and move it. No database, no settings.

A message is named by the SHA-256 of its bytes, since a Maildir's file names change and an mbox numbers
its messages anew whenever one is removed.
"""

from __future__ import annotations

import hashlib
import mailbox
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path
from typing import Any

MOST_TEXT = 20_000
_FOLDER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,30}")
_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class NoSuchMail(LookupError):
    """The message is neither where it was nor where it should go."""


@dataclass(frozen=True, slots=True)
class Mail:
    """What the rules and the reviewer read of a message. Times as the message wrote them."""

    id: str
    sender: str
    address: str
    reply_to: str
    to: str
    subject: str
    date: str
    message_id: str
    text: str
    bulk: bool  # a mailing list's or an automaton's mail

    def plain(self) -> dict[str, Any]:
        return asdict(self)


@contextmanager
def _opened(path: Path) -> Iterator[mailbox.Mailbox[Any]]:
    """The mailbox of this path, locked where its kind needs it. It is never created by looking."""
    if not path.exists():
        raise FileNotFoundError(f"there is no mailbox at {path}")
    box: mailbox.Mailbox[Any] = (
        mailbox.Maildir(path, create=False) if path.is_dir() else mailbox.mbox(path, create=False)
    )
    box.lock()
    try:
        yield box
    finally:
        box.unlock()
        box.close()


def ids(path: Path, *, limit: int = 500) -> list[str]:
    """The names of the messages of a mailbox in their order, at most `limit`, without those in its folders."""
    with _opened(path) as box:
        keys = sorted(box.keys(), key=str) if path.is_dir() else box.keys()
        return [_id(box.get_bytes(key)) for key in keys[:limit]]


def one(path: Path, id: str) -> Mail:
    """One message, from the mailbox or from its folders. Raises NoSuchMail."""
    return _mail(raw(path, id))


def raw(path: Path, id: str) -> bytes:
    """The bytes of one message, from the mailbox or from its archive. Raises NoSuchMail."""
    for place in (path, *_folders(path)):
        with _opened(place) as box:
            for key in box.keys():  # noqa: SIM118  a mailbox iterates over its messages, not its keys
                if _id(data := box.get_bytes(key)) == id:
                    return data
    raise NoSuchMail(id)


def move(path: Path, id: str, folder: str, *, back: bool = False) -> bool:
    """Moves one message to a folder beside the mailbox, or back. False if it was there already.

    It is written to its new place before it leaves the old one: a crash between leaves two, never none.
    """
    source, target = (beside(path, folder), path) if back else (path, beside(path, folder))
    _create(target, like=path)
    if _holds(target, id):
        _remove(source, id)
        return False
    with _opened(source) as old, _opened(target) as new:
        for key in old.keys():  # noqa: SIM118
            if _id(data := old.get_bytes(key)) == id:
                new.add(data)
                new.flush()
                old.remove(key)
                return True
    raise NoSuchMail(id)


def beside(path: Path, folder: str) -> Path:
    """Where a folder of this mailbox lies: Maildir++ has `.Archive` inside, an mbox its neighbour."""
    if not _FOLDER.fullmatch(folder):
        raise ValueError(f"{folder!r} is not the name of a folder")
    return path / f".{folder}" if path.is_dir() else path.with_name(f"{path.name}.{folder.lower()}")


def _folders(path: Path) -> list[Path]:
    if path.is_dir():
        return sorted(p for p in path.glob(".*") if (p / "cur").is_dir())
    return sorted(path.parent.glob(f"{path.name}.*[a-z]"))


def _create(path: Path, *, like: Path) -> None:
    if not path.exists():
        box: mailbox.Mailbox[Any] = mailbox.Maildir(path) if like.is_dir() else mailbox.mbox(path)
        box.close()


def _holds(path: Path, id: str) -> bool:
    with _opened(path) as box:
        return any(_id(box.get_bytes(key)) == id for key in box.keys())  # noqa: SIM118


def _remove(path: Path, id: str) -> None:
    if path.exists():
        with _opened(path) as box:
            for key in [key for key in box.keys() if _id(box.get_bytes(key)) == id]:  # noqa: SIM118
                box.remove(key)


def _id(data: bytes) -> str:
    return hashlib.sha256(data.replace(b"\r\n", b"\n").rstrip(b"\n")).hexdigest()[:32]


def _mail(data: bytes) -> Mail:
    message = message_from_bytes(data, _class=EmailMessage, policy=policy.default)
    sender = _header(message, "From")
    address = parseaddr(sender)[1]
    return Mail(
        id=_id(data), sender=sender, address=address, reply_to=parseaddr(_header(message, "Reply-To"))[1] or address,
        to=_header(message, "To"), subject=_header(message, "Subject"), date=_header(message, "Date"),
        message_id=_header(message, "Message-ID"), text=_text(message), bulk=_bulk(message),
    )  # fmt: skip


def _bulk(message: EmailMessage) -> bool:
    precedence = _header(message, "Precedence").lower()
    return bool(message["List-Unsubscribe"] or message["List-Id"]) or precedence in {
        "bulk",
        "list",
        "junk",
    }


def _header(message: EmailMessage, name: str) -> str:
    """One header in one line. A header that cannot be parsed reads as nothing."""
    try:
        value = str(message.get(name, ""))
    except (
        ValueError,
        IndexError,
        AttributeError,
    ):  # what email raises on some hostile headers
        return ""
    return _clean(" ".join(value.split()))[:500]


def _text(message: EmailMessage) -> str:
    try:
        part = message.get_body(preferencelist=("plain", "html"))
        content = part.get_content() if part is not None else ""
    except (KeyError, LookupError, ValueError, AttributeError):
        return "(the text of this message cannot be read)"
    text = content if isinstance(content, str) else ""
    if part is not None and part.get_content_subtype() == "html":
        text = re.sub(r"<[^>]*>", " ", text)
    return _clean(text)[:MOST_TEXT]


def _clean(text: str) -> str:
    """In the form the desk's bytes need: NFC, without control characters or lone surrogates."""
    kept = _HIDDEN.sub("", text).encode("utf-8", "replace").decode()
    return unicodedata.normalize("NFC", kept)
