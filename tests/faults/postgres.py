"""A PostgreSQL of one's own, for the faults that end it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator

import pytest
from django.db import connection, connections

from config.embedded import Postgres
from config.machine import free_port
from tests import cluster


class Doomed:
    """A server that a test may end without warning."""

    def __init__(self, server: Postgres) -> None:
        self.server = server
        self.ended = 0

    def crash(self) -> None:
        """Immediate shutdown: every session ends where it stands, recovery follows at the next start."""
        pid = int((self.server.data / "postmaster.pid").read_text().splitlines()[0])
        os.kill(pid, signal.SIGQUIT)
        over = time.monotonic() + 20
        while self.server.running() and time.monotonic() < over:
            time.sleep(0.02)
        self.ended += 1
        self.server.start()


@contextlib.contextmanager
def own_postgres() -> Iterator[Doomed]:
    """This process's ORM, and whoever it spawns, on a durable server that nobody else uses."""
    cluster.ensure_started()
    with cluster.scratch() as base, pytest.MonkeyPatch.context() as patch:
        shared = cluster.server()
        cluster._copy_secrets(base)  # the copied cluster has the passwords of all of this user's
        server = Postgres(base, free_port(), fsync=True, settings={"max_connections": "100"})
        cluster._from_cache(server)
        server.prepare()
        server.start()
        before = connection.settings_dict["PORT"]
        connections.close_all()
        connection.settings_dict["PORT"] = str(server.port)
        patch.setattr(cluster, "server", lambda at=None: server if at is None else shared)
        try:
            if not cluster._has_template(server):
                cluster._build_template(server)
            yield Doomed(server)
        finally:
            connections.close_all()
            connection.settings_dict["PORT"] = before
            server.stop()
