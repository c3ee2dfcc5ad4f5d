"""Dates and times as one reader likes them. The middleware says whose request it is; exports never ask here."""

from __future__ import annotations

from contextvars import ContextVar
from datetime import datetime
from typing import NamedTuple

from django.utils import timezone


class Style(NamedTuple):
    """`dates`: words (3 Aug 2026), numbers (03/08/2026) or iso (2026-08-03). `hours`: 24 or 12."""

    dates: str = "words"
    hours: str = "24"


_DAYS = {"words": "%-d %b %Y", "numbers": "%d/%m/%Y", "iso": "%Y-%m-%d"}
_HOURS = {"24": "%H:%M", "12": "%-I:%M %p"}
_SECONDS = {"24": "%H:%M:%S", "12": "%-I:%M:%S %p"}
_style: ContextVar[Style] = ContextVar("style", default=Style())  # noqa: B039  a NamedTuple is not changed


def use(style: Style) -> None:
    _style.set(style)


def day(value: datetime) -> str:
    return timezone.localtime(value).strftime(_DAYS[_style.get().dates])


def time(value: datetime) -> str:
    return timezone.localtime(value).strftime(_HOURS[_style.get().hours])


def to_second(value: datetime) -> str:
    """Day and time to the second, as a record is read."""
    return f"{day(value)} {timezone.localtime(value).strftime(_SECONDS[_style.get().hours])}"


def short(value: datetime) -> str:
    """The time alone today, otherwise with its date."""
    today = timezone.localtime(value).date() == timezone.localtime().date()
    return time(value) if today else f"{day(value)} {time(value)}"
