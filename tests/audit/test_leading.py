"""One leads, the others stand by; a lost connection costs the leadership and nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.db import InterfaceError, OperationalError, connection, connections

from audit import leading
from audit.leading import Leadership, lead, serve
from tests.logins import connected

LOCK = 0x7465737473  # "tests"
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def free(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(leading, "AGAIN", 0.01)
    yield
    connection.close()


@pytest.fixture
def rival() -> Iterator[psycopg.Connection[Any]]:
    """Another process's session, which leads."""
    with connected("sequencer") as session:
        session.autocommit = True
        assert session.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone() == (True,)
        yield session


def served(term: Callable[[threading.Event], None], lost: Callable[[], None] = lambda: None) -> None:
    stop = threading.Event()
    serve("test", lead=lambda: lead(LOCK), term=lambda: term(stop), stop=stop, every=0.01, lost=lost)


def is_free() -> bool:
    with connected("sequencer") as session:
        row = session.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone()
    return bool(row and row[0])


def test_it_serves_one_term_until_it_is_stopped_and_lets_go() -> None:
    terms = []

    def term(stop: threading.Event) -> None:
        terms.append(is_free())
        stop.set()

    served(term)
    assert terms == [False]
    assert is_free()


def test_a_lost_connection_ends_the_term_and_another_begins() -> None:
    told: list[str] = []

    def term(stop: threading.Event) -> None:
        told.append("term")
        if len(told) < 4:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        stop.set()

    served(term, lambda: told.append("lost"))
    assert told == ["term", "lost", "term", "lost", "term"]


@pytest.mark.parametrize("error", [OperationalError("gone"), InterfaceError("closed")])
def test_a_database_that_is_away_is_tried_again(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    stop, tries = threading.Event(), iter(range(3))

    def leads() -> bool:
        if next(tries) < 2:
            raise error
        return True

    serve("test", lead=leads, term=stop.set, stop=stop, every=0.01)
    assert caplog.text.count("test: the database is away") == 2


def test_any_other_error_ends_the_process_and_with_it_the_leadership() -> None:
    def term(stop: threading.Event) -> None:
        raise ValueError("the head moved")

    with pytest.raises(ValueError, match="the head moved"):
        served(term)
    connections.close_all()  # as at the end of the process
    assert is_free()


def test_who_stands_by_takes_over_when_the_leader_is_gone(rival: psycopg.Connection[Any]) -> None:
    looks, terms = iter(range(100)), []

    def leads() -> bool:
        if next(looks) == 3:
            rival.close()
        return lead(LOCK)

    stop = threading.Event()

    def term() -> None:
        terms.append(next(looks))
        stop.set()

    serve("test", lead=leads, term=term, stop=stop, every=0.01)
    assert terms and terms[0] > 3


def test_who_is_stopped_while_standing_by_serves_no_term(rival: psycopg.Connection[Any]) -> None:
    stop = threading.Event()

    def leads() -> bool:
        stop.set()
        return lead(LOCK)

    serve("test", lead=leads, term=lambda: pytest.fail("it does not lead"), stop=stop, every=5)


def soon(what: Callable[[], bool]) -> bool:
    """Whether it becomes true; the server hears of a session's end a little later than whoever ended it."""
    for _ in range(200):
        if what():
            return True
        time.sleep(0.05)
    return False


def test_a_session_of_its_own_keeps_the_lock_while_the_work_loses_its_connection() -> None:
    mine, other = Leadership(LOCK, "test"), Leadership(LOCK, "test")
    try:
        assert [mine.held(), other.held(), mine.held()] == [True, False, True]
        connection.close()
        assert mine.held() and not other.held()
        assert mine._session is not None
        mine._session.close()  # whoever ends it
        assert soon(other.held)
        assert not mine.held()  # it notices, and stands by
        other.release()
        assert soon(mine.held)
    finally:
        mine.release()
        other.release()


def test_no_two_kinds_of_process_share_a_lock() -> None:
    assert len({leading.SEQUENCER, leading.CARRIER, leading.KEEPER}) == 3
