"""The real processes on a database and a Valkey of their own: what the worker and fault tests act on.

Every process signs in under its own login with its own password, as in production. What goes wrong is
written in a plan (`tests/play.py`) that only the test's own handlers read.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import redis
from django.conf import settings
from django.db import connection, connections

from agents import registry
from agents.services import sync_registry
from config.embedded import Valkey
from config.env import ROOT
from config.machine import HOST, free_port, tail
from reviews import registry as desk_registry
from reviews.models import Item
from tests import build, cluster, play
from tests.logins import as_role

PYTHON = sys.executable
CELERY = (PYTHON, "-m", "celery", "-A")
WORKER = ("worker", "--without-mingle", "--without-gossip", "--loglevel", "INFO", "-c", "2")
COMMANDS: dict[str, tuple[tuple[str, ...], str]] = {
    "keeper": ((PYTHON, str(ROOT / "manage.py"), "keeper"), "router"),
    "keeper-2": ((PYTHON, str(ROOT / "manage.py"), "keeper"), "router"),
    "drain": ((PYTHON, str(ROOT / "manage.py"), "drain"), "executor"),
    "executors": ((*CELERY, "config.celery:desk", *WORKER, "-n", "executors@%h"), "executor"),
    "executors-2": ((*CELERY, "config.celery:desk", *WORKER, "-n", "executors2@%h"), "executor"),
    "agents": ((*CELERY, "config.celery:agent", *WORKER, "-n", "agents@%h"), "agent"),
}


class Stage:
    """One installation for tests. `start` and `kill` processes by name; read the tables, not the logs."""

    def __init__(self, base: Path, database: str) -> None:
        self.base, self.database = base, database
        passwords = {name: secrets.token_hex(8) for name in ("executor", "router", "agent", "admin")}
        self.valkey = Valkey(base, free_port(), passwords)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.extra: dict[str, str] = {}
        self.profile = "test"
        self.struck: dict[str, int] = {}  # faults that earlier tests of this stage have seen

    @property
    def plan(self) -> Path:
        return self.base / "plan.json"

    @property
    def sink(self) -> Path:
        """Where effects go: a second system, append only, without a unique key."""
        return self.base / "sink.jsonl"

    def open(self) -> None:
        folder = self.base / "secrets"
        folder.mkdir()
        for role in ("owner", "web", "router", "agent", "executor", "sequencer", "auditor"):
            (folder / role).write_text((cluster.base() / "secrets" / role).read_text())
        for name, password in self.valkey.passwords.items():
            (folder / f"redis-{name}").write_text(password)
        self.plan.write_text("{}")
        self.valkey.prepare()
        self.valkey.start()

    def close(self) -> None:
        for name in list(self.processes):
            self.stop(name, patience=0.1)
        self.thaw()
        self.valkey.stop()

    def environment(self, role: str) -> dict[str, str]:
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("ASSENTRY_", "DJANGO_", "COV_"))}
        return keep | {
            "DATABASE_URL": f"postgresql://{HOST}:{connection.settings_dict['PORT']}/{self.database}",
            "REDIS_URL": f"redis://{HOST}:{self.valkey.port}/0",
            "ASSENTRY_ROLE": role,
            "ASSENTRY_SECRETS": str(self.base / "secrets"),
            "ASSENTRY_SHARED_SECRETS": "true",
            "ASSENTRY_STATE": str(self.base / "state"),
            "ASSENTRY_PROFILE": self.profile,
            "ASSENTRY_AGENT_MODULES": "tests.play_cast",
            "ASSENTRY_TEST_STAGE": str(self.base),
            **self.extra,
        }

    def log(self, name: str) -> Path:
        return self.base / f"{name}.log"

    def start(self, *names: str) -> None:
        for name in names:
            command, role = COMMANDS[name]
            with self.log(name).open("ab") as file:
                self.processes[name] = subprocess.Popen(
                    command, cwd=ROOT, env=self.environment(role), stdout=file, stderr=file,
                    stdin=subprocess.DEVNULL, start_new_session=True,
                )  # fmt: skip

    def started(self, *names: str) -> None:
        """Starts and waits for signs of life of each."""
        known = self._heartbeats()
        self.start(*names)

        def up() -> bool:
            dead = [name for name in names if not self.alive(name)]
            assert not dead, f"{dead} ended at once\n{self.logs()}"
            return len(self._heartbeats() - known) >= len(names)

        self.until(up, 90, f"{names} to start")

    def _heartbeats(self) -> set[str]:
        with connection.cursor() as cursor:
            cursor.execute("SELECT name FROM reviews_heartbeat")
            return {row[0] for row in cursor.fetchall()}

    def batch(self, given: str) -> subprocess.Popen[bytes]:
        """A process of the web login that decides a batch; see tests/faults/batch.py."""
        process = subprocess.Popen(
            (PYTHON, "-m", "tests.faults.batch"),
            cwd=ROOT,
            env=self.environment("web")
            | {"DJANGO_SETTINGS_MODULE": "config.settings", "ASSENTRY_SECRET_KEY": "x" * 60},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert process.stdin is not None
        process.stdin.write(given.encode())
        process.stdin.close()
        return process

    def stop(self, name: str, patience: float = 10) -> int | None:
        """SIGTERM, then SIGKILL to its whole session; the exit code if it ended by itself."""
        process = self.processes.pop(name)
        process.terminate()
        code: int | None = None
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = process.wait(patience)
        self._end(process)
        return code

    def kill(self, name: str) -> None:
        """SIGKILL to a process and all its children, at once."""
        self._end(self.processes.pop(name))

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def alive(self, name: str) -> bool:
        return name in self.processes and self.processes[name].poll() is None

    def revive(self) -> list[str]:
        """As a supervisor would: starts again what has died. Names of what had."""
        dead = [name for name, process in self.processes.items() if process.poll() is not None]
        for name in dead:
            self._end(self.processes.pop(name))
        self.start(*dead)
        return dead

    def admin(self) -> redis.Redis:
        return redis.Redis.from_url(self.valkey.url("admin"), socket_timeout=2)

    def freeze(self) -> None:
        assert self.valkey.process is not None
        os.kill(self.valkey.process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        if self.valkey.process is not None and self.valkey.process.poll() is None:
            os.kill(self.valkey.process.pid, signal.SIGCONT)

    def until(self, wanted: Callable[[], Any], seconds: float, what: str) -> Any:
        """Waits until it holds; what never comes fails with the ends of the logs."""
        over = time.monotonic() + seconds
        while time.monotonic() < over:
            if found := wanted():
                return found
            time.sleep(0.05)
        raise AssertionError(f"waited {seconds} s in vain for {what}\n{self.logs()}")

    def logs(self) -> str:
        return "\n".join(f"--- {path.name}\n{tail(path, 12)}" for path in sorted(self.base.glob("*.log")))

    def faults(self, **plan: Any) -> None:
        """What the handlers shall do wrong from now on; see tests/play.py."""
        draft = self.plan.with_suffix(".new")
        draft.write_text(json.dumps(plan))
        draft.replace(self.plan)

    def fired(self, fault: str) -> int:
        """How often a fault struck."""
        path = self.base / "fired.log"
        return path.read_text().split().count(fault) if path.exists() else 0


@contextlib.contextmanager
def stage(database: str) -> Iterator[Stage]:
    """A stage whose database this process's ORM uses as well, as the superuser of the tests."""
    name = f"{cluster.database_name()}_{database}"
    cluster.ensure_started()
    with cluster.scratch() as base, registry.isolated():
        connections.close_all()
        cluster.fresh_database(name)
        before = connection.settings_dict["NAME"]
        connection.settings_dict["NAME"] = name
        found = Stage(base, name)
        types = set(desk_registry._loaded)
        try:
            play.declare()
            found.open()
            yield found
        finally:
            found.close()
            for added in set(desk_registry._loaded) - types:
                desk_registry.forget(added)
            connections.close_all()
            connection.settings_dict["NAME"] = before
            cluster.drop_database(name)


def furnish() -> build.House:
    """People, reach, and what the code declares."""
    house = build.house()
    with as_role("web"):
        sync_registry(owner="noor")
    return house


def approve(house: build.House, items: Iterable[Item]) -> None:
    """By three people in turn, since nobody may decide before they looked."""
    for item, name in zip(items, itertools.cycle(("ada", "grace", "lin")), strict=False):
        build.decide(house, item, name=name)
        time.sleep(settings.TIMINGS.dwell_low / 2)


__all__ = ["Stage", "approve", "furnish", "settings", "stage"]
