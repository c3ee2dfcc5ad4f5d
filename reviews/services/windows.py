"""Between a closing verdict and its effect: how long it can be taken back, and until when it may start."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from reviews.models import Action
from reviews.policy import undo_window
from reviews.services.base import in_seconds
from reviews.states import Risk, Status


def undo_seconds(action: Action) -> float:
    """How long a verdict on it can be taken back: its risk's window, or its type's where that is longer."""
    return float(undo_window(Risk(action.risk), settings.TIMINGS, at_least=action.type.undo_window or 0))


def valid_seconds(action: Action) -> float:
    """How long an approval of it lasts, counted from its release."""
    return float(action.type.valid_for or settings.TIMINGS.valid_for)


def closing_dates(action: Action, to: Status, *, window: float) -> dict[str, Any]:
    """By the database's clock: when it is released, `window` seconds from now, and until when it may start."""
    dates: dict[str, Any] = {"release_at": in_seconds(window)}
    if to is Status.APPROVED:
        dates["valid_until"] = in_seconds(window + valid_seconds(action))
    return dates
