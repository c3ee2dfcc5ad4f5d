"""How the processes are: signs of life, what waits too long, what nobody takes."""

from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from reviews.models import Heartbeat
from reviews.services.base import Clock

LATE = 30  # seconds that something may be ready, or proposed, before it is an alarm
SILENT = 20  # seconds without a sign of life
GONE = 3600  # seconds after which a process that is gone is not listed any more
KINDS = ("keeper", "drain", "executor", "agents")

COUNTED = 10_000  # more of one kind are not counted

# Each part reads one partial index, so that the decided millions cost nothing.
_BACKLOG = """
WITH proposed AS (SELECT created_at FROM reviews_action WHERE state = 'proposed' ORDER BY id LIMIT %(most)s),
     ready AS (SELECT release_at FROM reviews_action
               WHERE state = 'approved' AND release_at <= statement_timestamp() LIMIT %(most)s)
SELECT (SELECT count(*) FROM proposed),
       coalesce(extract(epoch FROM clock_timestamp() - (SELECT min(created_at) FROM proposed)), 0)::float8,
       (SELECT count(*) FROM ready),
       coalesce(extract(epoch FROM clock_timestamp() - (SELECT min(release_at) FROM ready)), 0)::float8,
       (SELECT count(*) FROM (SELECT FROM reviews_action WHERE state = 'executing' LIMIT %(most)s) AS e),
       (SELECT count(*) FROM (SELECT FROM reviews_action WHERE state = 'in_doubt' LIMIT %(most)s) AS d)
"""


@dataclass(frozen=True, slots=True)
class Backlog:
    """Counts, and the age in seconds of the oldest."""

    proposed: int
    proposed_age: float
    ready: int
    ready_age: float
    executing: int
    in_doubt: int


@dataclass(frozen=True, slots=True)
class Process:
    """One process as it last said; `silent` when that was too long ago."""

    name: str
    kind: str
    started_at: datetime
    at: datetime
    busy_at: datetime | None
    note: str
    age: float
    busy_age: float | None

    @property
    def silent(self) -> bool:
        return self.age > SILENT


def backlog() -> Backlog:
    with connection.cursor() as cursor:
        cursor.execute(_BACKLOG, {"most": COUNTED})
        row = cursor.fetchone()
    return Backlog(row[0], max(0.0, row[1]), row[2], max(0.0, row[3]), row[4], row[5])


def processes() -> list[Process]:
    """Every process that spoke within the last hour, by kind and name."""
    rows = Heartbeat.objects.annotate(clock=Clock()).order_by("kind", "name")
    found = []
    for row in rows:
        age = (row.clock - row.at).total_seconds()
        busy = (row.clock - row.busy_at).total_seconds() if row.busy_at else None
        if age < GONE:
            found.append(Process(row.name, row.kind, row.started_at, row.at, row.busy_at, row.note, age, busy))
    return found


def alarms() -> list[str]:
    """What is wrong, in sentences that stay the same while it is."""
    known, waiting = processes(), backlog()
    living = {process.kind for process in known if not process.silent}
    found = [f"no {kind} has given a sign of life for {SILENT} s" for kind in KINDS if kind not in living]
    if waiting.proposed_age > LATE:
        found.append(f"proposals have waited more than {LATE} s to be routed")
    if waiting.ready_age > LATE and not _anybody_leased(known):
        found.append(f"released actions have waited more than {LATE} s, and nobody leases")
    if waiting.in_doubt:
        found.append("effects are in doubt; people must settle them")
    return found


def _anybody_leased(known: list[Process]) -> bool:
    workers = (p.busy_age for p in known if p.kind in ("executor", "drain") and p.busy_age is not None)
    return any(age < LATE for age in workers)


def health() -> dict[str, object]:
    """The whole of it as JSON, for /healthz."""
    waiting = backlog()
    return {
        "alarms": alarms(),
        "processes": [
            {
                "name": p.name,
                "kind": p.kind,
                "last_sign_s": round(p.age, 1),
                "last_work_s": None if p.busy_age is None else round(p.busy_age, 1),
                "silent": p.silent,
                "note": p.note,
            }
            for p in processes()
        ],
        "backlog": {
            "proposed": waiting.proposed,
            "oldest_proposed_s": round(waiting.proposed_age, 1),
            "ready": waiting.ready,
            "oldest_ready_s": round(waiting.ready_age, 1),
            "executing": waiting.executing,
            "in_doubt": waiting.in_doubt,
        },
    }
