"""The stretch of time that a page is about, within one reader's reach."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection, transaction

MOST = 50_000  # rows of one kind that one page reads
PATIENCE = "4s"


@dataclass(frozen=True, slots=True)
class Window:
    """From `since` (included) to `until` (not), in these queues and types. `zone` says where a day begins."""

    since: datetime
    until: datetime
    queues: tuple[str, ...]
    types: tuple[str, ...]
    zone: str = "UTC"

    def values(self, **more: Any) -> dict[str, Any]:
        """Parameters of the page's statements."""
        return {
            "since": self.since,
            "until": self.until,
            "queues": list(self.queues),
            "types": list(self.types),
            "zone": self.zone,
            "most": MOST + 1,
            **more,
        }

    def days(self) -> list[str]:
        """Every day touched, as YYYY-MM-DD of the zone, so that a day without anything is there too."""
        zone = ZoneInfo(self.zone)
        day, last = self.since.astimezone(zone).date(), (self.until - timedelta(microseconds=1)).astimezone(zone).date()
        found = []
        while day <= last:
            found.append(day.isoformat())
            day += timedelta(days=1)
        return found

    def in_utc(self) -> Window:
        return replace(self, zone="UTC")


@contextmanager
def patience() -> Iterator[None]:
    """One read for a page, cut off before anybody waits in earnest. OperationalError when it was."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL statement_timeout = '{PATIENCE}'")
        yield


def read(sql: str, values: dict[str, Any]) -> Sequence[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        found: Sequence[tuple[Any, ...]] = cursor.fetchall()
        return found
