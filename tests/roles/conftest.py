"""One database for all cheats of a worker, built once through the real logins; every cheat rolls back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from reviews.ids import new_id
from tests import cluster
from tests.roles import targets
from tests.roles import world as w
from tests.roles.world import Session, World


@pytest.fixture(scope="session")
def world(django_db_setup: None) -> Iterator[World]:
    name = f"{cluster.database_name()}_roles"
    cluster.fresh_database(name)
    lies(name)
    made = World(name)
    with made.session("web") as s:
        people(s, made)
        kinds(s)
        principals(s, made)
    yield made
    made.close()
    cluster.drop_database(name)


@pytest.fixture(scope="session")
def given(world: World) -> dict[str, Any]:
    """Actions in every situation that a cheat may want."""
    return targets.build(world)


def lies(database: str) -> None:
    """Operators that say what a cheat would like to hear, in a schema that every login may use."""
    with psycopg.connect(cluster.server().superuser_url(database), autocommit=True) as connection:
        connection.execute("CREATE SCHEMA lies")
        connection.execute("GRANT USAGE ON SCHEMA lies TO PUBLIC")
        for types, operator, answer in (
            ("text", "<>", "false"),
            ("integer", ">=", "true"),
            ("timestamptz", "<=", "false"),
        ):
            function = f"lies.says_{answer}(a {types}, b {types})"
            connection.execute(f"CREATE FUNCTION {function} RETURNS boolean LANGUAGE sql AS 'SELECT {answer}'")
            connection.execute(
                f"CREATE OPERATOR lies.{operator}"
                f" (FUNCTION = lies.says_{answer}, LEFTARG = {types}, RIGHTARG = {types})"
            )


def people(s: Session, made: World) -> None:
    """ada, grace and lin see `support`; mallory sees `elsewhere`; gone saw `support` and has left; olga owns agents."""
    for queue in ("support", "elsewhere"):
        w.insert(s, "reviews_queue", name=queue, title=queue, help="")
    for name in ("ada", "grace", "lin", "mallory", "gone", "olga"):
        made.ids[name] = s.one(
            "INSERT INTO reviews_user (password, is_superuser, username, first_name, last_name, email, is_staff,"
            " is_active, date_joined, pseudonym, time_zone)"
            " VALUES ('!', false, %s, '', '', '', false, %s, now(), %s, 'UTC') RETURNING id",
            name, name != "gone", f"psn_{name}",
        )["id"]  # fmt: skip
    for group, queue, members in (("desk", "support", "ada grace lin gone olga"), ("other", "elsewhere", "mallory")):
        made.ids[group] = s.one("INSERT INTO auth_group (name) VALUES (%s) RETURNING id", group)["id"]
        w.insert(s, "reviews_reach", group_id=made[group], queue_id=queue)
        w.insert(s, "reviews_authority", group_id=made[group], max_risk="critical", qualification="")
        for name in members.split():
            w.insert(s, "reviews_user_groups", user_id=made[name], group_id=made[group])


def kinds(s: Session) -> None:
    """One type per risk and per effect mode; named after what matters about it."""
    for name, risk, reversibility, mode, more in (
        ("note.add", "low", "reversible", "idempotent", {"has_undo": True}),
        ("mail.send", "medium", "compensable", "once", {}),
        ("order.place", "medium", "compensable", "probe", {"has_probe": True, "effect_timeout": 3600}),
        ("files.delete", "high", "irreversible", "once", {}),
        ("plant.stop", "critical", "compensable", "once", {}),
        ("slow.undo", "low", "compensable", "idempotent", {"undo_window": 600}),
    ):
        columns = {
            "version": 1, "source": "code", "label": name, "template": name, "schema": "{}", "risk": risk,
            "reversibility": reversibility, "risk_floor": risk, "reversibility_floor": reversibility,
            "effect_mode": mode, "queue_id": "support", "effect_queue": "default", "amount_path": "",
            "currency_path": "", "currency": "", "machine_paths": "[]", "question": False, "release": False,
            "plan": False, "has_undo": False, "has_probe": False, "has_handler": True, "reversal_needed": 1,
            "presets": "{}", "active": True,
        } | more  # fmt: skip
        w.insert(s, "reviews_actiontype", name=name, **columns)


def principals(s: Session, made: World) -> None:
    """`robot` is of the group this installation's agent login speaks for, `stranger` of another."""
    for name, group in (("robot", "main"), ("stranger", "other")):
        made.ids[name] = new_id()
        w.insert(
            s, "reviews_principal", id=made[name], name=name, kind="agent", label=name, version="1", group=group,
            owner_id=made["olga"], plan_first=False, frame="{}", active=True,
        )  # fmt: skip
