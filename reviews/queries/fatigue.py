"""Whether to suggest a break to the person who looks. Asked at most once a minute; told to nobody else."""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import caches
from django.utils import timezone

from reviews.breaks import why_break
from reviews.models import User
from reviews.queries.numbers.mine import lately

FRESH = 60  # seconds
QUIET = timedelta(minutes=30)  # after it was dismissed
_QUIET_UNTIL = "no_break_until"


def break_reason(user: User, session: MutableMapping[str, Any]) -> str:
    """Why a break would do good now, in words; empty for no reason and after a dismissal."""
    now = timezone.now()
    until = session.get(_QUIET_UNTIL, "")
    if until and now.isoformat() < until:
        return ""
    key = f"break-{user.pk}"
    found = caches["memory"].get(key)
    if found is None:
        found = why_break(lately(user.pk), now)
        caches["memory"].set(key, found, FRESH)
    return str(found)


def dismiss(session: MutableMapping[str, Any], now: datetime) -> None:
    session[_QUIET_UNTIL] = (now + QUIET).isoformat()
