"""What every measurement prints and leaves behind: a table with target and gap, and JSON with machine and date.

Both sides of a ratio are measured in one run. A speed alone says little on a
shared machine; a ratio says something.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

RESULTS = Path(__file__).parent / "results"
QUIET = 0.8
_PACKAGES = ("django", "psycopg", "pydantic", "celery")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One figure. A `target` is met when `value` is at most (or at least) it."""

    measure: str
    value: float
    unit: str
    target: float | None = None
    at: Literal["most", "least"] = "most"
    p50: float | None = None
    p95: float | None = None
    n: int | None = None
    note: str = ""

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        return self.value <= self.target if self.at == "most" else self.value >= self.target

    @property
    def gap(self) -> str:
        """How far from the target, in words; empty where there is none."""
        if self.target is None:
            return ""
        if self.met:
            return "met"
        return f"{self.value / self.target:.2f}x the target"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which `share` of all lie, by nearest rank."""
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, round(share * len(ranked) + 0.5) - 1))]


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def write(name: str, rows: Sequence[Row], config: Mapping[str, Any]) -> Path:
    """Print the table and keep everything under bench/results/<name>.json."""
    about = machine()
    _print(name, rows, about)
    RESULTS.mkdir(exist_ok=True)
    where = RESULTS / f"{name}.json"
    found = {
        "name": name,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": about,
        "config": dict(config),
        "rows": [asdict(row) | {"met": row.met} for row in rows],
    }
    where.write_text(json.dumps(found, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return where


def _print(name: str, rows: Sequence[Row], about: Mapping[str, Any]) -> None:
    noise = "" if about["idle_share"] >= QUIET else ", NOISY"
    print(f"\n{name}: {about['cpus']} cpus, fdatasync p50 {about['fdatasync_p50_ms']:.2f} ms, "
          f"idle {about['idle_share']:.0%} before printing{noise}")  # fmt: skip
    table = [("measure", "value", "p50", "p95", "n", "target", "gap"), *map(_cells, rows)]
    widths = [max(len(line[column]) for line in table) for column in range(7)]
    for number, line in enumerate(table):
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())
        if number == 0:
            print("  ".join("-" * width for width in widths))
    sys.stdout.flush()


def _cells(row: Row) -> tuple[str, ...]:
    sign = {"most": "<=", "least": ">="}[row.at]
    target = "" if row.target is None else f"{sign} {row.target:g} {row.unit}".rstrip()
    return (
        f"{row.measure} ({row.note})" if row.note else row.measure,
        f"{_figure(row.value)} {row.unit}".rstrip(),
        _figure(row.p50),
        _figure(row.p95),
        "" if row.n is None else str(row.n),
        target,
        row.gap,
    )


def _figure(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def machine() -> dict[str, Any]:
    """Where it was measured; nothing that names the machine itself."""
    return {
        "cpus": os.cpu_count(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "packages": {name: version(name) for name in _PACKAGES},
        "commit": _commit(),
        "fdatasync_p50_ms": round(fdatasync_p50() * 1000, 3),
        "idle_share": round(idle_share(), 3),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False, cwd=RESULTS.parent
    )
    return done.stdout.strip()


def fdatasync_p50(times: int = 50) -> float:
    """Seconds that one small durable write takes here."""
    with tempfile.NamedTemporaryFile(dir="/var/tmp" if Path("/var/tmp").is_dir() else None) as file:  # noqa: S108
        taken = [_durable_write(file.fileno()) for _ in range(times)]
    return median(taken)


def _durable_write(handle: int) -> float:
    started = time.perf_counter()
    os.write(handle, b"x" * 512)
    getattr(os, "fdatasync", os.fsync)(handle)
    return time.perf_counter() - started


def idle_share(seconds: float = 0.5) -> float:
    """The share of all processors that nobody used for a moment; 1 where it cannot be known."""
    before = _ticks()
    time.sleep(seconds)
    after = _ticks()
    if before is None or after is None or sum(after) == sum(before):
        return 1.0
    return (after[3] - before[3]) / (sum(after) - sum(before))


def _ticks() -> list[int] | None:
    try:
        line = Path("/proc/stat").read_text(encoding="utf-8").splitlines()[0]
    except OSError:
        return None
    return [int(word) for word in line.split()[1:]]


def ratio(ours: Iterable[float], theirs: Iterable[float]) -> float:
    """Median of ours to median of theirs."""
    return median(list(ours)) / median(list(theirs))
