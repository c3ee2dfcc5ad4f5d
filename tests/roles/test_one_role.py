"""One-role mode: one login is everybody. What still holds then, and what does not."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests import cluster
from tests.roles import conftest
from tests.roles import world as w
from tests.roles.world import World


@pytest.fixture(scope="module")
def alone(django_db_setup: None) -> Iterator[World]:
    """A desk whose only login owns the tables, as on a laptop."""
    name = f"{cluster.database_name()}_one"
    cluster.fresh_database(name)
    with psycopg.connect(cluster.server().superuser_url(name)) as connection:
        connection.execute("UPDATE audit.login SET role = 'one' WHERE login = 'assentry_owner'")
    made = World(name)
    with made.session("one") as s:
        conftest.people(s, made)
        conftest.kinds(s)
        conftest.principals(s, made)
    yield made
    cluster.drop_database(name)


def pending(world: World) -> object:
    with world.session("one") as s:
        action = w.propose(s, "note.add", proposer_id=world["robot"])
        w.route(s, action)
    return action


def test_the_whole_life_of_an_action_is_one_logins_work(alone: World) -> None:
    action = pending(alone)
    with alone.session("one") as s:
        w.approve(s, action, alone["ada"])
    with alone.session("one") as s:
        fence = w.lease(s, action)
    with alone.session("one") as s:
        w.begin(s, action, fence)
        assert w.finish(s, action, fence) == "succeeded"


@pytest.mark.parametrize(
    ("code", "sets"),
    [
        ("DK006", w.APPROVED),
        ("DK003", "risk = 'critical'"),
        ("DK009", "state = 'succeeded'"),
        ("DK004", "digest = digest || ''"),
    ],
)
def test_edges_votes_bytes_and_births_still_hold(alone: World, code: str, sets: str) -> None:
    action = pending(alone)
    with pytest.raises(psycopg.Error) as refused, alone.session("one") as s:
        _, entry = w.vote(s, action, alone["ada"], "ask", to="approved")
        values = [0] if "%s" in sets else []
        s.move(action, entry, sets.replace("digest || ''", "sha256(digest)"), *values)
    assert refused.value.sqlstate == code


def test_the_log_still_must_tell_every_change(alone: World) -> None:
    action = pending(alone)
    with pytest.raises(psycopg.Error) as refused, alone.session("one") as s:
        s.run("UPDATE reviews_action SET state = 'withdrawn' WHERE id = %s", action)
    assert refused.value.sqlstate == "AU007"


def test_nothing_says_any_more_who_voted(alone: World) -> None:
    """The process that proposes votes as two people at once; with roles of their own it could not."""
    with alone.session("one") as s:
        action = w.propose(s, "note.add", proposer_id=alone["robot"])
        w.route(s, action, outcome="two_person_review", needed=2)
        w.just_vote(s, action, alone["ada"])
        w.approve(s, action, alone["grace"])
        assert s.action(action)["state"] == "approved"


def test_the_owner_of_the_tables_switches_the_gate_off(alone: World) -> None:
    action = pending(alone)
    with alone.session("one") as s:
        s.run("ALTER TABLE reviews_action DISABLE TRIGGER USER")
        s.run("UPDATE reviews_action SET state = 'succeeded' WHERE id = %s", action)
        assert s.action(action)["state"] == "succeeded"
        s.connection.rollback()
