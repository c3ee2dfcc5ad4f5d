"""Two or more at the same row at the same time, proven: all of them waited for it before any could go on.

The arena holds a row's lock on a connection of its own, lets the contenders
start, each in a thread and under its own login, and lets go only once
PostgreSQL says that every one of them waits for a lock. A race that did not
happen fails the test.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.db import connection

from audit import entries
from config.roles import login
from tests import cluster

PATIENCE = 10.0
_here = threading.local()


class Contender(NamedTuple):
    """A login and what it tries to do."""

    role: str
    verb: Callable[[], Any]


def _writer() -> str:
    """The role of this thread; `override_settings` would change it for all of them."""
    return str(getattr(_here, "role", settings.DATABASE_ROLE))


@pytest.fixture(autouse=True)
def _role_of_each_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries, "writer", _writer)


@contextmanager
def acting(role: str) -> Iterator[None]:
    """This thread's own connection, under this login."""
    _here.role = role
    try:
        with connection.cursor() as cursor:
            cursor.execute(f'SET SESSION AUTHORIZATION "{login(cluster.PREFIX, role)}"')
        yield
    finally:
        connection.close()
        del _here.role


class Race:
    """Contenders in threads; what each got, in the order given: a value, or the exception."""

    def __init__(self, *contenders: Contender) -> None:
        self.results: list[Any] = [None] * len(contenders)
        self.started = threading.Barrier(len(contenders))
        self.threads = [
            threading.Thread(target=self._run, args=(n, one), daemon=True) for n, one in enumerate(contenders)
        ]

    def _run(self, number: int, one: Contender) -> None:
        with acting(one.role):
            self.started.wait(PATIENCE)
            try:
                self.results[number] = one.verb()
            except Exception as exc:  # noqa: BLE001  the loser's refusal is the result
                self.results[number] = exc

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def finish(self) -> list[Any]:
        for thread in self.threads:
            thread.join(PATIENCE)
            assert not thread.is_alive(), "a contender hangs"
        return self.results


def race(
    *contenders: Contender, over: UUID, table: str = "reviews_action", then: Callable[[], None] | None = None
) -> list[Any]:
    """Run contenders at the same moment over the lock of one row; `then` happens while all of them wait."""
    run = Race(*contenders)
    with _other_connection() as holder:
        holder.execute(f"SELECT FROM {table} WHERE id = %s FOR UPDATE", [over])
        run.start()
        _wait_for_waiting(len(contenders))
        if then is not None:
            then()
        holder.rollback()
    return run.finish()


def one_after_the_other(first: Contender, second: Contender, *, over: UUID, table: str = "reviews_action") -> list[Any]:
    """Both wait for the row, the first in front of the second."""
    ahead, behind = Race(first), Race(second)
    with _other_connection() as holder:
        holder.execute(f"SELECT FROM {table} WHERE id = %s FOR UPDATE", [over])
        ahead.start()
        _wait_for_waiting(1)
        behind.start()
        _wait_for_waiting(2)
        holder.rollback()
    return [*ahead.finish(), *behind.finish()]


@contextmanager
def _other_connection() -> Iterator[psycopg.Connection[Any]]:
    place = connection.settings_dict
    with psycopg.connect(
        host=place["HOST"], port=place["PORT"], dbname=place["NAME"], user=place["USER"], password=place["PASSWORD"]
    ) as found:
        yield found


def _wait_for_waiting(count: int) -> None:
    """Until PostgreSQL says that so many wait for a lock in this database."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            )
            if cursor.fetchone()[0] >= count:
                return
        time.sleep(0.005)
    pytest.fail("the race did not happen: not everybody came to the lock")


def winners(results: list[Any]) -> list[Any]:
    return [r for r in results if not isinstance(r, Exception)]


def losers(results: list[Any]) -> list[Any]:
    return [r for r in results if isinstance(r, Exception)]
