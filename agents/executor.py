"""Carries out what was approved: lease, compare the bytes, begin, effect, finish. Login: executor.

Three transactions, and the effect outside all of them. A worker can die between any two lines here;
what the rows say then is enough for the next one (`docs/agents.md`).
"""

import hashlib
import hmac
import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Any, NamedTuple

from django.db import DatabaseError, connection
from pydantic import ValidationError

from agents.effects import Answer, EffectContext, Handler, NotDone
from agents.queries import HandledType, handled_types
from audit.seal import NoSpareKey
from reviews import services as desk
from reviews.errors import Busy, DeskError, InvalidPayload, LostLease, Stopped
from reviews.registry import payload_of
from reviews.schemas import MAX_NOTE, MAX_RESULT, encode
from reviews.services import Lease
from reviews.services.leasing import lease_seconds
from reviews.states import AttemptEnd, EffectMode

log = logging.getLogger("assentry.executor")

MARGIN = 0.5  # seconds between the latest end of an effect and the end of its lease
BATCH = 20


class OutOfTime(BaseException):
    """Interrupts a handler at its deadline; no `except Exception` of the handler stops it."""


@dataclass(frozen=True, slots=True)
class End:
    """How an attempt ended, as the handler or its absence says."""

    end: AttemptEnd
    result: bytes | None = None
    note: str = ""


def worker_name(kind: str = "executor") -> str:
    return f"{kind}@{socket.gethostname()}:{os.getpid()}"


def execute_next(queue: str, *, worker: str = "", types: dict[str, HandledType] | None = None) -> bool:
    """Leases the oldest released action of this effect queue and carries it out; False if there was none."""
    known = handled_types(queue) if types is None else types
    started = time.monotonic()
    taken = desk.lease(
        queue=queue,
        types={name: kind.version for name, kind in known.items()},
        worker=worker or worker_name(),
    )
    if taken is None:
        return False
    _Attempt(taken, known[taken.type], started).run()
    return True


class Worked(NamedTuple):
    """What a batch did: how many actions, and whether there may be more."""

    done: int
    more: bool


def work_off(queue: str, *, seconds: float, worker: str = "", most: int = BATCH) -> Worked:
    """Carries out up to `most` actions, one lease at a time.

    Another one is started only while the time left exceeds what one effect may take.
    """
    over = time.monotonic() + seconds
    types = handled_types(queue)
    longest = max((kind.timeout for kind in types.values()), default=0.0)
    for done in range(most):
        if time.monotonic() + longest > over:
            return Worked(done, more=True)
        if not execute_next(queue, worker=worker, types=types):
            return Worked(done, more=False)
    return Worked(most, more=True)


class _Attempt:
    """One leased action on its way to an end."""

    def __init__(self, lease: Lease, kind: HandledType, started: float) -> None:
        self.lease, self.kind = lease, kind
        self.over = started + lease_seconds(lease.timeout)

    def run(self) -> None:
        try:
            ended = self._try()
        except (LostLease, Stopped) as exc:
            log.warning("%s %s: %s", self.lease.type, self.lease.action, exc)
            return
        self._report(ended)

    def _try(self) -> End:
        if not same_bytes(self.lease):
            log.critical("%s %s: the bytes are not the approved ones", self.lease.type, self.lease.action)
            return End(AttemptEnd.NOT_DONE, note="the stored bytes are not the approved ones")
        try:
            payload = self._payload()
        except (InvalidPayload, ValidationError) as exc:
            return End(AttemptEnd.NOT_DONE, note=f"the payload does not fit the type: {exc}")
        settled = self._probe(payload) if self.lease.unclear and self.lease.mode is EffectMode.PROBE else None
        if settled is not None:
            return settled
        if self._left() < self.lease.timeout:
            self.lease = desk.renew(lease=self.lease)
            self.over = time.monotonic() + lease_seconds(self.lease.timeout)
        desk.begin(lease=self.lease)
        return self._effect(payload)

    def _payload(self) -> Any:
        plain = payload_of(self.lease.body)
        return self.kind.model.model_validate_json(self.lease.body) if self.kind.model else plain

    def _probe(self, payload: Any) -> End | None:
        """Asks the outside whether an earlier, unclear try happened; None: it did not, go on."""
        probe = self.kind.handler.probe
        answer: Answer = "unknown"
        if probe is not None:
            try:
                with time_limit(self._allowed()):
                    answer = probe(payload, self._context())
            except (Exception, OutOfTime) as exc:  # noqa: BLE001  no answer is an answer
                log.warning("probe of %s %s failed: %s", self.lease.type, self.lease.action, exc)
        if answer not in ("done", "not_done"):
            answer = "unknown"
        desk.record_probe(lease=self.lease, answer=answer)
        if answer == "done":
            return End(AttemptEnd.SUCCEEDED, encode({"probe": "done"}))
        return None if answer == "not_done" else End(AttemptEnd.UNCLEAR, note="the outside could not say")

    def _effect(self, payload: Any) -> End:
        try:
            with time_limit(self._allowed()):
                return End(AttemptEnd.SUCCEEDED, clipped(self._call(payload)))
        except NotDone as exc:
            return End(AttemptEnd.NOT_DONE, note=_brief(exc))
        except OutOfTime:
            return End(AttemptEnd.UNCLEAR, note=f"no answer within {self.lease.timeout:g} s")
        except Exception as exc:
            log.warning("%s %s: unclear", self.lease.type, self.lease.action, exc_info=exc)
            return End(AttemptEnd.UNCLEAR, note=_brief(exc))

    def _call(self, payload: Any) -> Any:
        handler: Handler = self.kind.handler
        if self.lease.reverses is None:
            return handler.execute(payload, self._context())
        if handler.undo is None:
            raise NotDone("this type has no undo")
        original = self.lease.reversed_result
        return handler.undo(payload, self._context(), _plain(original))

    def _context(self) -> EffectContext:
        lease = self.lease
        return EffectContext(
            action=lease.action,
            type=lease.type,
            revision=lease.revision,
            key=lease.key,
            deadline=datetime.now(UTC) + timedelta(seconds=self._allowed()),
            body=lease.body,
            digest=lease.digest,
            reverses=lease.reverses,
        )

    def _left(self) -> float:
        return self.over - MARGIN - time.monotonic()

    def _allowed(self) -> float:
        return max(0.01, min(self.lease.timeout, self._left()))

    def _report(self, ended: End) -> None:
        """Says how it ended; insists while the lease lasts, since a lost report makes the end unclear."""
        while True:
            try:
                desk.finish(lease=self.lease, end=ended.end, result=ended.result, note=ended.note)
                return
            except LostLease as exc:
                log.warning("%s %s: reported too late: %s", self.lease.type, self.lease.action, exc)
                return
            except (DatabaseError, Busy, NoSpareKey) as exc:
                if time.monotonic() > self.over:
                    log.error("%s %s: could not report %s", self.lease.type, self.lease.action, ended.end)
                    return
                log.warning("%s %s: reporting again: %s", self.lease.type, self.lease.action, exc)
                if not isinstance(exc, NoSpareKey):  # then the keeper makes one
                    connection.close()
                time.sleep(0.2)


def same_bytes(lease: Lease) -> bool:
    """Whether what was leased is what was approved."""
    return hmac.compare_digest(hashlib.sha256(lease.salt + lease.body).digest(), lease.digest)


def clipped(value: Any) -> bytes:
    """The handler's result as canonical JSON; what is too large or no JSON is kept as clipped text."""
    try:
        body = encode(value)
    except DeskError:
        body = encode({"clipped": repr(value)[: MAX_RESULT // 8].encode("ascii", "replace").decode()})
    if len(body) <= MAX_RESULT:
        return body
    return encode({"clipped": body[: MAX_RESULT // 8].decode("ascii", "replace")})


def _plain(raw: bytes | None) -> Any:
    from reviews.schemas import decode  # noqa: PLC0415  the only reader of a stored result here

    return decode(raw) if raw else None


def _brief(exc: BaseException) -> str:
    return f"{type(exc).__name__}: {exc}".replace("\x00", "")[:MAX_NOTE]


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises OutOfTime in the main thread after this long. Elsewhere only the lease limits the time."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise OutOfTime

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


__all__ = ["BATCH", "OutOfTime", "Worked", "execute_next", "same_bytes", "time_limit", "work_off", "worker_name"]
