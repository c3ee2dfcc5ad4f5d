"""Where letters to people go: to the mail server, or to files of their own.

They hold links that open an account, or receipts, so they lie apart from the outbox of agents, which staff read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import get_connection

FILES = "django.core.mail.backends.filebased.EmailBackend"


def to_files() -> bool:
    return bool(settings.EMAIL_BACKEND == FILES)


def folder() -> Path:
    """Where letters lie that go to files: for nobody else's eyes."""
    return Path(settings.STATE_DIR) / "letters"


def link() -> Any:
    """A connection to whatever takes the letters, not opened yet."""
    return get_connection(file_path=str(folder())) if to_files() else get_connection()
