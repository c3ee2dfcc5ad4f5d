"""What became of actions and child runs, as the auditor reads it; agents ask `agents_outcomes` instead."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import connection

from agents.models import Run
from audit import seal

_ENDS = """
SELECT a.id::text, a.state, a.revision > 1, CASE WHEN b.scheme = 0 THEN convert_from(b.body, 'UTF8') END, d.reason_code,
       convert_from(c.body, 'UTF8')::jsonb ->> 1,
       CASE WHEN get_byte(t.result, 0) <> 1 THEN convert_from(t.result, 'UTF8') END, t.note
FROM reviews_action a
JOIN reviews_revision r ON r.action_id = a.id AND r.number = a.revision
LEFT JOIN reviews_revisionbody b ON b.revision_id = r.id
LEFT JOIN LATERAL (
    SELECT v.reason_code, v.event_id FROM reviews_decision v
    WHERE v.action_id = a.id AND v.revision = a.revision AND v.verdict IN ('approve', 'reject')
      AND NOT EXISTS (SELECT FROM reviews_retraction x WHERE x.decision_id = v.id)
    ORDER BY v.created_at DESC LIMIT 1) d ON true
LEFT JOIN audit.content c ON c.event_id = d.event_id AND c.field = 'rationale' AND c.scheme = 0
LEFT JOIN LATERAL (
    SELECT x.result, x.note FROM reviews_attempt x WHERE x.action_id = a.id ORDER BY x.fence DESC LIMIT 1) t ON true
WHERE a.id = ANY (%s)
"""


def ends_of_actions(ids: Sequence[UUID]) -> dict[str, list[Any]]:
    """For an action [state, edited, body, code, rationale, result, note]; for a run [state, result, error].

    Raises seal.CannotOpen where a run's end lies sealed for this process.
    """
    with connection.cursor() as cursor:
        cursor.execute(_ENDS, [list(ids)])
        found: dict[str, list[Any]] = {row[0]: list(row[1:]) for row in cursor.fetchall()}
    for run in Run.objects.filter(id__in=ids):
        last = run
        while following := Run.objects.filter(continues=last).first():
            last = following
        result = seal.unsealed(bytes(last.result)).decode() if last.result else None
        found[str(run.id)] = [last.state, result, seal.unsealed_text(last.error)]
    return found
