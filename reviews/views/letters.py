"""Letters to people about their accounts. They hold links that open an account, so they lie apart from the outbox."""

from __future__ import annotations

import logging
import threading

from django.conf import settings
from django.core.mail import EmailMessage

from reviews.letterbox import folder, link, to_files

log = logging.getLogger(__name__)


def send(*, to: str, subject: str, text: str) -> str:
    """Send one letter; in words why it did not go, or nothing. Call it after the commit."""
    if not to:
        return "there is no e-mail address"
    try:
        EmailMessage(subject, text, settings.DEFAULT_FROM_EMAIL, [to], connection=link()).send()
    except (OSError, ValueError) as error:
        log.warning("a letter about an account was not sent: %s", type(error).__name__)
        return f"the mail server did not take it ({type(error).__name__})"
    return ""


def send_later(*, to: str, subject: str, text: str) -> None:
    """The same, beside the answer: how long it takes tells a stranger nothing."""
    threading.Thread(target=send, kwargs={"to": to, "subject": subject, "text": text}, daemon=True).start()


def how_sent(problem: str, to: str) -> str:
    """What to tell the person who caused a letter."""
    if problem:
        return f"No letter was sent: {problem}. Give the link yourself."
    if to_files():
        return f"The letter to {to} lies in {folder()}, since this installation sends no mail."
    return f"A letter with the link went to {to}."
