"""The figures above the queue. Counts come from the cube; the rest is bounded by an index."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from django.core.cache import caches
from django.db import connection
from django.db.models.functions import Now

from reviews.models import DeskItem, Level, User
from reviews.prio import NOT_BREACHED
from reviews.queries.listing import try_run

MOST = 1_000
MOST_OF_DAY = 5_000
PATIENCE, KEEP = 0.3, 60  # seconds that a week's figures may take, and how old they may be


@dataclass(frozen=True, slots=True)
class Strip:
    """What one reader sees at the top: of the queues within reach, and of their own day."""

    oldest: datetime | None
    late: int
    doubt: int
    hours: tuple[tuple[datetime, int], ...]  # the reader's day: each hour in which they decided, and how many
    mine_hour: int
    at: datetime  # by the database's clock, which also dates what comes in

    @property
    def mine_today(self) -> int:
        return sum(n for _, n in self.hours)

    @property
    def many(self) -> bool:
        """The day's figure is a bound: nobody has more counted than this."""
        return self.mine_today >= MOST_OF_DAY


_STRIP = """
SELECT (SELECT min(x.entered) FROM unnest(%(queues)s::text[]) q (name) CROSS JOIN generate_series(0, 3) r (rank)
         CROSS JOIN LATERAL (SELECT entered FROM reviews_item_desk i WHERE i.waiting AND i.queue_id = q.name
           AND i.risk_rank = r.rank ORDER BY i.entered, i.id LIMIT 1) x),
       (SELECT count(*) FROM unnest(%(queues)s::text[]) q (name) CROSS JOIN generate_series(0, 3) r (rank)
         CROSS JOIN LATERAL (SELECT 1 FROM reviews_item_desk i WHERE i.waiting AND i.queue_id = q.name
           AND i.risk_rank = r.rank AND i.prio < %(unbreached)s LIMIT %(most)s) x),
       (SELECT count(*) FROM (SELECT 1 FROM reviews_action a JOIN reviews_actiontype t ON t.name = a.type_id
          WHERE a.state = 'in_doubt' AND t.queue_id = ANY(%(queues)s) LIMIT %(most)s) x),
       (SELECT jsonb_object_agg(y.hour, y.n) FROM (
          SELECT floor(extract(epoch FROM x.created_at - %(midnight)s) / 3600)::int AS hour, count(*) AS n
            FROM (SELECT created_at FROM reviews_decision d WHERE d.reviewer_id = %(me)s
                     AND d.verdict IN ('approve', 'reject') AND d.created_at > %(midnight)s
                   ORDER BY created_at DESC LIMIT %(day)s) x GROUP BY 1) y),
       (SELECT count(*) FROM (SELECT 1 FROM reviews_decision d WHERE d.reviewer_id = %(me)s
          AND d.verdict IN ('approve', 'reject') AND d.created_at > now() - interval '1 hour' LIMIT %(day)s) x),
       clock_timestamp()
"""


def strip(queues: Sequence[str], user: User, zone: tzinfo) -> Strip:
    """`zone`: where the reader's day begins at midnight."""
    midnight = _midnight(zone)
    values: dict[str, Any] = {
        "queues": list(queues), "me": user.pk, "most": MOST + 1, "unbreached": NOT_BREACHED,
        "midnight": midnight, "day": MOST_OF_DAY,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_STRIP, values)
        oldest, late, doubt, hours, in_hour, at = cursor.fetchone()
    return Strip(oldest, late, doubt, _by_hour(hours, midnight), in_hour, at)


def _midnight(zone: tzinfo) -> datetime:
    return datetime.now(zone).replace(hour=0, minute=0, second=0, microsecond=0)


def _by_hour(found: str | None, midnight: datetime) -> tuple[tuple[datetime, int], ...]:
    counts = {int(hour): n for hour, n in json.loads(found or "{}").items()}
    return tuple((midnight + timedelta(hours=hour), counts[hour]) for hour in sorted(counts))


@dataclass(frozen=True, slots=True)
class HandSet:
    """A threshold that a person set: it carries no guarantee, and is shown so."""

    agent: str
    type: str
    level: str
    tau: float | None
    by: str
    expires: datetime


def hand_set(types: Sequence[str]) -> list[HandSet]:
    """The hand-set levels in force; the newest row of an agent version and type is the one that acts."""
    newest = (
        Level.objects.filter(action_type__in=list(types))
        .order_by("principal", "version", "action_type", "-at")
        .distinct("principal", "version", "action_type")
        .values_list("id", flat=True)
    )
    rows: Any = Level.objects.filter(id__in=newest, hand_set=True, expires__gt=Now()).exclude(level="L0")
    return [
        HandSet(
            agent=f"{row.principal.name} {row.version}",
            type=row.action_type_id,
            level=row.level,
            tau=row.tau,
            by=str(row.by or "the installation"),
            expires=row.expires,
        )
        for row in rows.select_related("principal", "by").order_by("action_type", "principal")
    ]


@dataclass(frozen=True, slots=True)
class TypeFigures:
    """Seven days of one type: how often people changed what the agent wanted, and how much ran by itself."""

    type: str
    total: int
    by_policy: int
    approved: int
    rejected: int
    edited: int

    @property
    def overridden(self) -> int:
        return self.rejected + self.edited

    @property
    def decided(self) -> int:
        return self.approved + self.rejected

    @property
    def override_rate(self) -> float | None:
        return _share(self.overridden, self.decided)


_WEEK = """
SELECT a.type_id, count(*),
       count(*) FILTER (WHERE d.via = 'policy'),
       count(*) FILTER (WHERE d.via <> 'policy' AND d.verdict = 'approve'),
       count(*) FILTER (WHERE d.via <> 'policy' AND d.verdict = 'reject'),
       count(*) FILTER (WHERE d.via <> 'policy' AND d.verdict = 'approve' AND d.revision > 1)
  FROM (SELECT DISTINCT ON (d.action_id) d.* FROM reviews_decision d
          LEFT JOIN reviews_retraction r ON r.decision_id = d.id
         WHERE d.created_at > now() - interval '7 days' AND d.verdict IN ('approve', 'reject') AND r.id IS NULL
           AND d.purpose <> 'canary'
         ORDER BY d.action_id, d.created_at DESC LIMIT 100000) d
  JOIN reviews_action a ON a.id = d.action_id
  JOIN reviews_actiontype t ON t.name = a.type_id
 WHERE t.queue_id = ANY(%(queues)s) AND a.state NOT IN ('pending', 'proposed')
 GROUP BY a.type_id ORDER BY count(*) DESC, a.type_id
"""


@dataclass(frozen=True, slots=True)
class Week:
    """Seven days of these queues. None in a share: nothing to take it of."""

    types: tuple[TypeFigures, ...]

    @property
    def overridden(self) -> float | None:
        """Of what people decided, the share that they rejected or changed."""
        return _share(sum(t.overridden for t in self.types), sum(t.decided for t in self.types))

    @property
    def automated(self) -> float | None:
        """Of what was decided, the share that no person looked at."""
        return _share(sum(t.by_policy for t in self.types), sum(t.total for t in self.types))

    @property
    def labels(self) -> int:
        """Verdicts of people: what a calibration would start from."""
        return sum(t.decided for t in self.types)


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def week(queues: Sequence[str]) -> Week | None:
    """Read at most once a minute; None where it takes too long to be worth the wait."""
    name = f"week-{hashlib.sha256(json.dumps(sorted(queues)).encode()).hexdigest()}"
    kept: Week | None = caches["memory"].get(name)
    if kept is None:
        got = try_run(_WEEK, {"queues": list(queues)}, PATIENCE)
        kept = Week(tuple(TypeFigures(*row) for row in got)) if got is not None else None
        caches["memory"].set(name, kept, KEEP)
    return kept


_MEDIAN = """
SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY x.dwell_ms) / 1000.0 FROM (
    SELECT d.dwell_ms FROM reviews_decision d WHERE d.reviewer_id = %(me)s AND d.verdict IN ('approve', 'reject')
       AND d.created_at > %(midnight)s ORDER BY d.created_at DESC LIMIT %(day)s) x
"""


def median_look(user: User, zone: tzinfo) -> float | None:
    """Seconds that half of this person's decisions of today took, where they were measured."""
    with connection.cursor() as cursor:
        cursor.execute(_MEDIAN, {"me": user.pk, "midnight": _midnight(zone), "day": MOST_OF_DAY})
        found: float | None = cursor.fetchone()[0]
    return found


def ever_used(queues: Sequence[str]) -> bool:
    """Whether anything ever came to these queues."""
    return DeskItem.objects.filter(queue__in=list(queues)).exists()
