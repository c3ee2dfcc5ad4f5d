"""What people set for themselves. No event: it changes nobody's rights and nothing that is decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import available_timezones

from reviews.errors import InvalidDecision
from reviews.services.base import By


def save_preferences(*, values: Mapping[str, Any], by: By) -> None:
    """Keep a reader's choices, which `reviews.preferences.changed` has judged."""
    by.user.preferences = dict(values)
    by.user.save(update_fields=["preferences"])


def save_time_zone(*, name: str, by: By) -> None:
    """InvalidDecision where there is no such time zone."""
    if name not in available_timezones():
        raise InvalidDecision(f"there is no time zone {name[:64]!r}; choose one from the list, such as Europe/Vienna")
    by.user.time_zone = name
    by.user.save(update_fields=["time_zone"])
