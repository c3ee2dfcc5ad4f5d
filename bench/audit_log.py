"""The record: guarded inserts, sequencer drain, merge delay, export, verifier, proofs, search. G4-G16 of its goals.

G1 to G3 are in bench/audit_commits.py; G6, G7, G8, G11 and G15 are tests, not speeds: tests/audit.

python -m bench.audit_log [--full]        100,000 events, or 1,000,000 with --full
"""

from __future__ import annotations

import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench import place, report

CONFIG = place.open_place()

from django.conf import settings  # noqa: E402  Django is set up by now
from django.db import connection, transaction  # noqa: E402

from audit import queries, registry, verify  # noqa: E402
from audit.canonical import encode  # noqa: E402
from audit.entries import Actor, Chain, Entry, prepare  # noqa: E402
from audit.events import ActionProposed, ActionRouted, DecisionRecorded, EventName, Floor  # noqa: E402
from audit.export import export  # noqa: E402
from audit.notes import Signer  # noqa: E402
from audit.sequencer import Sequencer  # noqa: E402
from audit.services import fresh, now, record  # noqa: E402
from audit.tree import inclusion  # noqa: E402
from tests.logins import as_role, connected  # noqa: E402

CHUNK = 3_000
PERSON, POLICY = Actor("human", "psn_bench", "reviewer", "password", "0123456789abcdef"), Actor("policy", "policy:7")


def case(chain: Chain) -> list[Entry]:
    """Three events as the desk writes them: proposed, routed, decided."""
    digest = hashlib.sha256(chain.case.encode()).digest()
    proposed = prepare(
        name=EventName.ACTION_PROPOSED, chain=chain, actor=PERSON, change=(None, "proposed"),
        data=ActionProposed(type="refund.issue", type_version="3", proposer="agent", digest=digest, risk="medium",
                            reversibility="compensable", effect_mode="idempotent", confidence_permille=871),
    )  # fmt: skip
    floors = [Floor(name="risk_table", value="medium", outcome="review"), Floor(name="amount", outcome="review")]
    routed = prepare(
        name=EventName.ACTION_ROUTED, chain=proposed.next, actor=POLICY, change=("proposed", "pending"),
        data=ActionRouted(outcome="review", mode="HITL", floors=floors, policy_version=7, needed=1, risk="medium"),
    )  # fmt: skip
    decided = prepare(
        name=EventName.DECISION_RECORDED, chain=routed.next, actor=PERSON, change=("pending", "approved"),
        data=DecisionRecorded(verdict="approve", revision=1, digest=digest, decision=str(uuid4()), policy_version=7,
                              outcome="review", mode="HITL", risk="medium", type="refund.issue", type_version="3"),
    )  # fmt: skip
    return [proposed, routed, decided]


def fill(count: int) -> tuple[float, float]:
    """So many events through every guard, a thousand cases a transaction; seconds in Python, in PostgreSQL."""
    ours = theirs = 0.0
    with as_role("web"):
        for start in range(0, count, CHUNK):
            cases = min(CHUNK, count - start) // 3
            with transaction.atomic():
                at, began = now(), time.perf_counter()
                entries = [entry for _ in range(cases) for entry in case(fresh(f"action:{uuid4()}", at))]
                built = time.perf_counter()
                record(entries)
            ours, theirs = ours + built - began, theirs + time.perf_counter() - built
    return ours, theirs


def drain(sequencer: Sequencer) -> tuple[int, float]:
    """Leaves placed and signed, and the seconds it took; the folder is written later."""
    placed, began = 0, time.perf_counter()
    while batch := sequencer.step():
        sequencer.sign()
        placed += batch
    return placed, time.perf_counter() - began


def merge_delay(sequencer: Sequencer, rate: int, seconds: float) -> list[float]:
    """Milliseconds from an event to its checkpoint, one commit an event, at a steady rate."""
    stop = threading.Event()
    writer = threading.Thread(target=_write_steadily, args=(rate, seconds, stop))
    begins = _scalar("SELECT coalesce(max(leaf_index), -1) + 1 FROM audit.leaf")
    writer.start()
    with as_role("sequencer"):
        while not stop.is_set():
            if sequencer.round() == 0:
                time.sleep(sequencer.poll)
        sequencer.round()
    writer.join()
    return place.merge_delays(begins)


def _write_steadily(rate: int, seconds: float, stop: threading.Event) -> None:
    with connected("web") as raw:
        began = time.perf_counter()
        for number in range(int(rate * seconds)):
            time.sleep(max(0.0, began + number / rate - time.perf_counter()))
            at = raw.execute("SELECT clock_timestamp()").fetchone()[0]  # type: ignore[index]
            leaf = _as_web(case(fresh(f"action:{uuid4()}", at))[0])
            raw.execute("INSERT INTO audit.event (leaf) VALUES (%s)", [leaf])
            raw.commit()
    stop.set()


def _as_web(entry: Entry) -> bytes:
    """The leaf as `web` writes it: this thread shares its settings with the sequencer's."""
    return encode(json.loads(entry.leaf) | {"writer": "web"})


def _scalar(sql: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def verifier(folder: Path, key: Path) -> float:
    """Seconds of processor time that verify.py takes for the whole export, its start included."""
    began = _children()
    done = subprocess.run([sys.executable, verify.__file__, str(folder), "--key", str(key)],
                          capture_output=True, text=True, check=False)  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    return _children() - began


def _children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def hashing(folder: Path) -> float:
    """How near the verifier's leaves and tree come to OpenSSL hashing the same bytes in one go."""
    raw = (folder / "events.jsonl").read_bytes()
    began = time.process_time()
    hashlib.sha256(raw).digest()
    hashlib.sha256(bytes(65 * raw.count(b"\n"))).digest()  # the nodes
    limit, tree = time.process_time() - began, verify.Tree()
    began = time.process_time()
    with (folder / "events.jsonl").open("rb") as file:
        for line in file:
            tree.levels[0] += hashlib.sha256(b"\0" + line[:-1]).digest()
    tree.build()
    return limit / (time.process_time() - began)


def proofs(size: int, times: int = 200) -> tuple[int, list[float]]:
    """Length of the longest path, and microseconds for each, with the upper tiles in memory."""
    node, lengths, taken = queries.nodes(size), 0, []
    inclusion(node, 0, size)
    for index in range(0, size, max(1, size // times)):
        inclusion(node, index, size)
        began = time.perf_counter()
        path = inclusion(node, index, size)
        taken.append((time.perf_counter() - began) * 1e6)
        lengths = max(lengths, len(path))
    return lengths, taken


def searches(times: int = 100) -> list[float]:
    """Milliseconds for keyset pages deep in the log, by an indexed filter."""
    newest, taken = _scalar("SELECT max(n) FROM audit.event"), []
    for number in range(times):
        began = time.perf_counter()
        found = queries.search(queries.Filters(name="decision.recorded"), before=newest * (number + 1) // (times + 1))
        taken.append((time.perf_counter() - began) * 1000)
        assert number < 2 or found
    return taken


def main() -> None:
    full = "--full" in sys.argv
    count = 999_999 if full else 99_999
    with tempfile.TemporaryDirectory(dir="/var/tmp") as base:
        rows = measure(Path(base), count)
    report.write("audit_log", rows, CONFIG | {"events": count})


def measure(base: Path, count: int) -> list[report.Row]:
    settings.ANCHOR_DIR = base / "anchor"
    for registered in (registry.projections, registry.texts):  # the desk's own rows take no part
        setattr(registry, registered.__name__, dict)
    signer = Signer.generate(settings.LOG_ORIGIN)
    (base / "key").write_text(signer.vkey + "\n", encoding="utf-8")
    sequencer = Sequencer(signer, base / "anchor")
    ours, theirs = fill(count)
    with as_role("sequencer"):
        assert sequencer.lead()
        placed, seconds = drain(sequencer)
        began = time.perf_counter()
        sequencer.prepare()
        sequencer.round()
        published = time.perf_counter() - began
    size = _scalar("SELECT size FROM audit.head")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE audit.event, audit.leaf, audit.checkpoint")
    with as_role("auditor"):
        began = time.perf_counter()
        export(base / "export")
        exported = time.perf_counter() - began
        checked = verifier(base / "export", base / "key")
        longest, microseconds = proofs(size)
        found = searches()
    delays = merge_delay(sequencer, rate=500, seconds=8)
    row = report.Row
    return [
        row(measure="leaves made in Python", value=count / ours, unit="/s"),
        row(measure="guarded inserts, 3,000 a transaction", value=count / theirs, unit="/s"),
        row(measure="G5 sequencer drains a backlog", value=placed / seconds, unit="/s", target=100_000, at="least",
            n=placed),
        row(measure="tree rebuilt, guard, tiles published", value=size / published, unit="/s", n=size),
        row(measure="G14 export", value=size / exported, unit="/s", target=100_000, at="least", n=size),
        row(measure="G10 verify.py, every check", value=checked / size * 1e6, unit="CPU s per 1M", target=18, n=size),
        row(measure="verify.py", value=size / checked, unit="events/CPU s"),
        row(measure="G16 inclusion proof", value=longest, unit="hashes", target=20),
        row(measure="G16 inclusion proof, tiles in memory", value=report.median(microseconds), unit="us", target=20,
            n=len(microseconds)),
        row(measure="G13 keyset search page p95", value=report.percentile(found, 0.95), unit="ms", target=10,
            p50=report.median(found), n=len(found)),
        row(measure="G4 merge delay p99 at 500/s", value=report.percentile(delays, 0.99), unit="ms", target=150,
            p50=report.median(delays), p95=report.percentile(delays, 0.95), n=len(delays)),
        row(measure="G9 leaves and tree from the file / OpenSSL's limit", value=hashing(base / "export"), unit="",
            target=0.35, at="least"),
        row(measure="G12 verify.py", value=len(Path(verify.__file__).read_text().splitlines()), unit="lines",
            target=500),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
