"""Signs of life: a row for each process, written every few seconds, and when it last did some work."""

import logging
import os
import socket
import threading
from collections.abc import Callable

from django.db import DatabaseError, connection

log = logging.getLogger("assentry.pulse")

EVERY = 5.0  # seconds

_BEAT = """
INSERT INTO reviews_heartbeat AS h (name, kind, started_at, at, busy_at, note)
VALUES (%s, %s, clock_timestamp(), clock_timestamp(), CASE WHEN %s THEN clock_timestamp() END, %s)
ON CONFLICT (name) DO UPDATE SET at = clock_timestamp(), note = EXCLUDED.note,
    busy_at = coalesce(EXCLUDED.busy_at, h.busy_at)
"""


def process_name(kind: str, pid: int | None = None) -> str:
    return f"{kind}@{socket.gethostname()}:{pid or os.getpid()}"[:120]


def beat(kind: str, *, busy: bool = False, note: str = "", pid: int | None = None) -> None:
    """One sign of life. `busy`: work was done just now."""
    with connection.cursor() as cursor:
        cursor.execute(_BEAT, [process_name(kind, pid), kind, busy, note[:200]])


class Pulse(threading.Thread):
    """Beats on a connection of its own until stopped; a database that is away is tried again."""

    def __init__(self, kind: str, *, every: float = EVERY, note: Callable[[], str] = str) -> None:
        super().__init__(name=f"pulse-{kind}", daemon=True)
        self.kind, self.every, self.note = kind, every, note
        self._over = threading.Event()

    def run(self) -> None:
        while True:
            try:
                beat(self.kind, note=self.note())
            except DatabaseError as exc:
                log.warning("no sign of life: %s", exc)
            connection.close()
            if self._over.wait(self.every):
                return

    def stop(self) -> None:
        self._over.set()
        self.join(timeout=5)
