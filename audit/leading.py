"""One leader among any number of processes of a kind: an advisory lock, which goes with its connection.

Whoever does all its work on one connection takes the lock there and serves (`serve`): without the connection it can
do nothing any more, and leads nobody. Whoever closes its connection at every error keeps the lock on another one
(`Leadership`).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

import psycopg
from django.db import InterfaceError, OperationalError, connection

logger = logging.getLogger(__name__)

# One lock for each kind of process, all in one place so that no two are the same.
SEQUENCER = 0x6175646974  # "audit"
CARRIER = 0x616E63686F72  # "anchor"
KEEPER = 0x415353454E54  # "ASSENT"
AGAIN = 1.0  # seconds until a lost database is tried again


def lead(lock: int) -> bool:
    """Try to become the leader. The lock lives as long as this process's connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", [lock])
        leading: bool = cursor.fetchone()[0]
    return leading


def serve(
    name: str,
    *,
    lead: Callable[[], bool],
    term: Callable[[], None],
    stop: threading.Event,
    every: float,
    lost: Callable[[], None] = lambda: None,
) -> None:
    """Stands by, looking each `every` seconds whether it leads, then serves its term, until `stop` is set.

    A lost connection ends the term and costs the leadership, and nothing else: `lost` is called, then it stands by
    again. `term` returns once `stop` is set; what else it raises ends the process.
    """
    while not stop.is_set():
        try:
            while not lead():
                if stop.wait(every):
                    break
            else:
                term()
        except (OperationalError, InterfaceError) as error:
            logger.warning("%s: the database is away (%s); trying again", name, str(error).strip())
            lost()
            connection.close()
            stop.wait(AGAIN)
    connection.close()


class Leadership:
    """The lock on a session of its own, for who closes its working connection at every error."""

    def __init__(self, lock: int, name: str) -> None:
        self._lock, self._name = lock, name
        self._session: psycopg.Connection[Any] | None = None
        self._leads = False

    def held(self) -> bool:
        """Whether this process leads, trying to if nobody does. Raises nothing."""
        try:
            if self._session is None:
                self._session = self._connect()
            if self._leads:
                self._session.execute("SELECT 1")
            else:
                row = self._session.execute("SELECT pg_try_advisory_lock(%s)", [self._lock]).fetchone()
                self._leads = bool(row and row[0])
        except psycopg.Error as error:
            logger.warning("%s: no session for the leader's lock: %s", self._name, error)
            self.release()
            return False
        return self._leads

    def _connect(self) -> psycopg.Connection[Any]:
        given = connection.get_connection_params()
        wanted = ("host", "port", "user", "password", "dbname", "connect_timeout")
        parameters = {key: given[key] for key in wanted if given.get(key)}
        return psycopg.connect(**parameters, autocommit=True, application_name=f"assentry-{self._name}-lead")

    def release(self) -> None:
        """Another may lead."""
        if self._session is not None:
            self._session.close()
        self._session, self._leads = None, False
