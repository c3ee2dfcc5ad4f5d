"""A batch of decisions with audit: the verb, the share of it spent in PostgreSQL, the same in a loop, bare COPY."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from bench import place, report

CONFIG = place.open_place()

from django.db import connection, transaction  # noqa: E402  Django is set up by now

from audit.events import DecisionRetracted, EventName  # noqa: E402
from audit.services import Actor, Chain, now, prepare  # noqa: E402
from reviews import services  # noqa: E402
from reviews.models import Item  # noqa: E402
from reviews.policy.document import parse  # noqa: E402
from reviews.services.policy import publish_policy  # noqa: E402
from tests import build  # noqa: E402
from tests.logins import as_role  # noqa: E402

SIZE, LOOPED = 1_000, 50


class SqlClock:
    """Time spent in statements, and how many there were."""

    def __init__(self) -> None:
        self.seconds, self.statements = 0.0, 0

    def __call__(self, execute: Callable[..., Any], sql: Any, params: Any, many: Any, context: Any) -> Any:
        started = time.perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.seconds += time.perf_counter() - started
            self.statements += 1


@contextmanager
def sql_clock() -> Iterator[SqlClock]:
    """Counts statements and their time inside, COMMIT with its deferred checks included."""
    clock, commit = SqlClock(), connection._commit

    def timed_commit() -> None:
        started = time.perf_counter()
        commit()
        clock.seconds += time.perf_counter() - started

    connection._commit = timed_commit
    try:
        with connection.execute_wrapper(clock):
            yield clock
    finally:
        connection._commit = commit


def prepare_desk(count: int) -> tuple[build.House, list[Item]]:
    """`count` harmless items in the queue, and a limit that lets all of them be decided at once."""
    place.quiet_desk()
    house = build.house()
    allowed = parse({"types": {"mail.send": {"batch": {"approve_low": count, "reject": count}}}})
    with as_role("web"):
        publish_policy(document=allowed, based_on=0, reason="measuring a batch", by=house.by("lin"))
        for _ in range(count):
            services.propose(proposal=build.proposal(), principal=house.agent.id)
    with as_role("router"):
        while services.route_due(limit=500):
            pass
    return house, list(Item.objects.select_related("action").order_by("id"))


def selected(items: list[Item]) -> list[tuple[UUID, int, bytes]]:
    fresh = Item.objects.select_related("action").in_bulk([i.id for i in items])
    return [(i.id, fresh[i.id].version, bytes(fresh[i.id].action.digest)) for i in items]


def timed_batch(house: build.House, items: list[Item]) -> tuple[float, SqlClock]:
    """One batch, committed and taken back; the seconds of the batch alone."""
    chosen = selected(items)
    with as_role("web"):
        started = time.perf_counter()
        with sql_clock() as clock:
            result = services.batch_decide(
                items=chosen, decision=build.APPROVE, by=house.by(), opened_at=build.long_ago()
            )
        taken = time.perf_counter() - started
        assert result.applied == len(items), result.results[:3]
        services.retract_batch(batch=result.batch, by=house.by())
    return taken, clock


def timed_loop(house: build.House, items: list[Item]) -> float:
    """Seconds for one decision when they are made one by one."""
    shown = [(item, build.seen(item)) for item in items]
    with as_role("web"):
        started = time.perf_counter()
        votes = [
            services.decide(item=item.id, seen=seen, decision=build.APPROVE, by=house.by()) for item, seen in shown
        ]
        taken = time.perf_counter() - started
        for vote in votes:
            services.retract(decision=vote.id, by=house.by())
    return taken / len(items)


def timed_events(items: list[Item]) -> float:
    """Seconds to insert as many events in one statement, guards on, and nothing else; rolled back."""
    rows = [item.action for item in Item.objects.select_related("action").filter(id__in=[i.id for i in items])]
    with as_role("web"), transaction.atomic(), connection.cursor() as cursor:
        at = now()
        leaves = [_leaf(Chain(f"action:{row.id}", row.case_seq, bytes(row.case_head), at)) for row in rows]
        started = time.perf_counter()
        cursor.execute("INSERT INTO audit.event (leaf) SELECT unnest(%s::bytea[])", [leaves])
        taken = time.perf_counter() - started
        transaction.set_rollback(True)
    return taken


def _leaf(chain: Chain) -> bytes:
    data = DecisionRetracted(decision=chain.case, verdict="approve", revision=1, round=0)
    return prepare(name=EventName.DECISION_RETRACTED, data=data, chain=chain, actor=Actor("human", "psn_bench")).leaf


def main(rounds: int) -> None:
    house, items = prepare_desk(SIZE)
    timed_batch(house, items)
    whole, in_sql, loop, events, statements = [], [], [], [], set()
    for _ in range(rounds):
        taken, clock = timed_batch(house, items)
        whole.append(taken)
        in_sql.append(clock.seconds)
        statements.add(clock.statements)
        loop.append(timed_loop(house, items[:LOOPED]) * SIZE)
        events.append(timed_events(items))
    small = [timed_batch(house, items[:25])[0] for _ in range(rounds)]
    rows = [
        report.Row(
            measure=f"{SIZE} decisions with audit, one batch", value=SIZE / report.median(whole), unit="/s",
            target=10_000, at="least", p50=report.median(whole) * 1000, p95=report.percentile(whole, 0.95) * 1000,
            n=rounds, note="ms",
        ),
        report.Row(
            measure="verb / time in its own statements", value=report.ratio(whole, in_sql), unit="x", target=1.5,
            p50=report.median(in_sql) * 1000, note="ms in PostgreSQL",
        ),
        report.Row(
            measure="one by one / batch", value=report.ratio(loop, whole), unit="x", target=10, at="least",
            p50=report.median(loop) * 1000, note=f"ms, from {LOOPED} single decisions",
        ),
        report.Row(
            measure="batch / insert of as many events, guards on", value=report.ratio(whole, events), unit="x",
            target=5, p50=report.median(events) * 1000, note="ms",
        ),
        report.Row(measure="25 decisions", value=report.median(small) * 1000, unit="ms", n=rounds),
        report.Row(measure="statements of a batch", value=max(statements), unit="", note="whatever its size"),
    ]  # fmt: skip
    report.write("batch", rows, CONFIG | {"size": SIZE, "rounds": rounds})


if __name__ == "__main__":
    main(20 if "--full" in sys.argv else 5)
