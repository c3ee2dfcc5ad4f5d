"""Which rows of an open page are no longer what the page says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from django.db import connection

from reviews.queries.reach import Reader


class Moved(NamedTuple):
    """One row that left the list: what became of it, and who did it."""

    ref: str
    state: str
    by: str
    mine: bool
    claimer: str
    version: int
    gone: bool


_SQL = """
SELECT 'ACT-' || i.ref, a.state, coalesce(d.username, ''), coalesce(d.reviewer_id = %(me)s, false),
       CASE WHEN i.claimed_until > now() THEN coalesce(c.username, '') ELSE '' END, i.version, NOT i.waiting
  FROM reviews_item_desk i JOIN reviews_action a ON a.id = i.action_id
  LEFT JOIN reviews_user c ON c.id = i.claimed_by_id
  LEFT JOIN LATERAL (SELECT u.username, v.reviewer_id
        FROM reviews_decision v JOIN reviews_user u ON u.id = v.reviewer_id
        WHERE v.action_id = i.action_id AND i.closed_at IS NOT NULL AND v.verdict IN ('approve', 'reject')
        ORDER BY v.created_at DESC LIMIT 1) d ON true
 WHERE i.ref = ANY(%(refs)s) AND i.queue_id = ANY(%(queues)s)
"""


def moved(refs: Sequence[int], reader: Reader) -> list[Moved]:
    """The state of these rows, within reach."""
    if not refs:
        return []
    with connection.cursor() as cursor:
        cursor.execute(_SQL, {"refs": list(refs), "queues": list(reader.queues), "me": reader.user.pk})
        return [Moved(*row) for row in cursor.fetchall()]
