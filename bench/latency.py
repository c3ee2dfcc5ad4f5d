"""From `release_at` to the lease and to the begun effect, by real workers: with the doorbell, and without a broker.

Beside it bare Celery on the same broker, turn by turn: from `delay` to the first line of the task. The processes
run with the timings of production; only the undo window is short here, since nobody is to be waited for.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any
from uuid import UUID

from bench import place, report

CONFIG = place.open_place(profile="normal")

from django.conf import settings  # noqa: E402  Django is set up by now

from bench.report import Row, percentile  # noqa: E402
from config.env import ROOT  # noqa: E402
from reviews.models import Action, Attempt, Item  # noqa: E402
from tests import build  # noqa: E402
from tests.faults.show import Show  # noqa: E402
from tests.stage import Stage, furnish, stage  # noqa: E402

UNDO = 1.5
CAPS = dict.fromkeys(("low", "medium", "high", "critical"), 1_000_000)


def approve_spread(show: Show, actions: list[UUID], every: float) -> None:
    """One after the other, so that each release is an event of its own."""
    for number, item in enumerate(Item.objects.filter(action__in=actions).select_related("action")):
        build.decide(show.house, item, name=("ada", "grace", "lin")[number % 3])
        time.sleep(every)


def latencies(actions: list[UUID]) -> tuple[list[float], list[float]]:
    """Seconds from the release to the lease, and to the intent."""
    released = dict(Action.objects.filter(id__in=actions).values_list("id", "release_at"))
    rows = Attempt.objects.filter(action__in=actions, fence=1).values_list("action", "leased_at", "effect_at")
    leased = [(at - released[action]).total_seconds() for action, at, _ in rows]
    begun = [(at - released[action]).total_seconds() for action, _, at in rows if at is not None]
    return leased, begun


def measure(show: Show, count: int) -> tuple[list[float], list[float]]:
    made = show.propose(count, ["play.safe"])
    show.stage.until(lambda: Item.objects.filter(action__in=made).count() == count, 60, "the keeper to route")
    approve_spread(show, made, every=0.07)
    show.stage.until(lambda: Action.objects.filter(id__in=made, state="succeeded").count() == count, 60, "the workers")
    return latencies(made)


class Bare:
    """A Celery worker that does nothing but note when it started."""

    def __init__(self, at: Stage) -> None:
        self.file = at.base / "echo"
        broker = at.valkey.url("admin")
        os.environ.update(BENCH_BROKER=broker, BENCH_ECHO=str(self.file))
        command = [sys.executable, "-m", "celery", "-A", "bench.echo", "worker", "--without-mingle", "--without-gossip"]
        with at.log("echo").open("ab") as log:
            self.process = subprocess.Popen([*command, "-c", "2", "-l", "WARNING"], cwd=ROOT, stdout=log, stderr=log)
        from bench.echo import echo

        self.task: Any = echo

    def lines(self) -> list[float]:
        return [float(line) for line in self.file.read_text().split()] if self.file.exists() else []

    def measure(self, at: Stage, count: int) -> list[float]:
        before = len(self.lines())
        for _ in range(count):
            self.task.delay(time.time())
            time.sleep(0.07)
        at.until(lambda: len(self.lines()) >= before + count, 30, "bare Celery")
        return self.lines()[before:]

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(15)


def rows(name: str, found: list[float], **more: Any) -> Row:
    """A figure in milliseconds; its value is the p95."""
    return Row(
        measure=name, value=percentile(found, 0.95) * 1000, unit="ms", p50=percentile(found, 0.5) * 1000,
        p95=percentile(found, 0.95) * 1000, n=len(found), **more,
    )  # fmt: skip


def main(arguments: list[str]) -> None:
    rounds, count = (6, 50) if "--full" in arguments else (2, 30)
    settings.TIMINGS = replace(
        settings.TIMINGS, undo_low=UNDO, dwell_low=0.0, dwell_medium=0.0, dwell_high=0.0, caps_per_minute=CAPS
    )
    with stage("latency") as at:
        at.profile = "normal"
        show = Show(at, furnish())
        at.started("keeper", "drain", "executors")
        bare = Bare(at)
        bare.measure(at, 3)
        leased: list[float] = []
        begun: list[float] = []
        echoed: list[float] = []
        for _ in range(rounds):
            more = measure(show, count)
            leased, begun = leased + more[0], begun + more[1]
            echoed += bare.measure(at, count)
        bare.stop()
        at.valkey.stop()
        alone = [second for _ in range(rounds) for second in measure(show, count)[1]]
    ratio = percentile(leased, 0.5) / percentile(echoed, 0.5)
    tail = percentile(leased, 0.95) / percentile(echoed, 0.95)
    report.write(
        "latency",
        [
            rows("bare Celery: delay -> start", echoed),
            rows("release -> leased", leased),
            rows("release -> effect begun", begun, target=1000),
            rows("release -> effect begun, no broker", alone, target=600),
            Row(measure="leased / bare Celery, p50", value=ratio, unit="x", target=1.8),
            Row(measure="leased / bare Celery, p95", value=tail, unit="x", target=2.0),
        ],
        {**CONFIG, "undo_window_s": UNDO, "rounds": rounds, "actions_a_round": count},
    )


if __name__ == "__main__":
    main(sys.argv[1:])
