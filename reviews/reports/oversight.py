"""R3: how oversight was carried out: rates of each verdict and override, time taken, and the rubber-stamp alarm."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any, NamedTuple

from audit.report import Query, Report, numbered
from audit.tabular import Column, Line
from reviews.figures import cells, shares
from reviews.intervals import TimeSignal, share, time_signal
from reviews.queries.numbers.window import MOST, read

NEWEST = 100  # of one person: what the alarm looks at

SQL = """
SELECT coalesce(u.pseudonym, 'policy'), coalesce(a.policy_version, 0), count(*),
       count(*) FILTER (WHERE d.verdict = 'approve'), count(*) FILTER (WHERE d.verdict = 'reject'),
       count(*) FILTER (WHERE d.verdict = 'approve' AND v.author_id IS NOT NULL),
       count(*) FILTER (WHERE d.verdict = 'escalate'), count(*) FILTER (WHERE d.verdict = 'ask'),
       count(*) FILTER (WHERE r.id IS NOT NULL), count(*) FILTER (WHERE d.via = 'batch'),
       percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY d.dwell_ms / 1000.0)
  FROM (SELECT d.* FROM reviews_decision d
         WHERE d.created_at >= %(since)s AND d.created_at < %(until)s AND d.purpose <> 'canary'
         ORDER BY d.created_at DESC, d.id DESC LIMIT %(most)s) d
  JOIN reviews_action a ON a.id = d.action_id
   AND NOT (a.state = 'pending' AND a.needed > 1 AND d.verdict IN ('approve', 'reject'))
  LEFT JOIN reviews_user u ON u.id = d.reviewer_id
  LEFT JOIN reviews_revision v ON v.action_id = d.action_id AND v.number = d.revision
  LEFT JOIN reviews_retraction r ON r.decision_id = d.id
 WHERE %(type)s = '' OR a.type_id = %(type)s
 GROUP BY 1, 2 ORDER BY 1, 2
"""
LOOKS = """
SELECT u.pseudonym, x.dwell_ms / 1000.0, coalesce(array_length(regexp_split_to_array(btrim(s.text), E'\\\\s+'), 1), 0)
  FROM reviews_user u CROSS JOIN LATERAL (
        SELECT d.dwell_ms, d.action_id, d.revision FROM reviews_decision d
         WHERE d.reviewer_id = u.id AND d.created_at >= %(since)s AND d.created_at < %(until)s
           AND d.via = 'single' AND d.dwell_ms IS NOT NULL AND d.purpose <> 'canary'
           AND d.verdict IN ('approve', 'reject')
         ORDER BY d.created_at DESC LIMIT %(newest)s) x
  LEFT JOIN reviews_searchtext s ON s.action_id = x.action_id AND s.revision = x.revision
"""


class Row(NamedTuple):
    reviewer: str
    policy: int
    n: int
    approved: int
    rejected: int
    edited: int
    escalated: int
    asked: int
    taken_back: int
    batch: int
    times: list[float | None] | None


def signals(query: Query) -> dict[str, TimeSignal]:
    """The time signal of each reviewer's newest hundred single decisions."""
    found: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for reviewer, seconds, words in read(LOOKS, {"since": query.since, "until": query.until, "newest": NEWEST}):
        found[reviewer].append((float(seconds), words))
    return {reviewer: time_signal(looks) for reviewer, looks in found.items()}


def _lines(query: Query) -> Iterator[Line]:
    yield from numbered(query, _rows(query))


def _rows(query: Query) -> Iterator[tuple[Any, ...]]:
    values = {"since": query.since, "until": query.until, "type": query.type, "most": MOST}
    known = signals(query)
    for found in read(SQL, values):
        row = Row(*found)
        yield _values(row, known.get(row.reviewer))


def _values(row: Row, signal: TimeSignal | None) -> tuple[Any, ...]:
    closed = row.approved + row.rejected
    middle, high = row.times or (None, None)
    counts = (row.n, row.approved, row.rejected, row.edited, row.escalated, row.asked, row.taken_back, row.batch)
    over = cells(share(row.rejected + row.edited, closed))
    told = (None, None, "") if signal is None else (signal.fast.value, signal.correlation, _alarm(signal))
    return row.reviewer, row.policy, *counts, *over, *cells(share(row.approved, closed)), middle, high, *told


def _alarm(signal: TimeSignal) -> str:
    if signal.n < NEWEST:
        return f"{signal.n} of {NEWEST}: too few to judge"
    return "rubber stamp: look into it" if signal.alarming else "none"


def _alarms(query: Query) -> list[str]:
    flagged = sorted(reviewer for reviewer, signal in signals(query).items() if signal.alarming)
    return [
        f"{reviewer}: over a fifth of the newest {NEWEST} decisions came faster than the words can be read, and time "
        f"does not follow length. Talk to the person; this is a sign, not a proof."
        for reviewer in flagged
    ]


R3 = Report(
    id="R3",
    title="Oversight quality",
    question="How did people and policy decide: which verdicts, how often against the agent, and how quickly?",
    columns=(
        Column("reviewer", "pseudonym, or policy; in its order, not a ranking", "code"),
        Column("policy_version", "in force at routing", "int"),
        Column("decisions", f"of the newest {MOST:,} of the time", "int"),
        Column("approved", "", "int"),
        Column("rejected", "", "int"),
        Column("edited", "approved after a person changed it", "int"),
        Column("escalated", "", "int"),
        Column("asked", "", "int"),
        Column("taken_back", "", "int"),
        Column("in_batches", "", "int"),
        *shares("overridden", "rejected or edited, of approved and rejected"),
        *shares("approval_share", "approved, of approved and rejected"),
        Column("median_seconds", "visible time the browser reported", "seconds"),
        Column("p90_seconds", "", "seconds"),
        Column("too_fast", "of the newest 100: under 2 s and 35 % of the words at 700 words a minute", "share"),
        Column("correlation", "of log seconds with log words"),
        Column("rubber_stamp", "alarm when over a fifth was too fast and the correlation is below .25"),
    ),
    lines=_lines,
    asks=frozenset({"type"}),
    note="Agreement beyond chance, canary scores and blind second reviews are not measured yet. A share above 99 % "
    "says something about policy, not about a person.",
    alarms=_alarms,
)
