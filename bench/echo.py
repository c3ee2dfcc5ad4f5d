"""Bare Celery, to compare with: a task that writes down when it started, and nothing else."""

from __future__ import annotations

import os
import time

from celery import Celery

app = Celery("echo", broker=os.environ["BENCH_BROKER"], set_as_current=False, fixups=[])
app.conf.update(
    task_ignore_result=True,
    task_default_queue="echo",
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_enable_remote_control=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={"global_keyprefix": "desk:"},
)


@app.task(name="echo")
def echo(sent: float) -> None:
    with open(os.environ["BENCH_ECHO"], "a", encoding="utf-8") as file:
        file.write(f"{time.time() - sent}\n")
