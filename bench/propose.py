"""How many proposals a second are parked, beside single-row commits of the same server, turn by turn."""

from __future__ import annotations

import multiprocessing
import random
import sys
import time
from typing import Any
from uuid import UUID

from bench import place, report

CONFIG = place.open_place()

from django.db import connection, transaction  # noqa: E402  Django is set up by now

from reviews import services  # noqa: E402
from tests import build  # noqa: E402
from tests.logins import as_role  # noqa: E402

SIDES = {"ours": "web", "bare": "superuser"}


def propose(principal: UUID) -> None:
    services.propose(proposal=build.proposal(), principal=principal)


def insert(_: UUID) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_row (payload) VALUES ('\\x7b7d')")


def one_process(side: str, count: int, principal: UUID, out: Any) -> None:
    verb = {"ours": propose, "bare": insert}[side]
    with as_role(SIDES[side]):
        verb(principal)
        taken = [_timed(verb, principal) for _ in range(count)]
    out.put(taken)
    connection.close()


def _timed(verb: Any, principal: UUID) -> float:
    started = time.perf_counter()
    verb(principal)
    return time.perf_counter() - started


def together(side: str, processes: int, count: int, principal: UUID) -> list[list[float]]:
    connection.close()
    context = multiprocessing.get_context("fork")
    out = context.Queue()
    workers = [context.Process(target=one_process, args=(side, count, principal, out)) for _ in range(processes)]
    for worker in workers:
        worker.start()
    done = [out.get(timeout=300) for _ in workers]
    for worker in workers:
        worker.join()
    return done


def measure(processes: int, count: int, rounds: int, principal: UUID) -> dict[str, tuple[list[float], list[float]]]:
    """For each side: rates of the rounds, and the seconds of every single one."""
    found: dict[str, tuple[list[float], list[float]]] = {side: ([], []) for side in SIDES}
    for _ in range(rounds):
        for side in random.sample(list(SIDES), len(SIDES)):
            done = together(side, processes, count, principal)
            found[side][0].append(sum(len(one) / sum(one) for one in done))
            found[side][1].extend(second for one in done for second in one)
    return found


def rows_of(processes: int, found: dict[str, tuple[list[float], list[float]]]) -> list[report.Row]:
    rates, seconds = found["ours"]
    plain, commits = found["bare"]
    who = f"{processes} connection{'s' if processes > 1 else ''}"
    target = 0.1 if processes > 1 else None
    return [
        report.Row(
            measure=f"propose, {who}", value=report.median(rates), unit="/s", n=len(seconds),
            p50=report.median(seconds) * 1000, p95=report.percentile(seconds, 0.95) * 1000, note="ms",
        ),
        report.Row(
            measure=f"single-row commits, {who}", value=report.median(plain), unit="/s",
            p50=report.median(commits) * 1000, note="ms",
        ),
        report.Row(
            measure=f"propose / commits, {who}", value=report.median(rates) / report.median(plain), unit="x",
            target=target, at="least",
        ),
    ]  # fmt: skip


def main(count: int, rounds: int) -> None:
    house = build.house()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_row (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payload bytea)")
    rows = [row for n in (1, 8) for row in rows_of(n, measure(n, count, rounds, house.agent.pk))]
    report.write("propose", rows, CONFIG | {"count": count, "rounds": rounds, "by": "services, not HTTP"})


if __name__ == "__main__":
    main(*(500, 7) if "--full" in sys.argv else (100, 3))
