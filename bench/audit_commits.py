"""What the record costs a decision: with an event, with every guard, against a log that locks; and the merge delay.

python -m bench.audit_commits [--full]     two seconds a variant, or eight with --full

Each decision is one transaction in two messages: lock the case's row; vote, move, event, COMMIT. Both sides of each
ratio run one after the other in this process's own cluster, with the sequencer at work beside the audited ones.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg

from bench import place, report

CONFIG = place.open_place()

from django.conf import settings  # noqa: E402  Django is set up by now
from django.db import connection  # noqa: E402

from audit.canonical import b64  # noqa: E402
from audit.entries import ZERO, Actor, Chain, leaf_hash, prepare  # noqa: E402
from audit.events import DecisionRecorded, EventName  # noqa: E402
from audit.ids import uuid7  # noqa: E402
from audit.notes import Signer  # noqa: E402
from audit.sequencer import Sequencer  # noqa: E402
from tests import cluster  # noqa: E402
from tests.logins import as_role  # noqa: E402

MOST = 9_000  # decisions a second that cases are laid out for
LOCK = "BEGIN; SELECT seq, clock_timestamp() FROM bench_case WHERE id = %s FOR UPDATE"
VOTE = "INSERT INTO bench_vote (case_id, verdict) VALUES (%s, 'approve')"
MOVE = "UPDATE bench_case SET state = 'approved', seq = seq + 1, head = %s WHERE id = %s"
GUARDED = "INSERT INTO audit.event (leaf) VALUES (%s)"
UNGUARDED = (
    "WITH e AS (INSERT INTO bench_event (id, name, at, case_id, case_seq, change_from, change_to, actor_ref, writer,"
    " leaf_hash, leaf) VALUES (%s, 'decision.recorded', %s, %s, 1, 'pending', 'approved', 'psn_bench', 'web', %s, %s)"
    " RETURNING n, leaf_hash) INSERT INTO bench_pending SELECT n, leaf_hash FROM e"
)
ADVISORY = "SELECT pg_advisory_xact_lock(42)"


@dataclass(frozen=True)
class Variant:
    """How a decision is recorded. `slow_ms`: a COMMIT that takes so long; `late_ms`: work between event and COMMIT."""

    event: str = ""  # "", "queue" (event and queue row, nothing checked), "guarded", "python" (leaf made by prepare)
    locked: bool = False
    slow_ms: float = 0
    late_ms: float = 0


def leaf_of(case: str, at: Any, *, python: bool) -> tuple[Any, bytes]:
    """An event's id and leaf: by the real `prepare`, or by filling in a sample, which takes next to no time."""
    digest = hashlib.sha256(case.encode()).digest()
    if python or SAMPLE is None:
        made = prepare(
            name=EventName.DECISION_RECORDED, chain=Chain(case, 0, ZERO, at), change=("pending", "approved"),
            actor=Actor("human", "psn_bench", "reviewer", "password", "0123456789abcdef"),
            data=DecisionRecorded(verdict="approve", revision=1, digest=digest, decision=str(uuid4()), policy_version=7,
                                  outcome="review", mode="HITL", risk="medium", type="refund.issue", type_version="3"),
        )  # fmt: skip
        return made.id, made.leaf
    event = uuid7()
    old_id, old_case, old_at, old_digest, leaf = SAMPLE
    moment = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()
    filled = leaf.replace(old_id, str(event).encode()).replace(old_case, case.encode()).replace(old_at, moment)
    return event, filled.replace(old_digest, b64(digest).encode())


SAMPLE: tuple[bytes, bytes, bytes, bytes, bytes] | None = None


def _sample(at: Any) -> tuple[bytes, bytes, bytes, bytes, bytes]:
    case = f"action:{uuid4()}"
    event, leaf = leaf_of(case, at, python=True)
    digest = b64(hashlib.sha256(case.encode()).digest()).encode()
    moment = at.strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()
    return str(event).encode(), case.encode(), moment, digest, leaf


def _statements(variant: Variant, case: str, at: Any) -> tuple[list[str], list[Any]]:
    texts, values, head = [VOTE], [case], ZERO
    if variant.event:
        event, leaf = leaf_of(case, at, python=variant.event == "python")
        head = leaf_hash(leaf)
    texts, values = [*texts, MOVE], [*values, head, case]
    if variant.locked:
        texts.append(ADVISORY)
    if variant.event == "queue":
        texts, values = [*texts, UNGUARDED], [*values, event, at, case, head, leaf]
    elif variant.event:
        texts, values = [*texts, GUARDED], [*values, leaf]
    if pause := variant.slow_ms + variant.late_ms:
        texts.append(f"SELECT pg_sleep({pause / 1000})")
    return [*texts, "COMMIT"], values


def _worker(variant: Variant, cases: Sequence[str], seconds: float, url: str, gate: Any, out: Any) -> None:
    global SAMPLE  # noqa: PLW0603  one a process
    settings.DATABASE_ROLE = "web"
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as raw:
        cursor = raw.cursor()
        SAMPLE = _sample(cursor.execute("SELECT clock_timestamp()").fetchone()[0])  # type: ignore[index]
        gate.wait()
        done, began = 0, time.perf_counter()
        while done < len(cases) and time.perf_counter() < began + seconds:
            case = cases[done]
            cursor.execute(LOCK, [case])
            cursor.nextset()
            _, at = cursor.fetchone()  # type: ignore[misc]
            texts, values = _statements(variant, case, at)
            cursor.execute("; ".join(texts), values)
            done += 1
        out.put(done / (time.perf_counter() - began))


def rate(variant: Variant, workers: int, seconds: float, sequencer: Sequencer | None = None) -> float:
    """Decisions a second over all connections."""
    cases = _lay_out(int(MOST * seconds))
    share = len(cases) // workers
    out: Any = multiprocessing.Queue()
    gate = multiprocessing.Barrier(workers + 1)
    url = cluster.login_url("web")
    processes = [
        multiprocessing.Process(
            target=_worker, args=(variant, cases[number * share : (number + 1) * share], seconds, url, gate, out)
        )
        for number in range(workers)
    ]
    connection.close()
    for process in processes:
        process.start()
    gate.wait()
    if sequencer is not None:
        _sequence(sequencer, time.perf_counter() + seconds)
    total = sum(out.get() for _ in processes)
    for process in processes:
        process.join()
    if sequencer is not None:
        _sequence(sequencer, 0)
    return float(total)


def _sequence(sequencer: Sequencer, until: float) -> None:
    """As its own process would, until then; then until nothing waits."""
    with as_role("sequencer"):
        assert sequencer.lead()
        while sequencer.round() or time.perf_counter() < until:
            time.sleep(sequencer.poll / 2)


def _lay_out(count: int) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO bench_case SELECT 'action:' || gen_random_uuid(), 'pending', 0, %s FROM generate_series(1, %s)"
            " RETURNING id",
            [ZERO, count],
        )
        return [row[0] for row in cursor.fetchall()]


def _tables() -> None:
    with connection.cursor() as cursor:
        for text in (
            "CREATE TABLE bench_case (id text PRIMARY KEY, state text, seq bigint, head bytea)",
            "CREATE TABLE bench_vote (id bigint GENERATED ALWAYS AS IDENTITY, case_id text, verdict text)",
            "CREATE TABLE bench_event (LIKE audit.event INCLUDING ALL)",
            "CREATE TABLE bench_pending (LIKE audit.pending INCLUDING ALL)",
            "GRANT ALL ON bench_case, bench_vote, bench_event, bench_pending TO assentry_web",
        ):
            cursor.execute(text)


def _size() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT size FROM audit.head")
        size: int = cursor.fetchone()[0]
    return size


def measure(base: Path, seconds: float) -> list[report.Row]:
    settings.ANCHOR_DIR = base / "anchor"
    _tables()
    sequencer = Sequencer(Signer.generate(settings.LOG_ORIGIN), base / "anchor")
    with as_role("sequencer"):
        assert sequencer.lead()
        sequencer.prepare()
    rate(Variant("python"), 2, 0.5, sequencer)
    rows: list[report.Row] = []
    found: dict[tuple[str, int], float] = {}
    for workers in (8, 32):
        for event in ("", "queue", "guarded", "python"):
            beside = sequencer if event in ("guarded", "python") else None
            begins = _size()
            found[event, workers] = rate(Variant(event), workers, seconds, beside)
            if event == "guarded" and workers == 32:
                late = place.merge_delays(begins)
    rows += [_rate(found, "queue", 8, 4_000), _rate(found, "queue", 32, 4_500)]
    rows += [_rate(found, "guarded", 8, 2_800), _rate(found, "guarded", 32, 3_200)]
    rows += [_share(found, "queue", 0.70), _share(found, "guarded", 0.55), _share(found, "python", 0.55)]
    rows += [
        _against("the lock last", seconds, 2.5),
        _against("a commit of 2 ms", seconds, 15, slow_ms=2),
        _against("3 ms before COMMIT", seconds, 20, late_ms=3),
        report.Row(measure="G4 merge delay p99, saturated", value=report.percentile(late, 0.99), unit="ms", target=600,
                   p50=report.median(late), n=len(late)),
    ]  # fmt: skip
    return rows


NAMES = {"queue": "event and queue row", "guarded": "every guard, with sequencer", "python": "and prepare() in Python"}


def _rate(found: dict[tuple[str, int], float], event: str, workers: int, target: float) -> report.Row:
    name = f"G1 decisions, {NAMES[event]}, {workers} connections"
    return report.Row(measure=name, value=found[event, workers], unit="/s", target=target, at="least")


def _share(found: dict[tuple[str, int], float], event: str, target: float) -> report.Row:
    share = found[event, 32] / found["", 32]
    note = f"unaudited {found['', 32]:,.0f}/s, at 8 connections {found[event, 8] / found['', 8]:.2f}"
    name = f"G2 audited / unaudited, 32 connections: {NAMES[event]}"
    return report.Row(measure=name, value=share, unit="", target=target, at="least", note=note)


def _against(name: str, seconds: float, target: float, **slow: float) -> report.Row:
    free, locked = (rate(Variant("queue", locked=locked, **slow), 32, seconds) for locked in (False, True))
    note = f"{free:,.0f}/s against {locked:,.0f}/s"
    return report.Row(
        measure=f"G3 against a global lock, {name}", value=free / locked, unit="x", target=target, at="least", note=note
    )


def main() -> None:
    seconds = 8.0 if "--full" in sys.argv else 2.0
    with tempfile.TemporaryDirectory(dir="/var/tmp") as base:
        rows = measure(Path(base), seconds)
    report.write("audit_commits", rows, CONFIG | {"seconds": seconds})


if __name__ == "__main__":
    main()
