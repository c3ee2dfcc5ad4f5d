"""The desk's clock: routes, expires, wakes and rings, twice a second. One leader; others stand by.

Everything it does is a look at rows and a verb of the services; a failing verb is logged and tried
again at the next sweep, and holds up none of the others. Login: router.
"""

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from django.conf import settings
from django.db import DatabaseError, connection

from agents import queries, services
from agents.post import PostOffice
from agents.pulse import EVERY, beat
from audit.indexing import index_for
from audit.jobs import request_daily
from audit.keys import refill
from audit.leading import KEEPER, Leadership
from audit.queries import job_waiting
from audit.receipts import give_waiting
from reviews import services as desk
from reviews.queries.manning import unmanned

log = logging.getLogger("assentry.keeper")

ROLLUP_EVERY = 1.0
ALARM_EVERY = 5.0
QUEUES_EVERY = 5.0
DAILY_LOOK = 600.0
NEAR_LOOK = 30.0
MAIL_LOOK = 5.0
LIMIT = 500


class Ring(Protocol):
    """What the keeper needs of a doorbell; a call never waits for a broker."""

    def ring_desk(self, queue: str) -> None: ...
    def ring_agents(self) -> None: ...


class Verb(NamedTuple):
    """One duty of a sweep. `every`: seconds between two times; 0 is each sweep."""

    name: str
    call: Callable[[], Any]
    every: float = 0.0


class Keeper:
    """Sweeps until stopped. `bells` is rung for what is ready; it may be deaf."""

    def __init__(self, bells: Ring, stop: threading.Event) -> None:
        self.bells, self.stop = bells, stop
        self.leadership = Leadership(KEEPER, "keeper")
        self.tick = settings.TIMINGS.keeper_tick
        self.verifier = AuditJobs()
        self.post = PostOffice()
        self._at: dict[str, float] = {}
        self._queues: list[str] = []
        self._alarms: set[str] = set()
        self._worked = False
        self._began = time.monotonic()
        self.duties: Sequence[Verb] = (
            Verb("route", self._route),
            Verb("receipts", give_waiting),
            Verb("expire", lambda: desk.expire_due(limit=LIMIT)),
            Verb("wake deferred", lambda: desk.wake_deferred(limit=LIMIT)),
            Verb("flip breached", lambda: desk.flip_breached(limit=LIMIT)),
            Verb("wake runs", services.wake_runs),
            Verb("ring", self._ring),
            Verb("precedents", desk.tend_precedents),
            Verb("roll up counts", _roll_up, ROLLUP_EVERY),
            Verb("index words", index_for, ROLLUP_EVERY),
            Verb("spare keys", refill, ROLLUP_EVERY),
            Verb("audit jobs", self.verifier.look),
            Verb("daily verification", request_daily, DAILY_LOOK),
            Verb("absences", desk.begin_absences, NEAR_LOOK),
            Verb("near their time", desk.tell_near, NEAR_LOOK),
            Verb("digests", desk.tell_digests, DAILY_LOOK),
            Verb("mail", self.post.look, MAIL_LOOK),
            Verb("watchdog", self._watch, ALARM_EVERY),
            Verb("sign of life", self._beat, EVERY),
        )

    def run(self) -> None:
        """Until `stop`; a sweep that takes longer than the tick is followed by the next at once."""
        leads = False
        while not self.stop.is_set():
            started = time.monotonic()
            if self.leadership.held() != leads:
                leads = not leads
                log.info("this keeper %s", "leads" if leads else "stands by")
            if leads:
                self.sweep()
                self._wait_and_ring(started + self.tick)
            else:
                self._stand_by()
                self.stop.wait(self.tick)
        self.verifier.stop()
        self.post.stop()
        self.leadership.release()

    def sweep(self) -> None:
        for verb in self.duties:
            if not self._is_due(verb):
                continue
            try:
                verb.call()
            except DatabaseError as exc:
                log.warning("%s: %s", verb.name, exc)
                connection.close()
            except Exception:
                log.exception("%s failed", verb.name)

    def _is_due(self, verb: Verb) -> bool:
        now = time.monotonic()
        if verb.every and now < self._at.get(verb.name, 0.0) + verb.every:
            return False
        self._at[verb.name] = now
        return True

    def _route(self) -> None:
        """Everything that is proposed, not only the first so many: the next sweep may be busy too."""
        while not self.stop.is_set():
            routed = desk.route_due(limit=LIMIT)
            self._worked = self._worked or routed > 0
            if routed < LIMIT:
                return

    def _effect_queues(self) -> list[str]:
        now = time.monotonic()
        if not self._queues or now > self._at.get("queues", 0.0) + QUEUES_EVERY:
            self._queues, self._at["queues"] = queries.effect_queues(), now
        return self._queues

    def _ring(self) -> None:
        for queue in queries.ready_queues(self._effect_queues()):
            self.bells.ring_desk(queue)
        if queries.runs_to_advance():
            self.bells.ring_agents()

    def _wait_and_ring(self, until: float) -> None:
        """Waits for the next sweep, and rings on the way for each release that falls due before it."""
        for queue, left in self._due(until):
            at = time.monotonic() + left
            if at > until or self.stop.wait(max(0.0, at - time.monotonic())):
                break
            self.bells.ring_desk(queue)
        self.stop.wait(max(0.0, until - time.monotonic()))

    def _due(self, until: float) -> list[tuple[str, float]]:
        left = until - time.monotonic()
        if left <= 0:
            return []
        try:
            due = queries.due_soon(self._effect_queues(), left)
        except DatabaseError as exc:
            log.warning("releases: %s", exc)
            connection.close()
            return []
        looked = time.monotonic()
        return [(queue, max(0.0, seconds - (time.monotonic() - looked))) for queue, seconds in due]

    def _watch(self) -> None:
        """Says once when something begins to be wrong, and once when it is right again.

        Not in the first moments: whoever was started with this keeper may still be on its way.
        """
        if time.monotonic() < self._began + queries.SILENT:
            return
        found = {*queries.alarms(), *(f"nobody is there for the queue {one.queue}" for one in unmanned())}
        for text in sorted(found - self._alarms):
            log.error("alarm: %s", text)
        for text in sorted(self._alarms - found):
            log.info("over: %s", text)
        self._alarms = found

    def _beat(self) -> None:
        beat("keeper", busy=self._worked, note="; ".join(sorted(self._alarms)) or "leads")
        self._worked = False

    def _stand_by(self) -> None:
        if self._is_due(Verb("sign of life", self._beat, EVERY)):
            try:
                beat("keeper", note="stands by")
            except DatabaseError as exc:
                log.warning("no sign of life: %s", exc)
                connection.close()


def _roll_up() -> None:
    """Folds the queues' recent changes into their counts."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reviews_cube_rollup()")


class AuditJobs:
    """Exports and verifications that somebody asked for, one at a time, in a process of their own."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[bytes] | None = None

    def look(self) -> None:
        if self._process is not None and self._process.poll() is None:
            return
        if self._process is not None and self._process.returncode:
            log.error("an audit job ended with %s", self._process.returncode)
        self._process = None
        if job_waiting():
            command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "audit_job"]
            self._process = subprocess.Popen(command)  # noqa: S603  our own command, no argument of anybody's

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                self._process.kill()
