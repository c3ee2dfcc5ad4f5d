"""What the watchdogs see: how the log is doing, how its copies outside are doing, and what is wrong."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import connection

MMD = timedelta(seconds=10)
OLDEST_COPY = timedelta(hours=1)
OLDEST_MAIL = timedelta(hours=25)
BEGAN = "SELECT at FROM audit.event ORDER BY n LIMIT 1"
LONGEST_UNCHECKED = timedelta(days=2)  # the keeper checks every night
BLIND = ("agent", "executor")  # logins that may not see how the copies are doing
LAST_CHECK = """
    SELECT j #>> '{data,outcome}', j #>> '{data,size}', j #>> '{data,findings}', e.at
    FROM audit.event e, LATERAL (SELECT convert_from(e.leaf, 'UTF8')::jsonb AS j) AS parsed
    WHERE e.name = 'audit.verified' ORDER BY e.n DESC LIMIT 1
"""


@dataclass(frozen=True)
class Alarm:
    """Something that is wrong now. `code` and `values` go into the log, `text` onto pages."""

    code: str
    text: str
    values: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class AnchorState:
    """How one place outside is doing. `size` and `at` are those of the last copy that arrived."""

    name: str
    kind: str
    size: int | None
    at: datetime | None
    age_s: float | None
    error: str
    forked: bool

    @property
    def mark(self) -> str:
        """The place without its address, which may be somebody's."""
        return f"{self.kind}-{hashlib.sha256(self.name.encode()).hexdigest()[:6]}"

    @property
    def overdue(self) -> bool:
        """Too old, or tried and never there: whoever named the place should hear of it at once."""
        limit = OLDEST_MAIL if self.kind == "mail" else OLDEST_COPY
        return self.age_s is None or self.age_s > limit.total_seconds()


@dataclass(frozen=True)
class Health:
    """What the watchdog saw. Empty `alarms`: nothing to worry about."""

    size: int
    waiting: int
    oldest_waiting_s: float
    without_leaf: int
    signed_size: int
    signed_at: datetime | None
    unsigned: int
    erased: int
    anchored_size: int | None
    anchored_at: datetime | None
    anchors: tuple[AnchorState, ...] = ()
    alarms: tuple[str, ...] = ()


def health() -> Health:
    """The state of the log for /healthz, the front page and the integrity page. Every role may ask."""
    seen, now = _look()
    return replace(seen, alarms=tuple(alarm.text for alarm in _alarms(seen, now)))


def alarms() -> list[Alarm]:
    """What is wrong now, with codes for the log."""
    return list(_alarms(*_look()))


def anchors() -> list[AnchorState]:
    """Every place that copies go to, witnesses first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, kind, size, at, extract(epoch FROM clock_timestamp() - at)::float8, error, forked"
            " FROM audit.anchor ORDER BY kind <> 'witness', name"
        )
        rows = cursor.fetchall()
    return [AnchorState(*row) for row in rows]


def _look() -> tuple[Health, datetime]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT h.*, clock_timestamp() FROM audit.health() h")
        size, waiting, oldest, orphans, signed, signed_at, unsigned, erased, now = cursor.fetchone()
    outside = () if settings.DATABASE_ROLE in BLIND else tuple(anchors())
    seen = Health(
        size, waiting, oldest or 0.0, orphans, signed or 0, signed_at, unsigned, erased, *_published(), outside
    )
    return seen, now


def _alarms(seen: Health, now: datetime) -> Iterator[Alarm]:
    if seen.oldest_waiting_s > MMD.total_seconds():
        waited = round(seen.oldest_waiting_s)
        text = f"an event has waited {waited} s for its place in the log; is the sequencer running?"
        yield Alarm("merge_delay", text, {"seconds": waited})
    if seen.without_leaf:
        text = f"{seen.without_leaf} events are neither in the log nor waiting for it"
        yield Alarm("without_leaf", text, {"events": seen.without_leaf})
    if seen.unsigned and seen.signed_at and now - seen.signed_at > MMD and seen.size > seen.signed_size:
        text = f"the log has {seen.size} leaves, and only {seen.signed_size} are under a signature"
        yield Alarm("unsigned", text, {"size": seen.size, "signed": seen.signed_size})
    if seen.anchored_size is not None and seen.anchored_size > seen.size:
        text = f"the anchor saw {seen.anchored_size} leaves, the database has {seen.size}: it was restored or cut"
        yield Alarm("cut", text, {"size": seen.size, "anchored": seen.anchored_size})
    if seen.anchored_at is not None and now - seen.anchored_at > OLDEST_COPY:
        yield Alarm("anchor_old", "the newest checkpoint outside the database is older than an hour")
    for anchor in seen.anchors:
        yield from _anchor_alarms(anchor)
    if settings.DATABASE_ROLE not in BLIND:
        yield from _last_check(now)


def _anchor_alarms(anchor: AnchorState) -> Iterator[Alarm]:
    """Without the place's name: the words are on an open page, and the code stands in the log for good."""
    if anchor.forked:
        yield Alarm(f"fork:{anchor.mark}", f"a copy outside ({anchor.mark}) tells another history of this log")
    elif anchor.overdue:
        yield Alarm(f"anchor_old:{anchor.mark}", f"a place outside ({anchor.mark}) has had no copy for too long")


def _last_check(now: datetime) -> Iterator[Alarm]:
    """What the newest verification found, or the newest comparison with the desk's rows; or that there was none."""
    with connection.cursor() as cursor:
        cursor.execute(LAST_CHECK)
        row = cursor.fetchone()
        cursor.execute(BEGAN)
        began = cursor.fetchone()
    if began is not None and now - (row[3] if row else began[0]) > LONGEST_UNCHECKED:
        yield Alarm("unchecked", "nobody has verified the log for two days; the keeper does it every night")
    if row is not None and row[0] == "tampered":
        names = " ".join(json.loads(row[2]))
        text = f"the last check, over {row[1]} entries, found changes: {names}"
        yield Alarm("verification", text, {"size": int(row[1])})


def _published() -> tuple[int | None, datetime | None]:
    """Size and age of the published checkpoint, where this process may read the folder."""
    path = settings.ANCHOR_DIR / "checkpoint"
    try:
        size = int(path.read_text(encoding="utf-8").split("\n")[1])
        return size, datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except (OSError, ValueError, IndexError):
        return None, None
