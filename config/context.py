"""What every page knows about the installation it belongs to."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest

ONE_ROLE_TEXT = (
    "Decisions can be forged in anybody's name; if this user owns the tables, "
    "the triggers can be switched off. Not for real effects."
)
SHARED_SECRETS_TEXT = "Demo: processes have logins of their own, but share one OS user."


def notices() -> list[str]:
    """What this installation does not protect, in the words of the start log."""
    found = []
    if settings.ONE_ROLE:
        found.append(f"One-role mode. {ONE_ROLE_TEXT}")
    elif settings.SHARED_SECRETS:
        found.append(SHARED_SECRETS_TEXT)
    if settings.PROFILE != "normal":
        found.append(f"Timing profile {settings.PROFILE}: undo windows and dwell times are shortened.")
    return found


def installation(request: HttpRequest) -> dict[str, object]:
    """Template context: the profile and the notices that the footer shows."""
    return {"installation_notices": notices(), "profile": settings.PROFILE}
