"""What agents proposed, and how their stated confidence compares with what people said."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

from reviews.queries.numbers.window import MOST, Window, read

BINS = 10


class Proposals(NamedTuple):
    agent: str
    version: str
    type: str
    n: int


_PROPOSED = """
SELECT coalesce(p.name, 'people'), x.agent_version, x.type_id, count(*)
  FROM (SELECT a.id, a.proposer_id, a.agent_version, a.type_id FROM reviews_action a
         WHERE a.created_at >= %(since)s AND a.created_at < %(until)s
         ORDER BY a.created_at DESC, a.id DESC LIMIT %(most)s) x
  LEFT JOIN reviews_principal p ON p.id = x.proposer_id
  JOIN reviews_actiontype t ON t.name = x.type_id
 WHERE x.type_id = ANY(%(types)s) AND t.queue_id = ANY(%(queues)s)
   AND NOT EXISTS (SELECT FROM reviews_item_desk i WHERE i.action_id = x.id AND i.was_check)
 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


def proposed(window: Window) -> list[Proposals]:
    return [Proposals(*row) for row in read(_PROPOSED, window.values())]


class Bin(NamedTuple):
    """A tenth of the scale of stated confidence: how often people let it pass as it was."""

    agent: str
    version: str
    type: str
    bin: int
    n: int
    right: int
    stated: float  # mean confidence of the bin


_BINS = """
SELECT coalesce(p.name, 'people'), a.agent_version, a.type_id,
       least(%(bins)s - 1, floor(a.confidence * %(bins)s))::int, count(*),
       count(*) FILTER (WHERE d.verdict = 'approve' AND v.author_id IS NULL), avg(a.confidence)
  FROM (SELECT DISTINCT ON (d.action_id) d.action_id, d.verdict, d.revision FROM (
          SELECT d.* FROM reviews_decision d LEFT JOIN reviews_retraction r ON r.decision_id = d.id
           WHERE d.created_at >= %(since)s AND d.created_at < %(until)s AND d.reviewer_id IS NOT NULL
             AND d.verdict IN ('approve', 'reject') AND d.purpose = 'gate' AND r.id IS NULL
           ORDER BY d.created_at DESC, d.id DESC LIMIT %(most)s) d
        ORDER BY d.action_id, d.created_at DESC) d
  JOIN reviews_action a ON a.id = d.action_id
  JOIN reviews_actiontype t ON t.name = a.type_id
  LEFT JOIN reviews_principal p ON p.id = a.proposer_id
  LEFT JOIN reviews_revision v ON v.action_id = d.action_id AND v.number = d.revision
 WHERE a.confidence IS NOT NULL AND NOT t.question AND a.state NOT IN ('pending', 'proposed')
   AND a.type_id = ANY(%(types)s) AND t.queue_id = ANY(%(queues)s)
 GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""


def confidence(window: Window) -> list[Bin]:
    """Of closed actions that people decided: approved unchanged, by stated confidence."""
    rows = read(_BINS, window.values(bins=BINS))
    return [
        Bin(agent, version, kind, number, n, right, float(mean))
        for agent, version, kind, number, n, right, mean in rows
    ]


class Stopover(NamedTuple):
    """How often runs of an agent stopped for people."""

    agent: str
    runs: int
    median: float
    many: int  # runs above the limit
    path: str  # the types of the longest: > after a decision, + while another still waited
    longest: int
    run: UUID


# What a run proposes while an earlier proposal of it still waits belongs to the same checkpoint.
_STOPOVERS = """
WITH p AS (
  SELECT a.run, p.name, a.type_id, a.created_at, a.id,
         coalesce(max(coalesce(i.closed_at, 'infinity')) OVER (
             PARTITION BY a.run ORDER BY a.created_at, a.id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING),
             '-infinity') <= a.created_at AS starts
    FROM (SELECT a.id, a.run, a.proposer_id, a.type_id, a.created_at, a.outcome FROM reviews_action a
           WHERE a.created_at >= %(since)s AND a.created_at < %(until)s AND a.run IS NOT NULL
           ORDER BY a.created_at DESC LIMIT %(most)s) a
    JOIN reviews_principal p ON p.id = a.proposer_id
    JOIN reviews_item_desk i ON i.action_id = a.id AND NOT i.was_check
   WHERE a.outcome IN ('review', 'two_person_review', 'escalate', 'hold_result')
     AND a.type_id = ANY(%(types)s) AND i.queue_id = ANY(%(queues)s)),
x AS (
  SELECT run, name, count(*) FILTER (WHERE starts) AS n,
         substr(string_agg(CASE WHEN starts THEN ' > ' ELSE ' + ' END || type_id, ''
                           ORDER BY created_at, id), 4) AS path
    FROM p GROUP BY 1, 2)
SELECT DISTINCT ON (x.name) x.name, count(*) OVER w, m.median, count(*) FILTER (WHERE x.n > %(limit)s) OVER w,
       x.path, x.n, x.run
  FROM x JOIN (SELECT name, percentile_cont(0.5) WITHIN GROUP (ORDER BY n) AS median FROM x GROUP BY 1) m USING (name)
WINDOW w AS (PARTITION BY x.name)
 ORDER BY x.name, x.n DESC, x.run
"""


def stopovers(window: Window, limit: int) -> list[Stopover]:
    """For each agent: runs that stopped for people, and the one that did so most often."""
    rows = read(_STOPOVERS, window.values(limit=limit))
    return [Stopover(name, runs, float(median), many, path, n, run) for name, runs, median, many, path, n, run in rows]


def capped(window: Window) -> bool:
    """Whether more was proposed than a page reads."""
    sql = (
        "SELECT count(*) FROM (SELECT 1 FROM reviews_action a WHERE a.created_at >= %(since)s"
        " AND a.created_at < %(until)s LIMIT %(most)s) x"
    )
    return int(read(sql, window.values())[0][0]) > MOST
