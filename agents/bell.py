"""Rings the doorbells of executors and agent workers. A dead broker never holds up who rings."""

import logging
import threading
import time
from typing import Any, NamedTuple

from celery import Celery
from django.conf import settings
from kombu import Queue

log = logging.getLogger("assentry.bell")

EXPIRES = 60  # seconds after which nobody needs to answer a bell any more
BREAK = 10.0  # seconds of silence after a failure
TIMEOUT = 2  # seconds that a dead broker costs this thread, and nobody else
FULL = 1000  # messages that nobody took; more would only fill the broker


class Door(NamedTuple):
    """A doorbell: its name in the settings, the task behind it, its queue in the broker."""

    name: str
    task: str
    queue: str


DESK = Door("desk", "desk.doorbell", "desk.doorbell")
AGENTS = Door("agent", "agent.doorbell", "agent.doorbell")


def producer(door: Door) -> Celery:
    """A Celery application that can publish to one door and does nothing else."""
    known = settings.BROKERS[door.name]
    quick = {"socket_timeout": TIMEOUT, "socket_connect_timeout": TIMEOUT}
    app = Celery(f"bell-{door.name}", set_as_current=False, fixups=[])
    app.conf.update(
        known,
        broker_connection_timeout=TIMEOUT,
        broker_transport_options=known["broker_transport_options"] | quick,
        task_queues=[Queue(door.queue)],
    )
    return app


class Ringer(threading.Thread):
    """Publishes from a thread, so that a sweep costs nothing when the broker is dead or frozen."""

    def __init__(self) -> None:
        super().__init__(name="ringer", daemon=True)
        self._doors = {door: producer(door) for door in (DESK, AGENTS)}
        self._wanted: dict[tuple[Door, str], None] = {}
        self._news = threading.Condition()
        self._over = False
        self._silent_until = 0.0
        self._full: dict[Door, tuple[float, bool]] = {}
        self.rung = 0
        self.failed = 0

    def ring_desk(self, queue: str) -> None:
        self._want(DESK, queue)

    def ring_agents(self) -> None:
        self._want(AGENTS, "agents")

    def _want(self, door: Door, queue: str) -> None:
        with self._news:
            if time.monotonic() >= self._silent_until:
                self._wanted[door, queue] = None
                self._news.notify()

    def stop(self) -> None:
        with self._news:
            self._over = True
            self._news.notify()
        self.join(timeout=TIMEOUT * 2)

    def run(self) -> None:
        while True:
            with self._news:
                while not self._wanted and not self._over:
                    self._news.wait()
                if self._over:
                    return
                wanted = list(self._wanted)
                self._wanted.clear()
            self._ring_all(wanted)

    def _ring_all(self, wanted: list[tuple[Door, str]]) -> None:
        try:
            for door, queue in wanted:
                self._ring(door, queue)
        except Exception as exc:  # noqa: BLE001  whatever the broker does, polling goes on without it
            self.failed += 1
            self._silent_until = time.monotonic() + BREAK
            log.warning("the broker does not answer (%s); silent for %g s", exc, BREAK)
            for app in self._doors.values():
                connections: Any = app.pool
                connections.force_close_all()

    def _ring(self, door: Door, queue: str) -> None:
        app = self._doors[door]
        if self._is_full(door, app):
            return
        app.send_task(door.task, args=[queue], queue=door.queue, expires=EXPIRES, retry=False)
        self.rung += 1

    def _is_full(self, door: Door, app: Any) -> bool:
        """Looked up once a second: whether nobody takes the messages."""
        looked, full = self._full.get(door, (0.0, False))
        if time.monotonic() - looked < 1:
            return full
        with app.producer_or_acquire() as found:
            full = int(found.connection.default_channel.client.llen(door.queue)) > FULL
        self._full[door] = (time.monotonic(), full)
        return full
