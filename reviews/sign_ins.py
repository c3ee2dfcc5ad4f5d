"""The sessions of one person, read from where Django keeps them: where they are signed in, and how to end that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.utils import timezone

from audit.sessions import fingerprint_of

_CHUNK = 500


class SignedIn(NamedTuple):
    """One session. `mark` names it on a page; the key itself never leaves the server."""

    mark: str
    browser: str
    since: datetime | None
    seen: datetime | None


def sessions_of(user_id: int) -> list[SignedIn]:
    """The living sessions of a person, the one last seen first."""
    found = [_told(row.session_key, row.get_decoded()) for row in _rows(user_id)]
    return sorted(found, key=lambda one: one.seen or datetime.min.replace(tzinfo=UTC), reverse=True)


def end_sessions(user_id: int, *, mark: str = "", but: str = "") -> int:
    """End the session with this mark, or all but that of the mark `but`; how many ended."""
    keys = [row.session_key for row in _rows(user_id)]
    ended = [key for key in keys if fingerprint_of(key) != but and mark in ("", fingerprint_of(key))]
    Session.objects.filter(session_key__in=ended).delete()
    return len(ended)


def forget_expired() -> None:
    """Rows of sessions that are over; Django itself never removes them."""
    Session.objects.filter(expire_date__lte=timezone.now()).delete()


def _rows(user_id: int) -> Iterator[Session]:
    living = Session.objects.filter(expire_date__gt=timezone.now())
    for row in living.iterator(chunk_size=_CHUNK):
        if row.get_decoded().get(SESSION_KEY) == str(user_id):
            yield row


def _told(key: str, data: dict[str, object]) -> SignedIn:
    since, seen = _moment(data.get("signed_in_at")), _moment(data.get("seen_at"))
    return SignedIn(fingerprint_of(key), str(data.get("browser", "")), since, seen or since)


def _moment(value: object) -> datetime | None:
    return datetime.fromtimestamp(value, UTC) if isinstance(value, int | float) else None
