"""What to do with a message, by plain rules with their reasons; and how far each rule has earned trust. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from agents.mailboxes import Mail

_AUTOMATIC = re.compile(r"\b(no-?reply|do-?not-?reply|mailer-daemon|notifications?)\b", re.IGNORECASE)
_BILL = re.compile(r"\b(invoice|receipt|bill|payment reminder|rechnung|facture)\b", re.IGNORECASE)
_ASKS = re.compile(r"\?|\b(could|can|would) you\b|\bplease\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What one rule proposes for one message."""

    rule: str
    type: str
    payload: dict[str, Any]
    reason: str


@dataclass(frozen=True, slots=True)
class Track:
    """How a rule's past proposals fared with the reviewers: unchanged approvals among those decided."""

    approved: int = 0
    decided: int = 0

    @property
    def confidence(self) -> float:
        """(approved + 1) / (decided + 2), Laplace's rule of succession: one half before anybody decided."""
        return (self.approved + 1) / (self.decided + 2)

    def __str__(self) -> str:
        if not self.decided:
            return "Nobody has decided on a proposal of this rule yet."
        return f"Reviewers let {self.approved} of this rule's {self.decided} earlier proposals through unchanged."


def suggest(mail: Mail, *, accounts: str) -> Suggestion:
    """The first rule that fits. Every message gets a suggestion; bills go to `accounts`."""
    if mail.bulk:
        return _archive(mail, "newsletter", "It was sent to a list, with a way to unsubscribe.")
    if _AUTOMATIC.search(mail.address.partition("@")[0]) or not mail.address:
        return _archive(mail, "automatic", "Its sender is a machine that reads no answers.")
    bill = _BILL.search(mail.subject)
    if bill:
        return _forward(mail, accounts, f"Its subject says “{bill.group()}”.")
    asks = _ASKS.search(mail.text)
    if asks:
        return _reply(
            mail,
            "question",
            f"It asks for something: “{_around(mail.text, asks.start())}”.",
        )
    return _reply(mail, "receipt", "No other rule fits, and a person wrote it.")


def _around(text: str, at: int) -> str:
    """The line in which something was found, shortened."""
    start = text.rfind("\n", 0, at) + 1
    line = " ".join(text[start : (text.find("\n", at) + 1 or len(text) + 1) - 1].split())
    return line if len(line) <= 160 else f"{line[:159]}…"


def _archive(mail: Mail, rule: str, reason: str) -> Suggestion:
    payload = {
        "message": mail.id,
        "sender": mail.sender,
        "subject": mail.subject,
        "folder": "Archive",
    }
    return Suggestion(rule, "mail.archive", payload, reason)


def _forward(mail: Mail, to: str, reason: str) -> Suggestion:
    note = f"From {mail.sender}, received {mail.date or 'without a date'}."
    payload = {
        "to": to,
        "subject": f"Fwd: {mail.subject}"[:500],
        "message": mail.id,
        "original": mail.subject,
        "note": note,
    }
    return Suggestion("bill", "mail.forward", payload, reason)


_WORDS: Mapping[str, str] = {
    "question": "thank you for your message. We are looking into it and will answer within two working days.",
    "receipt": "thank you for your message. We have received it.",
}


def _reply(mail: Mail, rule: str, reason: str) -> Suggestion:
    subject = mail.subject if mail.subject.lower().startswith("re:") else f"Re: {mail.subject}"
    who = mail.sender.partition("<")[0].strip(' "') or "there"
    payload = {
        "to": mail.reply_to,
        "subject": subject[:500],
        "text": f"Hello {who},\n\n{_WORDS[rule]}\n\nKind regards",
        "in_reply_to": mail.message_id,
    }
    return Suggestion(rule, "mail.reply", payload, reason)
