"""Takes one runnable run, executes it up to its next park or its end, and writes how that was."""

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Literal, TypeAlias
from uuid import UUID

from django.conf import settings
from django.db import DatabaseError, connection

from agents import registry, services
from agents.journal import NotJson, encode
from agents.recorder import (
    Broken,
    ContinueAsNew,
    Interrupted,
    Lost,
    NonDeterminism,
    Parked,
    Recorder,
    leaving,
)
from agents.registry import AgentType
from agents.runs import Run
from agents.services import Held
from reviews.errors import DeskError, InvalidPayload

log = logging.getLogger("assentry.runs")

Leg: TypeAlias = Literal[
    "idle", "parked", "runnable", "finished", "failed", "blocked", "continued", "lost", "interrupted"
]
MAX_STALLS = 5


def worker_name() -> str:
    return f"agents@{socket.gethostname()}:{os.getpid()}"


def advance(*, run: UUID | None = None, worker: str = "", renew: bool = True) -> Leg:
    """One leg of the oldest runnable run this process has code for, or of `run`. Login: agent.

    `renew`: a thread of its own keeps the lease alive while a step takes its time.
    """
    with leaving():
        held = services.lease_run(
            versions=[(kind.name, kind.version) for kind in registry.agents()],
            worker=worker or worker_name(),
            seconds=settings.TIMINGS.agent_lease,
            only=run,
        )
    if held is None:
        return "idle"
    with _renewed(held) if renew else nullcontext():
        leg = _leg(held)
    log.info("run %s of %s: %s", held.id, held.agent, leg)
    return leg


def _leg(held: Held) -> Leg:
    try:
        return _guarded(held)
    except Lost:
        return "lost"
    except Interrupted as exc:
        log.warning("run %s was interrupted: %s", held.id, exc)
        _give_back(held)
        return "interrupted"


def _give_back(held: Held) -> None:
    """Another leg may follow at once; if this cannot be said either, it follows when the lease is over."""
    try:
        services.give_back(held=held)
    except (DeskError, DatabaseError):
        connection.close()


def _guarded(held: Held) -> Leg:
    if held.stalls >= MAX_STALLS:
        return _failed(held, f"WorkerDied: {held.stalls} workers in a row died at step {held.steps + 1}")
    with leaving():
        recorder = Recorder(held, services.read_journal(held=held))
    try:
        return _execute(held, recorder)
    except NonDeterminism as exc:
        with leaving():
            services.block_run(held=_now(recorder), sides=exc.sides, expected=exc.expected, found=exc.found)
        return "blocked"
    except Broken as exc:
        return _failed(_now(recorder), f"Broken: {exc}")


def _execute(held: Held, recorder: Recorder) -> Leg:
    kind = registry.find_agent(held.agent, held.version)
    if kind is None:
        raise Broken(f"this process has no code of {held.agent} {held.version}")
    try:
        result = kind.function(Run(held, recorder), **_arguments(kind, held))
    except Parked as parked:
        with leaving():
            return "parked" if services.park_run(held=held, wait=parked.wait) else "runnable"
    except ContinueAsNew as more:
        return _continued(kind, recorder, more.arguments)
    except Exception as exc:
        recorder.finish()
        log.info("run %s failed", held.id, exc_info=exc)
        return _failed(_now(recorder), f"{type(exc).__name__}: {exc}")
    recorder.finish()
    return _finished(_now(recorder), result)


def _arguments(kind: AgentType, held: Held) -> dict[str, object]:
    given = kind.arguments.model_validate(held.args)
    return {name: getattr(given, name) for name in kind.arguments.model_fields}


def _finished(held: Held, result: object) -> Leg:
    try:
        body = encode(result)
    except NotJson as exc:
        raise Broken(f"the result: {exc}") from exc
    with leaving():
        services.finish_run(held=held, result=body)
    return "finished"


def _failed(held: Held, error: str) -> Leg:
    with leaving():
        services.fail_run(held=held, error=error)
    return "failed"


def _continued(kind: AgentType, recorder: Recorder, args: dict[str, object]) -> Leg:
    try:
        parsed = kind.parse(args)
    except InvalidPayload as exc:
        raise Broken(f"continue_as_new: {exc}") from exc
    with leaving():
        services.continue_run(held=_now(recorder), args=parsed, result=encode(None))
    return "continued"


def _now(recorder: Recorder) -> Held:
    return services.advanced(recorder.held, steps=len(recorder.rows))


@contextmanager
def _renewed(held: Held) -> Iterator[None]:
    """Renews the lease from a thread until the block ends, so that a long step keeps its run."""
    over = threading.Event()
    thread = threading.Thread(target=_renew, args=(held, over), name=f"renew-{held.id}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=5)


def _renew(held: Held, over: threading.Event) -> None:
    try:
        while not over.wait(settings.TIMINGS.agent_lease / 3):
            try:
                services.renew_run(held=held)
            except DeskError as exc:
                log.warning("run %s: the lease is gone (%s)", held.id, exc)
                return
            except Exception as exc:  # noqa: BLE001  the next turn tries again; without a lease writes are refused
                log.warning("run %s: could not renew (%s)", held.id, exc)
                connection.close()
    finally:
        connection.close()
