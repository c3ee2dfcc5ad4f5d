"""Carries out what was approved without any broker, and takes back leases that ran out. Login: executor.

The work is done in a child process, so that an effect that kills its process cannot stop the reaper.
"""

import logging
import os
import signal
import threading
import time
from types import FrameType

from django.conf import settings
from django.db import DatabaseError, connection

from agents import executor, queries
from agents.pulse import EVERY, beat
from reviews import services as desk

log = logging.getLogger("assentry.drain")

AT_ONCE = 5  # actions between two looks at whether the batch should end


class Child:
    """One batch in a process of its own; killed when it is not done by the hard limit."""

    def __init__(self, queues: list[str]) -> None:
        connection.close()  # parent and child must not share a socket
        self.over = time.monotonic() + settings.TIMINGS.hard
        self.pid = os.fork()
        if self.pid == 0:
            os._exit(_work(queues))

    def ended(self) -> bool:
        pid, status = os.waitpid(self.pid, os.WNOHANG)
        if pid == self.pid:
            if status:
                log.error("a batch ended with %s", os.waitstatus_to_exitcode(status))
            return True
        if time.monotonic() > self.over:
            log.error("a batch did not end in time and is killed")
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            return True
        return False

    def finish(self) -> None:
        """Lets the batch end what it has begun, as long as its limit allows."""
        os.kill(self.pid, signal.SIGTERM)
        while not self.ended():
            time.sleep(0.05)


def _work(queues: list[str]) -> int:
    """In the child: one batch for each queue in turn, until there is nothing left or the time is over."""
    over = time.monotonic() + settings.TIMINGS.soft
    stopping = _note_sigterm()
    try:
        for queue in queues:
            more = True
            while more and not stopping.is_set() and time.monotonic() < over:
                left = over - time.monotonic()
                more = executor.work_off(queue, seconds=left, worker=executor.worker_name("drain"), most=AT_ONCE).more
    except DatabaseError as exc:
        log.warning("a batch was interrupted: %s", exc)
    except Exception:
        log.exception("a batch failed")
        return 1
    return 0


def _note_sigterm() -> threading.Event:
    """SIGTERM ends the batch after the action that is under way."""
    stopping = threading.Event()

    def note(signum: int, frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGTERM, note)
    return stopping


class Drain:
    """Looks twice a second until stopped."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.tick = settings.TIMINGS.drain_tick
        self.child: Child | None = None
        self._beaten = 0.0
        self._worked = False

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                self.look()
            except DatabaseError as exc:
                log.warning("drain: %s", exc)
                connection.close()
            except Exception:
                log.exception("drain failed")
            self.stop.wait(self.tick)
        if self.child is not None:
            self.child.finish()

    def look(self) -> None:
        reaped = desk.reap()
        if reaped:
            log.warning("took back %s lease(s) that ran out", reaped)
        if self.child is not None and self.child.ended():
            self.child = None
        if self.child is None and (ready := self._ready()):
            self._worked = True
            self.child = Child(ready)
        self._beat()

    def _ready(self) -> list[str]:
        known = [queue for queue in queries.effect_queues() if queries.handled_types(queue)]
        return queries.leasable_queues(known)

    def _beat(self) -> None:
        if time.monotonic() > self._beaten + EVERY:
            beat("drain", busy=self._worked)
            self._beaten, self._worked = time.monotonic(), False
