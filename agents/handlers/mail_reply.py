"""mail.reply: a letter in answer to one that came. Once it is out nobody gets it back."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from agents.effects import EffectContext
from agents.handlers.mail import Address, Line, send
from agents.registry import ActionType, register
from reviews.schemas import Strict
from reviews.states import EffectMode, Reversibility, Risk


class Reply(Strict):
    to: Address
    subject: Line
    text: Annotated[str, Field(min_length=1, max_length=20_000)]
    in_reply_to: Line = ""


def execute(payload: Reply, ctx: EffectContext) -> dict[str, Any]:
    headers = {"In-Reply-To": payload.in_reply_to} if payload.in_reply_to else {}
    return send(ctx, to=payload.to, subject=payload.subject, text=payload.text, headers=headers)


MAIL_REPLY = register(
    ActionType(
        name="mail.reply",
        label="Reply to a mail",
        template="Reply to {to}: {subject}",
        model=Reply,
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
