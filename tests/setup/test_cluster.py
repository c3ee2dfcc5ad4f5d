"""The tests' own database is what a deployment would have."""

from __future__ import annotations

import psycopg
import pytest
from django.db import connection

from tests import cluster
from tests.logins import as_role, connected

ROLES = ("web", "router", "agent", "executor", "sequencer", "auditor")


def owners() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace "
            "WHERE n.nspname IN ('public', 'audit') AND relkind IN ('r', 'v', 'p')"
        )
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.django_db
def test_owner_owns_every_table() -> None:
    assert owners() == {"assentry_owner"}


@pytest.mark.django_db
@pytest.mark.parametrize("role", ROLES)
def test_as_role_changes_who_the_session_is_and_changes_it_back(role: str) -> None:
    with connection.cursor() as cursor:
        with as_role(role):
            cursor.execute("SELECT session_user, audit.role()")
            user, name = cursor.fetchone()
        assert (user.startswith("assentry_"), name) == (True, role)
        cursor.execute("SELECT session_user")
        assert cursor.fetchone() == ("postgres",)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", ROLES)
def test_each_login_signs_in_with_its_own_password_only(role: str) -> None:
    with connected(role) as found:
        assert found.execute("SELECT audit.role()").fetchone() == (role,)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(cluster.login_url(role), password="not-it")
