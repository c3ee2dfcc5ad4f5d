"""The letters that went to files instead of a mail server: what `make demo` sends. No database."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import NamedTuple

from django.conf import settings

MOST = 200
MOST_TEXT = 20_000
_NAME = re.compile(r"(\d{8}-\d{6})-\d+\.log")
_RULE = b"\n" + b"-" * 79


class Letter(NamedTuple):
    """One letter as it would have been sent. `attachments` are names with their sizes in bytes."""

    name: str
    at: datetime
    sender: str
    to: str
    subject: str
    text: str = ""
    attachments: tuple[tuple[str, int], ...] = ()


def in_use() -> bool:
    """Whether mail goes to files here; with a real mail server there is nothing to show."""
    return "filebased" in settings.EMAIL_BACKEND


def letters() -> list[Letter]:
    """The newest letters, newest first, without their text."""
    folder = Path(settings.OUTBOX_DIR)
    names = sorted((path.name for path in folder.glob("*.log") if _NAME.fullmatch(path.name)), reverse=True)
    return [found._replace(text="", attachments=()) for name in names[:MOST] if (found := letter(name))]


def letter(name: str) -> Letter | None:
    """One letter by the name of its file, or None where there is no such file."""
    made = _NAME.fullmatch(name)
    path = Path(settings.OUTBOX_DIR) / name
    if made is None or not path.is_file() or path.is_symlink():
        return None
    message = message_from_bytes(path.read_bytes().split(_RULE)[0], _class=EmailMessage, policy=policy.default)
    at = datetime.strptime(made.group(1), "%Y%m%d-%H%M%S").replace(tzinfo=UTC)
    return Letter(
        name, at, _header(message, "From"), _header(message, "To"), _header(message, "Subject"), _text(message),
        tuple(_attachments(message)),
    )  # fmt: skip


def _header(message: EmailMessage, name: str) -> str:
    return str(message.get(name, ""))[:500]


def _text(message: EmailMessage) -> str:
    part = message.get_body(preferencelist=("plain", "html"))
    content = part.get_content() if part is not None else ""
    return content[:MOST_TEXT] if isinstance(content, str) else ""


def _attachments(message: EmailMessage) -> list[tuple[str, int]]:
    return [
        (part.get_filename() or part.get_content_type(), len(part.as_bytes())) for part in message.iter_attachments()
    ]
