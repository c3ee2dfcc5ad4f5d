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
    worked = executor.work_off(queue, seconds=settings.TIMINGS.soft)
    if worked.done:
        pulse.beat("executor", busy=True, pid=os.getppid())
    return worked.more


def ring_agents(queue: object) -> bool:
    """Advances runnable runs, one leg each; True if it should be rung again."""
    over = time.monotonic() + settings.TIMINGS.agent_soft / 2
    more, legs = True, 0
    while more and legs < LEGS and time.monotonic() < over:
        leg = runner.advance()
        more, legs = leg not in ("idle", "interrupted"), legs + 1
    if legs > 1 or more:
        pulse.beat("agents", busy=True, pid=os.getppid())
    return more
