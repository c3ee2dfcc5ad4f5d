"""Being one of the logins, inside a test's transaction or on a connection of one's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.conf import settings
from django.db import connection
from django.test import override_settings

from config.roles import login
from tests import cluster


@contextmanager
def as_role(role: str) -> Iterator[None]:
    """Runs the block as this login: `session_user`, rights and triggers are those of production.

    Inside a transaction the change is local to it, savepoints included; what was pending is checked
    before the switch, and what the block left pending is checked at its end, as at a COMMIT.
    Outside (transaction=True, threads) the connection itself changes and is changed back.
    """
    before = settings.DATABASE_ROLE
    _switch(role)
    try:
        with override_settings(DATABASE_ROLE=role):
            yield
    except BaseException:
        # The error may have ended the transaction; then its rollback undoes the switch as well.
        if not (connection.in_atomic_block and connection.needs_rollback) and _usable():
            _switch(before, check=False)
        raise
    _switch(before)


def _switch(role: str, *, check: bool = True) -> None:
    name = "DEFAULT" if role == "superuser" else f'"{login(cluster.PREFIX, role)}"'
    local = "LOCAL " if connection.in_atomic_block else ""
    with connection.cursor() as cursor:
        if local and check:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        # Whoever is not superuser now may always go back to who signed in.
        cursor.execute(f"SET {local}SESSION AUTHORIZATION DEFAULT")
        cursor.execute(f"SET {local}SESSION AUTHORIZATION {name}")
        if local and check:
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def _usable() -> bool:
    raw = connection.connection
    return raw is not None and raw.info.transaction_status != psycopg.pq.TransactionStatus.INERROR


@contextmanager
def connected(role: str, **options: Any) -> Iterator[psycopg.Connection[Any]]:
    """A connection of its own, signed in as this login with its password."""
    with psycopg.connect(cluster.login_url(role), **options) as found:
        yield found
