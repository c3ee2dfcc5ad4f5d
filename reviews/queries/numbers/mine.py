"""One person's own decisions. Nobody else is shown these."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from reviews.queries.numbers.window import read

LONGEST = 5_000


class Own(NamedTuple):
    """One of the reader's decisions, oldest first."""

    at: datetime
    verdict: str
    type: str
    risk: str
    via: str
    dwell_ms: int | None
    edited: bool
    taken_back: bool


_OWN = """
SELECT * FROM (
  SELECT d.created_at, d.verdict, a.type_id, d.risk, d.via, d.dwell_ms, v.author_id IS NOT DISTINCT FROM %(me)s,
         r.id IS NOT NULL
    FROM reviews_decision d JOIN reviews_action a ON a.id = d.action_id
    LEFT JOIN reviews_revision v ON v.action_id = d.action_id AND v.number = d.revision
    LEFT JOIN reviews_retraction r ON r.decision_id = d.id
   WHERE d.reviewer_id = %(me)s AND d.created_at >= %(since)s AND d.created_at < %(until)s AND d.purpose <> 'canary'
     AND (%(types)s::text[] IS NULL OR a.type_id = ANY(%(types)s::text[]))
   ORDER BY d.created_at DESC LIMIT %(longest)s) x ORDER BY 1
"""


def own(me: int, since: datetime, until: datetime, types: list[str] | None) -> list[Own]:
    """The newest decisions of one person within a stretch of time; `types` None: of every type."""
    values = {"me": me, "since": since, "until": until, "types": types, "longest": LONGEST}
    return [Own(*row) for row in read(_OWN, values)]


_LATELY = """
SELECT d.created_at, d.verdict FROM reviews_decision d
 WHERE d.reviewer_id = %(me)s AND d.created_at > clock_timestamp() - interval '4 hours' AND d.via = 'single'
 ORDER BY d.created_at DESC LIMIT 400
"""


def lately(me: int) -> list[tuple[datetime, str]]:
    """When this person decided in the last four hours, oldest first: what a look at their pace needs."""
    return [(at, verdict) for at, verdict in reversed(read(_LATELY, {"me": me}))]
