"""A real gunicorn, signed in to PostgreSQL as `web`, on a database that the test's own ORM uses as well."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection, connections

from config.env import ROOT
from config.machine import HOST, free_port, tail
from reviews import registry
from tests import cluster


class Site:
    """The address of a running desk; `stop` and `start` for what happens when it is gone."""

    application = "config.wsgi:application"

    def __init__(self, base: Path, database: str, profile: str) -> None:
        self.base, self.database, self.profile = base, database, profile
        self.port = free_port()
        self.url = f"http://{HOST}:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None
        self.more: dict[str, str] = {}  # what a test wants the desk to know besides

    @property
    def log(self) -> Path:
        return self.base / "web.log"

    def environment(self) -> dict[str, str]:
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("ASSENTRY_", "DJANGO_", "COV_"))}
        return keep | {
            "DATABASE_URL": f"postgresql://{HOST}:{connection.settings_dict['PORT']}/{self.database}",
            "PUBLIC_URL": self.url,
            "ASSENTRY_ROLE": "web",
            "ASSENTRY_SECRETS": str(cluster.base() / "secrets"),
            "ASSENTRY_SECRET_KEY": settings.SECRET_KEY,
            "ASSENTRY_SHARED_SECRETS": "true",
            "ASSENTRY_STATE": str(self.base / "state"),
            "ASSENTRY_PROFILE": self.profile,
            **self.more,
        }

    def start(self) -> None:
        command = (
            sys.executable, "-m", "gunicorn", self.application, "--bind", f"{HOST}:{self.port}",
            "--worker-class", "gthread", "--workers", "1", "--threads", "4", "--no-control-socket",
        )  # fmt: skip
        with self.log.open("ab") as file:
            self.process = subprocess.Popen(
                command, cwd=ROOT, env=self.environment(), stdout=file, stderr=file,
                stdin=subprocess.DEVNULL, start_new_session=True,
            )  # fmt: skip
        self._wait()

    def _wait(self) -> None:
        over = time.monotonic() + 40
        while time.monotonic() < over:
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                if urllib.request.urlopen(f"{self.url}/healthz", timeout=2).status == 200:
                    return
            assert self.process is not None and self.process.poll() is None, tail(self.log, 30)
            time.sleep(0.1)
        raise AssertionError(f"the desk did not answer\n{tail(self.log, 30)}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None


@contextlib.contextmanager
def site(name: str, profile: str = "test") -> Iterator[Site]:
    """A desk of its own; afterwards nothing of it is left."""
    database = f"{cluster.database_name()}_{name}"
    cluster.ensure_started()
    with cluster.scratch() as base:
        connections.close_all()
        cluster.fresh_database(database)
        before = connection.settings_dict["NAME"]
        connection.settings_dict["NAME"] = database
        types = set(registry.versions())
        found = Site(base, database, profile)
        try:
            found.start()
            yield found
        finally:
            found.stop()
            for kind in set(registry.versions()) - types:
                registry.forget(kind)
            connections.close_all()
            connection.settings_dict["NAME"] = before
            cluster.drop_database(database)
