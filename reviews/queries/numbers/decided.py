"""Verdicts of a stretch of time, grouped once; the pages add the groups up in their own ways.

Canaries count nowhere. A vote that was taken back is no verdict, but it is counted as taken back. The first vote of
two counts once the item is closed: until then a figure would betray it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from reviews.queries.numbers.window import MOST, Window, read

K = TypeVar("K", bound=Any)


class Group(NamedTuple):
    """So many verdicts that are alike. `end`: what became of the action, where that says something."""

    day: str
    type: str
    queue: str
    principal: UUID | None
    agent: str
    version: str
    by_policy: bool
    verdict: str
    edited: bool
    taken_back: bool
    end: str
    n: int


@dataclass(frozen=True, slots=True)
class Verdicts:
    groups: tuple[Group, ...]
    capped: bool

    def count(self, wanted: Callable[[Group], bool]) -> int:
        return sum(group.n for group in self.groups if wanted(group))

    def of(self, wanted: Callable[[Group], bool]) -> Verdicts:
        return Verdicts(tuple(group for group in self.groups if wanted(group)), self.capped)

    def each(self, key: Callable[[Group], K]) -> Iterable[tuple[K, Verdicts]]:
        """By key, in its order."""
        for name in sorted({key(group) for group in self.groups}):
            yield name, self.of(lambda group, name=name: key(group) == name)  # type: ignore[misc]


_GROUPS = """
WITH d AS MATERIALIZED (
  SELECT d.id, d.action_id, d.item_id, d.verdict, d.via, d.revision, d.created_at
    FROM reviews_decision d
   WHERE d.created_at >= %(since)s AND d.created_at < %(until)s AND d.purpose <> 'canary'
     AND d.verdict IN ('approve', 'reject')
   ORDER BY d.created_at DESC, d.id DESC LIMIT %(most)s)
SELECT to_char(d.created_at AT TIME ZONE %(zone)s, 'YYYY-MM-DD') AS day, a.type_id,
       coalesce(i.queue_id, t.queue_id) AS queue, a.proposer_id, coalesce(p.name, 'people') AS agent, a.agent_version,
       d.via = 'policy', d.verdict, v.author_id IS NOT NULL AS edited, r.id IS NOT NULL AS taken_back,
       CASE WHEN a.state IN ('reversed', 'failed', 'in_doubt') THEN a.state ELSE '' END AS ended, count(*)
  FROM d JOIN reviews_action a ON a.id = d.action_id
  JOIN reviews_actiontype t ON t.name = a.type_id
  LEFT JOIN reviews_item_desk i ON i.id = d.item_id
  LEFT JOIN reviews_principal p ON p.id = a.proposer_id
  LEFT JOIN reviews_revision v ON v.action_id = d.action_id AND v.number = d.revision
  LEFT JOIN reviews_retraction r ON r.decision_id = d.id
 WHERE a.type_id = ANY(%(types)s) AND coalesce(i.queue_id, t.queue_id) = ANY(%(queues)s)
   AND (a.state NOT IN ('pending', 'proposed') OR r.id IS NOT NULL)
 GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
"""
_CAPPED = """
SELECT count(*) FROM (SELECT 1 FROM reviews_decision d WHERE d.created_at >= %(since)s AND d.created_at < %(until)s
   ORDER BY d.created_at DESC LIMIT %(most)s) x
"""


def verdicts(window: Window) -> Verdicts:
    """Approvals and rejections by people and by policy; `capped` where there were more than a page reads."""
    rows = read(_GROUPS, window.values())
    groups = tuple(Group(*row) for row in rows)
    capped = bool(rows) and read(_CAPPED, window.values())[0][0] > MOST
    return Verdicts(groups, capped)


_LOOKS = """
SELECT d.type_id, extract(epoch FROM make_interval(secs => d.dwell_ms / 1000.0))::float,
       coalesce(array_length(regexp_split_to_array(btrim(s.text), E'\\\\s+'), 1), 0)
  FROM (SELECT d.dwell_ms, d.action_id, d.revision, a.type_id
          FROM reviews_decision d JOIN reviews_action a ON a.id = d.action_id
         WHERE d.created_at >= %(since)s AND d.created_at < %(until)s AND d.dwell_ms IS NOT NULL
           AND d.via = 'single' AND d.purpose <> 'canary' AND d.verdict IN ('approve', 'reject')
           AND a.type_id = ANY(%(types)s) AND (%(me)s::bigint IS NULL OR d.reviewer_id = %(me)s)
           AND (a.state <> 'pending' OR d.reviewer_id = %(me)s)
         ORDER BY d.created_at DESC LIMIT %(looks)s) d
  LEFT JOIN reviews_searchtext s ON s.action_id = d.action_id AND s.revision = d.revision
"""


def looks(window: Window, *, me: int | None = None, newest: int = 2_000) -> list[tuple[str, float, int]]:
    """Type, seconds on screen, words shown, of the newest decisions that people took one by one."""
    return [(kind, seconds, words) for kind, seconds, words in read(_LOOKS, window.values(me=me, looks=newest))]


_PAIRS = """
WITH d AS MATERIALIZED (
  SELECT d.action_id, d.revision, d.reviewer_id, d.verdict, d.created_at, d.id
    FROM reviews_decision d LEFT JOIN reviews_retraction r ON r.decision_id = d.id
   WHERE d.created_at >= %(since)s AND d.created_at < %(until)s AND d.reviewer_id IS NOT NULL AND r.id IS NULL
     AND d.verdict IN ('approve', 'reject') AND d.purpose = 'gate'
   ORDER BY d.created_at DESC LIMIT %(most)s)
SELECT a.type_id, count(*), count(*) FILTER (WHERE f.verdict = s.verdict)
  FROM d f JOIN d s ON s.action_id = f.action_id AND s.revision = f.revision
                   AND (f.created_at, f.id) < (s.created_at, s.id) AND f.reviewer_id <> s.reviewer_id
  JOIN reviews_action a ON a.id = f.action_id
 WHERE a.needed > 1 AND a.type_id = ANY(%(types)s)
 GROUP BY 1 ORDER BY 1
"""


def pairs(window: Window) -> list[tuple[str, int, int]]:
    """Of what needs two people: type, pairs of votes on the same bytes, pairs that agreed."""
    return [(kind, n, same) for kind, n, same in read(_PAIRS, window.values())]
