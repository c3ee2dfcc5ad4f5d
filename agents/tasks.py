"""The doorbells as plain functions; `config/celery.py` makes tasks of them.

A message says only "look", and names a queue. Whatever else arrives is ignored: the rows say what to do.
"""

import logging
import os
import re
import time

from django.conf import settings

from agents import executor, pulse, runner

log = logging.getLogger("assentry.doorbell")

QUEUE = re.compile(r"[a-z0-9][a-z0-9_.-]{0,62}")
LEGS = 20


def ring_desk(queue: object) -> bool:
    """Carries out released actions of an effect queue; True if it should be rung again."""
    if not isinstance(queue, str) or not QUEUE.fullmatch(queue):
        log.error("a doorbell without a queue name was ignored")
        return False
    more = executor.work_off(queue, seconds=settings.TIMINGS.soft)
    pulse.beat("executor", busy=True, pid=os.getppid())
    return more


def ring_agents(queue: object) -> bool:
    """Advances runnable runs, one leg each; True if it should be rung again."""
    over = time.monotonic() + settings.TIMINGS.agent_soft / 2
    for _ in range(LEGS):
        leg = runner.advance()
        if leg == "idle":
            pulse.beat("agents", busy=True, pid=os.getppid())
            return False
        if leg == "interrupted" or time.monotonic() > over:
            break
    pulse.beat("agents", busy=True, pid=os.getppid())
    return True
