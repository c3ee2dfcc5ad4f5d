"""Every row of every table, to compare before and after: what a refusal may change is nothing."""

from __future__ import annotations

from django.db import connection

# What a browser is remembered by, and how often somebody tried: no part of what the desk holds.
PASSING = ("django_session", "desk_cache")


def ledger() -> dict[str, str]:
    """Each table's number of rows with a digest of all that they hold."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")  # a page's own limit lasts to the end of a test's transaction
        cursor.execute(
            "SELECT format('%%I.%%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema') AND NOT tablename = ANY (%s)",
            [list(PASSING)],
        )
        tables = [name for (name,) in cursor.fetchall()]
        cursor.execute(
            " UNION ALL ".join(
                f"SELECT '{name}', count(*) || ' rows ' || coalesce(md5(string_agg(r::text, '|' ORDER BY r::text)), '')"
                f" FROM {name} r"
                for name in tables
            )
        )
        return dict(cursor.fetchall())


def writes() -> int:
    """How many rows this transaction has written so far, undone ones included: quick to ask."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0) FROM pg_stat_xact_user_tables"
            " WHERE NOT relname = ANY (%s)",
            [list(PASSING)],
        )
        return int(cursor.fetchone()[0])


def changed(before: dict[str, str]) -> list[str]:
    """The tables that are no longer as they were."""
    after = ledger()
    return sorted(name for name in before | after if before.get(name) != after.get(name))
