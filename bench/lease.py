"""Lease, begin and finish with the whole gate, beside the bare SKIP LOCKED of the same server, turn by turn."""

from __future__ import annotations

import multiprocessing
import random
import sys
import time
from collections.abc import Callable
from typing import Any

from bench import place, report

CONFIG = place.open_place()

from django.db import connection, transaction  # noqa: E402  Django is set up by now

from bench.bulk import ready_actions  # noqa: E402
from reviews import services  # noqa: E402
from reviews.states import AttemptEnd, Status  # noqa: E402
from tests import build  # noqa: E402
from tests.logins import as_role  # noqa: E402

TYPES = {"note.add": 1}
Cycle = Callable[[str], tuple[float, float]]  # worker -> seconds of the cycle, of its lease


def ours(worker: str) -> tuple[float, float]:
    started = time.perf_counter()
    held = services.lease(queue="default", types=TYPES, worker=worker)
    leased = time.perf_counter()
    assert held is not None, "the backlog is empty"
    services.begin(lease=held)
    assert services.finish(lease=held, end=AttemptEnd.SUCCEEDED, result=b'"ok"') is Status.SUCCEEDED
    return time.perf_counter() - started, leased - started


def bare(worker: str) -> tuple[float, float]:
    """As many commits on a plain table: take, mark begun, mark done."""
    started = time.perf_counter()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE bench_job SET state = 1, worker = %s WHERE id = (SELECT id FROM bench_job WHERE state = 0"
            " ORDER BY at, id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING id, payload",
            [worker],
        )
        job = cursor.fetchone()[0]
    leased = time.perf_counter()
    for state in (2, 3):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("UPDATE bench_job SET state = %s WHERE id = %s", [state, job])
    return time.perf_counter() - started, leased - started


SIDES: dict[str, tuple[Cycle, str]] = {"ours": (ours, "executor"), "bare": (bare, "superuser")}


def fill(count: int) -> None:
    house = build.house()
    ready_actions(count, type_name="note.add", principal=house.agent.pk)
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE bench_job (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), state smallint NOT NULL DEFAULT 0,"
            " at timestamptz NOT NULL DEFAULT clock_timestamp(), worker text, payload bytea)"
        )
        cursor.execute("CREATE INDEX bench_ready ON bench_job (at, id) WHERE state = 0")
        cursor.execute("INSERT INTO bench_job (payload) SELECT '\\x7b7d' FROM generate_series(1, %s)", [count])
        cursor.execute("ANALYZE bench_job")


def one_process(side: str, cycles: int, number: int, out: Any) -> None:
    """A worker of its own; what it puts out: seconds for all cycles, and each cycle's and lease's."""
    cycle, role = SIDES[side]
    with as_role(role):
        cycle(f"w@{number}")
        started = time.perf_counter()
        taken = [cycle(f"w@{number}") for _ in range(cycles)]
        out.put((time.perf_counter() - started, taken))
    connection.close()


def together(side: str, processes: int, cycles: int) -> tuple[float, list[tuple[float, float]]]:
    """Cycles a second of so many processes, and every cycle."""
    connection.close()
    context = multiprocessing.get_context("fork")
    out = context.Queue()
    workers = [context.Process(target=one_process, args=(side, cycles, n, out)) for n in range(processes)]
    for worker in workers:
        worker.start()
    done = [out.get(timeout=300) for _ in workers]
    for worker in workers:
        worker.join()
    rate = sum(len(taken) / seconds for seconds, taken in done)
    return rate, [one for _, taken in done for one in taken]


def measure(processes: int, cycles: int, rounds: int) -> dict[str, tuple[list[float], list[tuple[float, float]]]]:
    """Both sides in turn, in random order within each round."""
    found: dict[str, tuple[list[float], list[tuple[float, float]]]] = {side: ([], []) for side in SIDES}
    for _ in range(rounds):
        for side in random.sample(list(SIDES), len(SIDES)):
            rate, taken = together(side, processes, cycles)
            found[side][0].append(rate)
            found[side][1].extend(taken)
    return found


def rows_of(processes: int, found: dict[str, tuple[list[float], list[tuple[float, float]]]]) -> list[report.Row]:
    rates, cycles = found["ours"]
    plain, _ = found["bare"]
    whole, leases = [c * 1000 for c, _ in cycles], [lease * 1000 for _, lease in cycles]
    who = f"{processes} process{'es' if processes > 1 else ''}"
    return [
        report.Row(
            measure=f"lease + begin + finish, {who}", value=report.median(rates), unit="/s", n=len(whole),
            p50=report.median(whole), p95=report.percentile(whole, 0.95), note="ms a cycle",
        ),
        report.Row(measure=f"bare SKIP LOCKED with as many commits, {who}", value=report.median(plain), unit="/s"),
        report.Row(
            measure=f"ours / bare, {who}", value=report.median(rates) / report.median(plain), unit="x", target=0.7,
            at="least",
        ),
        report.Row(
            measure=f"lease alone, {who}", value=report.percentile(leases, 0.95), unit="ms", target=20,
            p50=report.median(leases), p95=report.percentile(leases, 0.95),
        ),
    ]  # fmt: skip


def main(ready: int, cycles: int, rounds: int) -> None:
    fill(ready)
    rows = [row for processes in (1, 4) for row in rows_of(processes, measure(processes, cycles, rounds))]
    report.write("lease", rows, CONFIG | {"ready": ready, "cycles": cycles, "rounds": rounds})


if __name__ == "__main__":
    main(*(100_000, 300, 7) if "--full" in sys.argv else (20_000, 100, 3))
