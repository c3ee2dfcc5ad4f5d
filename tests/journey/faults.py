"""The three faults: an executor and an agent worker are killed, Redis is flushed, each while work is open."""

from __future__ import annotations

import os
import re
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import redis

from agents import ledger
from tests.journey.record import Record, Work

LOOK = 0.02  # seconds between two looks for the right moment
GLANCE = 3.0  # seconds between two looks at what else is going on


@dataclass
class Struck:
    """What a fault hit. `open` says in words which work was open; empty means that it never struck."""

    name: str
    open: str = ""
    detail: str = ""


@dataclass
class Fault(threading.Thread):
    """Waits for the right moment of one fault (agents, redis, executors), and strikes once."""

    kind: str
    url: str  # of the database, as auditor
    valkey: str  # of the user that may flush
    pids: Callable[[], dict[str, int]]
    stop: threading.Event
    ledger: Path
    hope: Callable[[], bool]  # whether to wait for an effect that must not be repeated, or take any

    def __post_init__(self) -> None:
        super().__init__(name=f"fault {self.kind}", daemon=True)
        self.struck = Struck(self.kind)
        self.broken: BaseException | None = None

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        fault = {"agents": self._agents, "redis": self._flush, "executors": self._executors}[self.kind]
        record = Record(self.url)
        try:
            while not self.stop.is_set() and not self.struck.open:
                fault(record, self.struck)
                self.stop.wait(LOOK)
        except BaseException as error:  # noqa: BLE001  told by the main thread
            self.broken = error
        finally:
            record.close()

    def _agents(self, record: Record, struck: Struck) -> None:
        """Kills the agent worker while it holds a run."""
        pid = self.pids().get("agents", 0)
        held = [run for run, worker in record.running() if pid and group_of(worker) == pid]
        if held:
            os.killpg(pid, signal.SIGKILL)
            struck.open, struck.detail = f"{len(held)} runs in its hands", f"process group {pid}"
            self._until_new("agents", pid)

    def _executors(self, record: Record, struck: Struck) -> None:
        """Kills the executor in the middle of an effect; of one that must not be repeated, if one comes along."""
        while not self.stop.is_set():
            pid, choosy = self.pids().get("executors", 0), self.hope()
            deadline = time.monotonic() + GLANCE
            while time.monotonic() < deadline and not self.stop.is_set():
                mine = [work for work in record.begun() if pid and group_of(work.worker) == pid]
                chosen = [work for work in mine if work.mode == "once" or not choosy]
                if chosen and self._kill_at(record, pid, chosen[0], struck):
                    return
                time.sleep(LOOK)

    def _kill_at(self, record: Record, pid: int, work: Work, struck: Struck) -> bool:
        """Kills between the effect and its record, the worst moment; if both were done by then it does not count."""
        soon = time.monotonic() + 0.6
        while time.monotonic() < soon and not any(row.action == work.action for row in ledger.rows(self.ledger)):
            time.sleep(0.01)
        os.killpg(pid, signal.SIGKILL)
        self._until_new("executors", pid)
        if record.attempt_end(work) not in {None, "lost", "unclear"}:
            return False  # the effect and its record were both done: another one is taken
        struck.open = f"a begun effect in its hands ({work.mode})"
        struck.detail = f"process group {pid}, action {work.action}, attempt {work.fence}"
        return True

    def _flush(self, record: Record, struck: Struck) -> None:
        """Empties Redis once effects have begun to happen and other work is open."""
        unfinished = record.unfinished()
        if not record.happened():
            return
        client = redis.Redis.from_url(self.valkey, socket_timeout=5)
        try:
            before = int(client.dbsize())
            if unfinished and before:
                client.flushall()
                struck.open, struck.detail = f"{unfinished} actions open", f"{before} keys gone"
        finally:
            client.close()

    def _until_new(self, name: str, old: int) -> None:
        """Until the supervisor has started another one in its place."""
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            now = self.pids().get(name, 0)
            if now and now != old:
                return
            time.sleep(0.1)
        raise AssertionError(f"{name} was killed and nobody started it again")


def group_of(worker: str) -> int:
    """The process group of the process that a worker's name ends with, or 0 if it is gone."""
    found = re.search(r":(\d+)$", worker)
    try:
        return os.getpgid(int(found.group(1))) if found else 0
    except ProcessLookupError:
        return 0
