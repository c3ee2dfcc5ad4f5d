"""The reasons on offer, those that reviewers pick most first, and what asks for one."""

from __future__ import annotations

from django.core.cache import caches
from django.db import connection

from reviews.models import Action, ActionType
from reviews.policy.document import TypePolicy
from reviews.reasons import Preset, by_use, doubt_of, presets

FRESH = 600  # seconds
MOST_COUNTED = 5_000
# Of closed cases: the order of the reasons must not tell the second of two what the first picked.
_USED = """
SELECT d.reason_code, count(*) FROM (
    SELECT d.reason_code FROM reviews_decision d JOIN reviews_action a ON a.id = d.action_id
     WHERE d.created_at > now() - interval '90 days' AND d.verdict = %s AND a.type_id = %s
       AND d.reviewer_id IS NOT NULL AND d.purpose <> 'canary' AND a.state <> 'pending'
     ORDER BY d.created_at DESC LIMIT %s) d
 WHERE d.reason_code <> '' GROUP BY 1
"""


def offered(kind: ActionType, verb: str) -> tuple[Preset, ...]:
    """At most nine, ordered by how often they were picked for this type in 90 days."""
    known = presets(kind, verb)
    return by_use(known, _used(kind.name, verb)) if kind.name else known


def offered_for(types: set[str], verb: str) -> tuple[Preset, ...]:
    """For several items at once: a type's own reasons where all are of one type, otherwise the usual ones."""
    kind = ActionType.objects.filter(name__in=types).first() if len(types) == 1 else None
    return offered(kind or ActionType(presets={}), verb)


def _used(kind: str, verb: str) -> dict[str, int]:
    key = f"reasons-{kind}-{verb}"
    found = caches["memory"].get(key)
    if found is None:
        with connection.cursor() as cursor:
            cursor.execute(_USED, [verb, kind, MOST_COUNTED])
            found = dict(cursor.fetchall())
        caches["memory"].set(key, found, FRESH)
    return dict(found)


def doubt(action: Action, policy: TypePolicy) -> str:
    """That the agent itself was unsure of what it proposed, in words, by the mark that policy sets for the type."""
    return doubt_of(action.confidence, policy.rules().low_mark)
