"""What the mail types share: fields that can hold one address and one line, and how a letter is sent."""

from __future__ import annotations

import re
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any

from django.conf import settings
from django.core.mail import EmailMessage, get_connection
from pydantic import AfterValidator, Field

from agents import mailboxes
from agents.effects import EffectContext, NotDone

_ADDRESS = re.compile(r"[^\s@,;:<>()\[\]\"\\]{1,64}@[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_BREAKS = re.compile("[\\x00-\\x1f\\x7f\\x85\\u2028\\u2029]")


def one_address(value: str) -> str:
    """Exactly one plain address: `c@d, evil@e` would be two letters."""
    if not value.isascii() or not _ADDRESS.fullmatch(value) or parseaddr(value)[1] != value:
        raise ValueError("must be one mail address such as ada@example.org")
    return value


def one_line(value: str) -> str:
    if _BREAKS.search(value):
        raise ValueError("must be one line without control characters")
    return value


Address = Annotated[str, Field(max_length=254), AfterValidator(one_address)]
Line = Annotated[str, Field(max_length=500), AfterValidator(one_line)]
MailId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
Folder = Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9-]{0,30}$")]


def inbox() -> Path:
    """The mailbox that the installation reads: ASSENTRY_INBOX, or the sample's under the state folder."""
    return Path(settings.INBOX) if settings.INBOX else Path(settings.STATE_DIR) / "inbox"


def described(id: str, *, subject: str, sender: str | None = None) -> None:
    """NotDone unless the letter is the one that people read about: its id alone tells them nothing."""
    letter = mailboxes.one(inbox(), id)
    if letter.subject != subject or sender not in (None, letter.sender):
        raise NotDone("the message in the mailbox is not the one that was described")


def send(ctx: EffectContext, *, to: str, subject: str, text: str, **more: Any) -> dict[str, str]:
    """Hands one letter to the mail server. Its Message-ID is the idempotency key, so that a twin is seen as one."""
    identifier = f"<{ctx.key}@{settings.DEFAULT_FROM_EMAIL.rpartition('@')[2] or 'localhost'}>"
    headers = {"Message-ID": identifier, **more.pop("headers", {})}
    letter = EmailMessage(subject=subject, body=text, to=[to], headers=headers, **more)
    connection = get_connection()
    try:
        connection.open()
    except OSError as error:
        raise NotDone(f"the mail server does not answer: {type(error).__name__}") from error
    try:
        connection.send_messages([letter])
    finally:
        connection.close()
    return {"message_id": identifier, "to": to}
