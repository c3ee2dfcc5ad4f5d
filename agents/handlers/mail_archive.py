"""mail.archive: a message leaves the inbox for a folder beside it, and can come back."""

from __future__ import annotations

from typing import Any

from agents import mailboxes
from agents.effects import EffectContext, NotDone
from agents.handlers.mail import Folder, Line, MailId, described, inbox
from agents.registry import ActionType, register
from reviews.schemas import Strict
from reviews.states import EffectMode, Reversibility, Risk


class Archive(Strict):
    message: MailId
    sender: Line
    subject: Line
    folder: Folder = "Archive"


def execute(payload: Archive, ctx: EffectContext) -> dict[str, Any]:
    try:
        described(payload.message, subject=payload.subject, sender=payload.sender)
    except (OSError, mailboxes.NoSuchMail) as error:
        raise NotDone("the message is not in the mailbox") from error
    return _moved(payload, back=False)


def undo(payload: Archive, ctx: EffectContext, result: Any) -> dict[str, Any]:
    return _moved(payload, back=True)


def _moved(payload: Archive, *, back: bool) -> dict[str, Any]:
    try:
        moved = mailboxes.move(inbox(), payload.message, payload.folder, back=back)
    except (FileNotFoundError, mailboxes.NoSuchMail) as error:
        raise NotDone("the message is not in the mailbox") from error
    return {"folder": "inbox" if back else payload.folder, "moved": moved}


MAIL_ARCHIVE = register(
    ActionType(
        name="mail.archive",
        label="Archive a mail",
        template="Archive “{subject}” from {sender}",
        model=Archive,
        risk=Risk.LOW,
        reversibility=Reversibility.REVERSIBLE,
        effect_mode=EffectMode.IDEMPOTENT,
        queue="mail",
        subject_path="sender",
        subject_kind="mail",
        execute=execute,
        undo=undo,
    )
)
