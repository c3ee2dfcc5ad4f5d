"""mail.forward: a letter that came is sent on, whole, to one other address."""

from __future__ import annotations

from email import message_from_bytes, policy
from typing import Annotated, Any

from pydantic import Field

from agents import mailboxes
from agents.effects import EffectContext, NotDone
from agents.handlers.mail import Address, Line, MailId, described, inbox, send
from agents.registry import ActionType, register
from reviews.schemas import Strict
from reviews.states import EffectMode, Reversibility, Risk


class Forward(Strict):
    to: Address
    subject: Line  # of what is sent
    message: MailId
    original: Line  # the subject of the message itself, which the handler compares
    note: Annotated[str, Field(max_length=4_000)] = ""


def execute(payload: Forward, ctx: EffectContext) -> dict[str, Any]:
    try:
        original = mailboxes.raw(inbox(), payload.message)
        described(payload.message, subject=payload.original)
    except (OSError, mailboxes.NoSuchMail) as error:
        raise NotDone("the message is no longer in the mailbox") from error
    attached = message_from_bytes(original, policy=policy.default)
    return send(
        ctx,
        to=payload.to,
        subject=payload.subject,
        text=payload.note,
        attachments=[("message.eml", attached, "message/rfc822")],
    )


MAIL_FORWARD = register(
    ActionType(
        name="mail.forward",
        label="Forward a mail",
        template="Forward “{original}” to {to}",
        model=Forward,
        risk=Risk.MEDIUM,
        reversibility=Reversibility.IRREVERSIBLE,
        effect_mode=EffectMode.ONCE,
        queue="mail",
        subject_path="to",
        subject_kind="mail",
        machine_paths=("to",),
        self_edit=True,
        execute=execute,
    )
)
