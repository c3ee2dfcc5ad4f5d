"""Rings the doorbells of executors and agent workers. A dead broker never holds up who rings."""

import contextlib
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


class Line:
    """One connection to the broker for one door: opened when needed, thrown away when anything goes wrong.

    Celery's own pool is no help here: closed once, it stays closed.
    """

    def __init__(self, door: Door) -> None:
        self.door, self.app = door, producer(door)
        self._open: tuple[Any, Any] | None = None
        self._looked, self._was_full = 0.0, False

    def ring(self, queue: str) -> bool:
        """Publishes one message; False if so many lie there that one more is no use."""
        connection, publisher = self._opened()
        if self._full(connection):
            return False
        self.app.send_task(
            self.door.task, args=[queue], queue=self.door.queue, expires=EXPIRES, retry=False, producer=publisher
        )
        return True

    def _opened(self) -> tuple[Any, Any]:
        if self._open is None:
            connection: Any = self.app.connection_for_write()
            connection.connect()
            self._open = connection, self.app.amqp.Producer(connection)
        return self._open

    def _full(self, connection: Any) -> bool:
        """Looked up once a second: whether nobody takes the messages."""
        if time.monotonic() - self._looked >= 1:
            self._was_full = int(connection.default_channel.client.llen(self.door.queue)) > FULL
            self._looked = time.monotonic()
        return self._was_full

    def hang_up(self) -> None:
        """Forgets the connection without a word to the other side, which may not answer."""
        if self._open is not None:
            connection, self._open = self._open[0], None
            with contextlib.suppress(Exception):
                connection.collect(socket_timeout=0.1)


class Ringer(threading.Thread):
    """Publishes from a thread, so that a sweep costs nothing when the broker is dead or frozen."""

    def __init__(self) -> None:
        super().__init__(name="ringer", daemon=True)
        self._lines = {door: Line(door) for door in (DESK, AGENTS)}
        self._wanted: dict[tuple[Door, str], None] = {}
        self._news = threading.Condition()
        self._over = False
        self._silent_until = 0.0
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
                    break
                wanted = list(self._wanted)
                self._wanted.clear()
            self._ring_all(wanted)
        for line in self._lines.values():
            line.hang_up()

    def _ring_all(self, wanted: list[tuple[Door, str]]) -> None:
        if time.monotonic() < self._silent_until:
            return
        try:
            for door, queue in wanted:
                self.rung += self._lines[door].ring(queue)
        except Exception as exc:  # noqa: BLE001  whatever the broker does, polling goes on without it
            self.failed += 1
            self._silent_until = time.monotonic() + BREAK
            log.warning("the broker does not answer (%s); silent for %g s", exc, BREAK)
            for line in self._lines.values():
                line.hang_up()
