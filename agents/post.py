"""Sends the desk's news to people, beside the keeper's sweeps: a mail server that hangs holds up nothing.

A notice is taken and committed before it is tried. What the server surely did not take is tried again, later each
time, and given up in the end; what nobody can know is left, since a second letter would say the same. Login: router.
"""

import logging
import threading
from collections.abc import Sequence
from smtplib import SMTPException, SMTPRecipientsRefused, SMTPResponseException
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage
from django.db import connection

from reviews import letterbox, services
from reviews.notices import Posted
from reviews.queries.notices import Letter, letters, waiting

log = logging.getLogger("assentry.post")

MOST = 200  # notices in one go
SURELY_NOT = (SMTPResponseException, SMTPRecipientsRefused)  # the server said so


class PostOffice:
    """At most one thread that sends; it ends when nothing is due."""

    def __init__(self) -> None:
        self._thread: threading.Thread | None = None

    def look(self) -> None:
        if (self._thread is not None and self._thread.is_alive()) or not waiting():
            return
        self._thread = threading.Thread(target=_send_all, name="post", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Waits a moment for the letter that is under way; what is left waits for the next keeper."""
        if self._thread is not None:
            self._thread.join(timeout=5)


def _send_all() -> None:
    try:
        while deliver():
            pass
    except Exception:
        log.exception("mail failed")
    finally:
        connection.close()


def deliver() -> int:
    """Send what is due, up to so many notices. How many were sent or are over; 0 also where the server is away."""
    taken = services.take_notices(limit=MOST)
    if not taken:
        return 0
    try:
        written, refused = letters(taken)
    except Exception as error:
        services.put_off_notices(taken, type(error).__name__)  # not one was sent
        raise
    for why, notices in refused.items():
        services.end_notices(notices, Posted.DROPPED, why)
    return sum(map(len, refused.values())) + _sent(written)


def _sent(written: Sequence[Letter]) -> int:
    """How many notices went out; those after a failure of the line wait for the next time."""
    if not written:
        return 0
    link = letterbox.link()
    try:
        link.open()
    except (OSError, SMTPException) as error:
        _put_off(written, error)
        return 0
    try:
        return _over(link, written)
    finally:
        _close(link)


def _over(link: Any, written: Sequence[Letter]) -> int:
    sent = 0
    for place, letter in enumerate(written):
        try:
            _message(letter, link).send()
        except SURELY_NOT as error:
            _put_off([letter], error)
        except ValueError as error:  # an address that is none
            services.end_notices(letter.notices, Posted.GIVEN_UP, type(error).__name__)
        except (OSError, SMTPException) as error:
            log.warning("nobody knows whether a letter went out: %s", type(error).__name__)
            services.end_notices(letter.notices, Posted.UNCLEAR, type(error).__name__)
            _put_off(written[place + 1 :], error)
            return 0
        else:
            services.end_notices(letter.notices, Posted.SENT)
            sent += len(letter.notices)
    return sent


def _put_off(written: Sequence[Letter], error: Exception) -> None:
    """Names and texts of the error's words may hold addresses; its kind says enough."""
    if written:
        log.warning("%s letters wait: %s", len(written), type(error).__name__)
        services.put_off_notices([notice for one in written for notice in one.notices], type(error).__name__)


def _message(letter: Letter, link: Any) -> EmailMessage:
    headers = {"Auto-Submitted": "auto-generated"}
    message = EmailMessage(
        letter.subject, letter.text, settings.DEFAULT_FROM_EMAIL, [letter.to], headers=headers, connection=link
    )
    for name, text in letter.files:
        message.attach(name, text, "text/plain")
    return message


def _close(link: Any) -> None:
    try:
        link.close()
    except (OSError, SMTPException) as error:
        log.info("the line to the mail server did not close: %s", type(error).__name__)
