"""Where mail goes: SMTP in production, files in the outbox everywhere else."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import unquote, urlsplit


class MailOptions(NamedTuple):
    host: str = "localhost"
    port: int = 25
    user: str = ""
    password: str = ""
    ssl: bool = False


def backend(url: str) -> tuple[str, MailOptions]:
    """Django's backend path and its options for ASSENTRY_MAIL_URL."""
    parts = urlsplit(url)
    if parts.scheme == "outbox":
        return "django.core.mail.backends.filebased.EmailBackend", MailOptions()
    ssl = parts.scheme == "smtps"
    options = MailOptions(
        host=parts.hostname or "localhost",
        port=parts.port or (465 if ssl else 25),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        ssl=ssl,
    )
    return "django.core.mail.backends.smtp.EmailBackend", options
