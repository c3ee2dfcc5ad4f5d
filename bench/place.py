"""A database of the measurement's own: a durable cluster with every login, made for the run and removed after it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

SETTINGS = {
    "max_connections": "100",
    "shared_buffers": "512MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
}


def open_place(profile: str = "test") -> dict[str, Any]:
    """Start the cluster, migrate, and point Django at it as its superuser; verbs run under `as_role`.

    Refuses a cluster on which a commit is not durable: its figures would be
    about nothing. What it returns belongs into the result's config.
    """
    os.environ["ASSENTRY_TEST_PROFILE"] = profile
    os.environ.pop("ASSENTRY_TEST_CLUSTER", None)
    from config.embedded import Postgres
    from tests import cluster

    def durable(at: Path | None = None) -> Postgres:
        kept = at or cluster.base()
        usual = _server(kept)
        return Postgres(kept, usual.port, fsync=True, settings=SETTINGS)

    _server, cluster.server = cluster.server, durable
    cluster.set_environment()
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    cluster.ensure_started()
    cluster.fresh_database(cluster.database_name())
    import django

    django.setup()
    return {"profile": profile, "postgresql": _demand_durable()}


def _demand_durable() -> dict[str, str]:
    """The settings that matter, read back from the server."""
    from django.db import connection

    names = ("server_version", "fsync", "synchronous_commit", "full_page_writes", *SETTINGS)
    with connection.cursor() as cursor:
        found = {}
        for name in names:
            cursor.execute("SELECT current_setting(%s)", [name])
            found[name] = str(cursor.fetchone()[0])
    if found["fsync"] != "on" or found["synchronous_commit"] != "on":
        sys.exit("bench: this server does not make its commits durable; nothing was measured")
    return found


def quiet_desk(**more: float) -> None:
    """No waiting between decisions, and a long undo window, so that the same items can be decided again."""
    from dataclasses import replace

    from django.conf import settings

    changed = {"dwell_low": 0.0, "dwell_medium": 0.0, "dwell_high": 0.0, "undo_low": 900.0, **more}
    settings.TIMINGS = replace(settings.TIMINGS, **changed)


def merge_delays(begins: int) -> list[float]:
    """Milliseconds from event to checkpoint of the leaves from this index on."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT extract(epoch FROM c.at - e.at) * 1000 FROM audit.leaf l JOIN audit.event e USING (n),"
            " LATERAL (SELECT at FROM audit.checkpoint WHERE size > l.leaf_index ORDER BY size LIMIT 1) c"
            " WHERE l.leaf_index >= %s",
            [begins],
        )
        return [float(row[0]) for row in cursor.fetchall()]
