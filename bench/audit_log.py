"""The record: guarded inserts, sequencer drain, merge delay, export, verifier, proofs, search. G4-G16 of its goals.

G1 to G3 are in bench/audit_commits.py; G6, G7, G8, G11 and G15 are tests, not speeds: tests/audit.

python -m bench.audit_log [--full]        100,000 events, or 1,000,000 with --full
"""

from __future__ import annotations

import hashlib
import json
import random
import resource
import subprocess
import sys
import tempfile
import threading
import time
from datetime import datetime
from itertools import accumulate
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

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
POLICY = Actor("policy", "policy:7")
PEOPLE = [Actor("human", f"psn_{number:02}", "reviewer", "password", "0123456789abcdef") for number in range(40)]
TYPES = [f"type_{number:02}.do" for number in range(12)]
AGENTS = [str(UUID(int=number + 1)) for number in range(20)]
REASONS = [f"reason_{number}" for number in range(10)]
BATCHES = [uuid4() for _ in range(400)]
WORDS = [f"word{number}" for number in range(5_000)]
SOME = random.Random(7)  # the same record in every run


def shares(count: int) -> list[float]:
    """As things are shared out in life: the second half as often as the first, the third a third (Zipf)."""
    return list(accumulate(1 / (place + 1) for place in range(count)))


HOW_OFTEN = {count: shares(count) for count in (len(PEOPLE), len(TYPES), len(AGENTS), len(REASONS), len(WORDS))}


def one(of: list[Any]) -> Any:
    return SOME.choices(of, cum_weights=HOW_OFTEN[len(of)])[0]


def case(chain: Chain) -> list[Entry]:
    """Three events as the desk writes them: proposed, routed, decided."""
    digest = hashlib.sha256(chain.case.encode()).digest()
    type_, person, verdict = one(TYPES), one(PEOPLE), "reject" if SOME.random() < 0.08 else "approve"
    batch = SOME.choice(BATCHES) if SOME.random() < 0.2 else None
    proposed = prepare(
        name=EventName.ACTION_PROPOSED, chain=chain, actor=person, change=(None, "proposed"),
        data=ActionProposed(type=type_, type_version="3", proposer=one(AGENTS), digest=digest, risk="medium",
                            reversibility="compensable", effect_mode="idempotent", confidence_permille=871),
    )  # fmt: skip
    floors = [Floor(name="risk_table", value="medium", outcome="review"), Floor(name="amount", outcome="review")]
    routed = prepare(
        name=EventName.ACTION_ROUTED, chain=proposed.next, actor=POLICY, change=("proposed", "pending"),
        data=ActionRouted(outcome="review", mode="HITL", floors=floors, policy_version=7, needed=1, risk="medium"),
    )  # fmt: skip
    decided = prepare(
        name=EventName.DECISION_RECORDED, chain=routed.next, actor=person, batch=batch,
        change=("pending", {"approve": "approved", "reject": "rejected"}[verdict]),
        data=DecisionRecorded(verdict=verdict, revision=1, digest=digest, decision=str(uuid4()), policy_version=7,
                              outcome="review", mode="HITL", risk="medium", type=type_, type_version="3",
                              reason_code=one(REASONS) if verdict == "reject" else ""),
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


def file_words() -> float:
    """Every event filed as the keeper does it, with twelve words each; events a second."""
    began, done = time.perf_counter(), 0
    with as_role("router"):
        while True:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("SELECT n FROM audit.index_next(5000)")
                found = [n for (n,) in cursor.fetchall()]
                said = [" ".join(SOME.choices(WORDS, cum_weights=HOW_OFTEN[len(WORDS)], k=12)) for _ in found]
                cursor.execute("SELECT audit.index_words(%s, %s)", [found, said])
            if not found:
                return done / (time.perf_counter() - began)
            done += len(found)


def asked(early: datetime, late: datetime) -> dict[str, queries.Filters]:
    """What people ask, each filter alone and those that are asked together; the common and the rare."""
    common, rare, person = ("word0", "word1"), ("word4000",), PEOPLE[0].ref
    plain: dict[str, dict[str, Any]] = {
        "type": {"type": TYPES[0]}, "rare type": {"type": TYPES[-1]}, "verdict": {"verdict": "reject"},
        "reason": {"reason": REASONS[-1]}, "agent": {"agent": AGENTS[0]}, "person": {"actor": person},
        "rare person": {"actor": PEOPLE[-1].ref}, "batch": {"batch": BATCHES[0]},
        "time": {"since": early, "until": late}, "event": {"name": "decision.recorded"},
        "type, verdict": {"type": TYPES[-1], "verdict": "reject"},
        "type, reason": {"type": TYPES[-1], "reason": REASONS[-1]},
        "agent, verdict": {"agent": AGENTS[-1], "verdict": "reject"},
        "type, agent": {"type": TYPES[-1], "agent": AGENTS[-1]},
        "type, agent, verdict": {"type": TYPES[-1], "agent": AGENTS[-1], "verdict": "reject"},
        "person, verdict": {"actor": PEOPLE[-1].ref, "verdict": "reject"},
        "person, type": {"actor": PEOPLE[-1].ref, "type": TYPES[-1]},
        "person, reason": {"actor": PEOPLE[-1].ref, "reason": REASONS[-1]},
        "person, event": {"actor": PEOPLE[-1].ref, "name": "decision.recorded"},
        "time, type": {"since": early, "until": late, "type": TYPES[-1]},
        "time, verdict": {"since": early, "until": late, "verdict": "reject"},
        "time, person": {"since": early, "until": late, "actor": PEOPLE[-1].ref},
        "batch, verdict": {"batch": BATCHES[0], "verdict": "reject"},
        "batch, type": {"batch": BATCHES[0], "type": TYPES[-1]},
    }  # fmt: skip
    worded: dict[str, dict[str, Any]] = {
        "rare word": {"words": rare}, "common word": {"words": common[:1]}, "two common words": {"words": common},
        "rare word, type": {"words": rare, "type": TYPES[0]},
        **{f"two common words, {name}": {"words": common, **plain[name]} for name in (
            "type", "rare type", "verdict", "reason", "agent", "rare person", "batch", "time", "type, verdict",
            "person, verdict", "time, type")},
    }  # fmt: skip
    return {name: queries.Filters(**given) for name, given in (plain | worded).items()}


def filtered(times: int = 12) -> dict[str, list[float]]:
    """Milliseconds for pages of each of these searches, the newest and those deeper in the log."""
    newest, taken = _scalar("SELECT max(n) FROM audit.event"), dict[str, list[float]]()
    with connection.cursor() as cursor:
        cursor.execute("SELECT percentile_disc(ARRAY[0.4, 0.45]) WITHIN GROUP (ORDER BY at) FROM audit.event")
        early, late = cursor.fetchone()[0]
    for name, filters in asked(early, late).items():
        queries.search(filters, limit=51)
        for number in range(times):
            began = time.perf_counter()
            queries.search(filters, before=newest * (times - number) // times + 1, limit=51)
            taken.setdefault(name, []).append((time.perf_counter() - began) * 1000)
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
    filing = file_words()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE) audit.event, audit.search")
    with as_role("web"):
        pages = filtered()
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
        row(measure="events filed for the search", value=filing, unit="/s", n=size),
        *[
            row(measure=f"G13 {name}, p95", value=report.percentile(found, 0.95), unit="ms",
                target=250 if "common" in name else 10, p50=report.median(found), n=len(found))
            for name, found in pages.items()
        ],
        row(measure="G4 merge delay p99 at 500/s", value=report.percentile(delays, 0.99), unit="ms", target=150,
            p50=report.median(delays), p95=report.percentile(delays, 0.95), n=len(delays)),
        row(measure="G9 leaves and tree from the file / OpenSSL's limit", value=hashing(base / "export"), unit="",
            target=0.35, at="least"),
        row(measure="G12 verify.py", value=len(Path(verify.__file__).read_text().splitlines()), unit="lines",
            target=500),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
