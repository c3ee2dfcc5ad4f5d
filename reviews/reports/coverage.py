"""R4: nothing was carried out unapproved, and nothing was decided unrecorded. Every second number must be 0."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from audit.report import Query, Report, numbered
from audit.tabular import Column, Line
from reviews.queries.numbers.window import read


class Check(NamedTuple):
    """`sql` yields (looked at, failures, examples); it must not read more than the stretch of time asked for."""

    name: str
    meaning: str
    sql: str


BEGUN = """
WITH t AS (SELECT t.action_id, t.digest FROM reviews_attempt t
            WHERE t.leased_at >= %(since)s AND t.leased_at < %(until)s AND t.effect_at IS NOT NULL),
     bad AS (SELECT t.action_id FROM t JOIN reviews_action a ON a.id = t.action_id
              WHERE (SELECT count(*) FROM reviews_decision d LEFT JOIN reviews_retraction r ON r.decision_id = d.id
                      WHERE d.action_id = t.action_id AND d.verdict = 'approve' AND d.digest = t.digest
                        AND r.id IS NULL)
                    < CASE WHEN a.needed > 1 THEN a.needed ELSE 1 END)
SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM bad),
       (SELECT array_agg(x.action_id) FROM (SELECT * FROM bad LIMIT 3) x)
"""
STOPPED = """
WITH t AS (SELECT t.action_id, t.effect_at, a.type_id, a.proposer_id FROM reviews_attempt t
             JOIN reviews_action a ON a.id = t.action_id
            WHERE t.leased_at >= %(since)s AND t.leased_at < %(until)s AND t.effect_at IS NOT NULL),
     bad AS (SELECT t.action_id FROM t WHERE EXISTS (
               SELECT FROM reviews_stop s
                WHERE s.at < t.effect_at AND (s.lifted_at IS NULL OR s.lifted_at > t.effect_at)
                  AND (s.scope = 'all' OR s.action_type_id = t.type_id OR s.principal_id = t.proposer_id)))
SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM bad),
       (SELECT array_agg(x.action_id) FROM (SELECT * FROM bad LIMIT 3) x)
"""
UNRECORDED = """
WITH t AS (SELECT d.action_id, d.event_id FROM reviews_decision d
            WHERE d.created_at >= %(since)s AND d.created_at < %(until)s AND d.purpose <> 'canary'
              AND NOT EXISTS (SELECT FROM audit.pruned_case p WHERE p.case_id = 'action:' || d.action_id)),
     bad AS (SELECT t.action_id FROM t WHERE NOT EXISTS (
               SELECT FROM audit.event_web e WHERE e.id = t.event_id AND e.name = 'decision.recorded'))
SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM bad),
       (SELECT array_agg(x.action_id) FROM (SELECT * FROM bad LIMIT 3) x)
"""
UNDECIDED = """
WITH t AS (SELECT e.id, e.case_id FROM audit.event_web e
            WHERE e.name = 'decision.recorded' AND e.at >= %(since)s AND e.at < %(until)s),
     bad AS (SELECT t.case_id FROM t WHERE NOT EXISTS (
               SELECT FROM reviews_decision d WHERE d.event_id = t.id))
SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM bad),
       (SELECT array_agg(x.case_id) FROM (SELECT * FROM bad LIMIT 3) x)
"""
SELF = """
WITH t AS (SELECT d.action_id, d.reviewer_id, a.requested_by_id, a.owner_id, a.reverses_id, a.needed
             FROM reviews_decision d JOIN reviews_action a ON a.id = d.action_id
            WHERE d.created_at >= %(since)s AND d.created_at < %(until)s AND d.verdict = 'approve'
              AND d.reviewer_id IS NOT NULL),
     bad AS (SELECT t.action_id FROM t WHERE t.reviewer_id = t.owner_id
                OR (t.reviewer_id = t.requested_by_id AND NOT (t.reverses_id IS NOT NULL AND t.needed = 1)))
SELECT (SELECT count(*) FROM t), (SELECT count(*) FROM bad),
       (SELECT array_agg(x.action_id) FROM (SELECT * FROM bad LIMIT 3) x)
"""
CHECKS = (
    Check("effects begun without enough approvals of the very bytes", "attempts whose effect began", BEGUN),
    Check("effects begun while a stop stood", "attempts whose effect began", STOPPED),
    Check("decisions without their event", "decisions of cases that were not pruned", UNRECORDED),
    Check("decision events without their decision", "events decision.recorded", UNDECIDED),
    Check("approvals by the proposer or the agent's owner", "approvals by people", SELF),
)


def run(query: Query) -> Iterator[tuple[Check, int, int, list[str]]]:
    for check in CHECKS:
        looked, failed, examples = read(check.sql, {"since": query.since, "until": query.until})[0]
        yield check, looked, failed, [str(one) for one in examples or ()]


def _lines(query: Query) -> Iterator[Line]:
    rows = ((check.name, check.meaning, looked, failed, " ".join(few)) for check, looked, failed, few in run(query))
    yield from numbered(query, rows)


R4 = Report(
    id="R4",
    title="Coverage",
    question="Was anything carried out without approval, or decided without a record?",
    columns=(
        Column("check", "what would be wrong"),
        Column("looked_at", "what was counted"),
        Column("number", "how many there were", "int"),
        Column("failures", "must be 0", "int"),
        Column("examples", "at most three"),
    ),
    lines=_lines,
    note="Counted from the desk's rows now. The full comparison of log and rows is manage.py audit_reconcile, and "
    "every export repeats it for outsiders.",
    alarms=lambda query: [f"{check.name}: {failed}" for check, _, failed, _ in run(query) if failed],
)
