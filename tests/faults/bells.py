"""Messages to the doorbells that the desk itself would not send."""

from __future__ import annotations

import base64
import json
import os
import pickle
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

from celery import Celery
from kombu import Queue

from agents.bell import DESK, Door
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


def envelope(body: bytes, *, kind: str = "application/json", **more: object) -> bytes:
    """A message as kombu writes it; `headers` may be given, or left out as None."""
    headers = {"lang": "py", "task": DESK.task, "id": str(uuid4()), "argsrepr": "", "kwargsrepr": ""}
    properties = {
        "correlation_id": str(uuid4()),
        "delivery_mode": 2,
        "delivery_info": {"exchange": "", "routing_key": DESK.queue},
        "priority": 0,
        "body_encoding": "base64",
        "delivery_tag": str(uuid4()),
    }
    found = {
        "body": base64.b64encode(body).decode(),
        "content-encoding": "utf-8",
        "content-type": kind,
        "headers": headers | dict(more.pop("headers", {}) or {}),  # type: ignore[call-overload]
        "properties": properties,
        **more,
    }
    return json.dumps(found).encode()


class Exploit:
    """Unpickled, it would leave a file."""

    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (self.path,)


def hostile(stage: Stage) -> dict[str, bytes]:
    """Fourteen messages that nobody should have sent."""
    fine = json.dumps([["default"], {}, {}]).encode()
    pickled = pickle.dumps([[Exploit(str(stage.base / "pwned"))], {}, {}])
    return {
        "pickle": envelope(pickled, kind="application/x-python-serialize"),
        "unknown task": envelope(fine, headers={"task": "os.system"}),
        "built-in task": envelope(fine, headers={"task": "celery.chord_unlock"}),
        "a dict as argument": envelope(json.dumps([[{"queue": "default"}], {}, {}]).encode()),
        "an object as body": envelope(b'{"x":1}'),
        "a body that is no JSON": envelope(b"\x80\x81 not json"),
        "five megabytes": envelope(json.dumps([["x" * 5_000_000], {}, {}]).encode()),
        "due in the year 9999": envelope(fine, headers={"eta": "9999-12-31T23:59:59+00:00"}),
        "a limit of a billion": envelope(fine, headers={"timelimit": [1e9, 1e9]}),
        "no headers": json.dumps(json.loads(envelope(fine)) | {"headers": {}}).encode(),
        "an empty object": b"{}",
        "no JSON at all": b"\xff\xfe\x00 hello",
        "nothing": b"",
        "deep": envelope(b"[" * 5_000 + b"]" * 5_000),
    }


def push(stage: Stage, raw: bytes) -> None:
    """Straight into the list that the executors read, past every client."""
    with stage.admin() as admin:
        admin.lpush(f"{DESK.name}:{DESK.queue}", raw)


def taken(stage: Stage) -> bool:
    """Whether somebody took everything that lay there."""
    with stage.admin() as admin:
        return not admin.llen(f"{DESK.name}:{DESK.queue}")
