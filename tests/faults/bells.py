"""Messages to the doorbells that the desk itself would not send."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from celery import Celery
from kombu import Queue

from agents.bell import Door
from config.brokers import transport
from tests.stage import Stage


def producer(stage: Stage, door: Door) -> Celery:
    app = Celery(f"test-{door.name}", broker=stage.valkey.url("admin"), set_as_current=False, fixups=[])
    app.conf.update(
        broker_transport_options=transport(f"{door.name}:", 6), task_queues=[Queue(door.queue)], task_ignore_result=True
    )
    return app


def ring_many(stage: Stage, door: Door, queue: str, times: int) -> None:
    """The same bell, over and over."""
    app = producer(stage, door)
    with app.producer_pool.acquire(block=True) as publisher:
        for _ in range(times):
            app.send_task(door.task, args=[queue], queue=door.queue, expires=60, producer=publisher)
    app.close()


@contextmanager
def flushing(stage: Stage, *, every: float) -> Iterator[list[bool]]:
    """Empties the broker again and again until the block ends; what is yielded counts the times."""
    over, flushed = threading.Event(), []

    def flush() -> None:
        with stage.admin() as admin:
            while not over.wait(every):
                flushed.append(bool(admin.flushall()))

    thread = threading.Thread(target=flush)
    thread.start()
    try:
        yield flushed
    finally:
        over.set()
        thread.join()
