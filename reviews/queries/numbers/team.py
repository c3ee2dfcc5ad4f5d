"""Who has how much in hand now, and who could decide what. Work that waits, never work that was done."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from reviews.clocks import day
from reviews.models import Absence, ActionType, Reach, User
from reviews.policy import Case, Facts, Grant, may_decide, route
from reviews.queries.numbers.window import Window, read
from reviews.queries.people import absent_now
from reviews.queries.policy import grants_of
from reviews.states import Reversibility, Risk

PEOPLE = 200


class Load(NamedTuple):
    person: int
    assigned: int
    claimed: int


URGENT = 500  # of each queue and risk: where claims are looked for, as no index holds what changes with every look
_ASSIGNED = """
SELECT i.assignee_id, count(*) FROM reviews_item_desk i
 WHERE i.assignee_id = ANY(%(people)s) AND i.assignee_id IS NOT NULL AND i.closed_at IS NULL
   AND i.queue_id = ANY(%(queues)s) AND i.action_type_id = ANY(%(types)s)
 GROUP BY 1
"""
_CLAIMED = """
SELECT x.claimed_by_id, count(*)
  FROM unnest(%(queues)s::text[]) q (name) CROSS JOIN generate_series(0, 3) r (rank) CROSS JOIN LATERAL (
       SELECT i.claimed_by_id, i.claimed_until, i.action_type_id FROM reviews_item_desk i
        WHERE i.waiting AND i.queue_id = q.name AND i.risk_rank = r.rank
        ORDER BY i.prio, i.entered, i.id LIMIT %(urgent)s) x
 WHERE x.claimed_until > clock_timestamp() AND x.action_type_id = ANY(%(types)s)
 GROUP BY 1
"""


def load(window: Window, people: Sequence[User]) -> dict[int, Load]:
    """Open items given to each, and those that each is on now, among the most urgent."""
    values = window.values(people=[user.pk for user in people], urgent=URGENT)
    assigned, claimed = dict(read(_ASSIGNED, values)), dict(read(_CLAIMED, values))
    return {user.pk: Load(user.pk, assigned.get(user.pk, 0), claimed.get(user.pk, 0)) for user in people}


def people(window: Window) -> list[User]:
    """Active people who see one of these queues, by name."""
    found = User.objects.filter(is_active=True, groups__reach__queue__in=window.queues).distinct()
    return list(found.order_by("username")[:PEOPLE])


def away() -> dict[int, str]:
    """Who is absent now, and until when in words; whoever stands in is named."""
    return {person: _until(absence) for person, absence in absent_now().items()}


def _until(absence: Absence) -> str:
    stands_in = f", {absence.substitute} stands in" if absence.substitute else ""
    return f"until {day(absence.ends)}{stands_in}"


class Cover(NamedTuple):
    """Who sees a type's queue, and how many of them may decide it at its risk now."""

    queue: str
    type: str
    risk: str
    needed: int
    seeing: int
    deciding: int
    here: int  # of those who may decide: not absent


def cover(window: Window, found: Sequence[User], away: frozenset[int], now: datetime) -> list[Cover]:
    """Authority by type: without a limit of amount, which differs from case to case."""
    seeing: dict[str, set[int]] = defaultdict(set)
    rows = Reach.objects.filter(queue__in=window.queues, group__user__in=[user.pk for user in found])
    for queue, person in rows.values_list("queue", "group__user").distinct():
        seeing[queue].add(person)
    grants = {user.pk: grants_of(user) for user in found}
    types = ActionType.objects.filter(name__in=window.types, active=True, queue__in=window.queues)
    return [_cover(row, seeing[row.queue_id], grants, away, now) for row in types.order_by("queue", "name")]


def _cover(
    row: ActionType, seeing: set[int], grants: Mapping[int, tuple[Grant, ...]], away: frozenset[int], now: datetime
) -> Cover:
    case = Case(type=row.name, risk=Risk(row.risk))
    able = {person for person in seeing if person in grants and may_decide(case, grants[person], now=now).allowed}
    facts = Facts(risk=Risk(row.risk), reversibility=Reversibility(row.reversibility), now=now)
    needed = route(facts).needed
    return Cover(row.queue_id, row.name, row.risk, needed, len(seeing & set(grants)), len(able), len(able - away))


class Work(NamedTuple):
    """What the people of one queue decided together in this time."""

    queue: str
    people: int
    decisions: int
    median: float | None  # seconds from opening to verdict


# Of closed items: a first vote of two must not show before the second.
_WORK = """
SELECT i.queue_id, count(DISTINCT d.reviewer_id), count(*),
       percentile_cont(0.5) WITHIN GROUP (ORDER BY d.dwell_ms / 1000.0)
  FROM (SELECT d.item_id, d.reviewer_id, d.dwell_ms FROM reviews_decision d
         WHERE d.created_at >= %(since)s AND d.created_at < %(until)s AND d.reviewer_id IS NOT NULL
           AND d.purpose <> 'canary' AND d.verdict IN ('approve', 'reject')
         ORDER BY d.created_at DESC, d.id DESC LIMIT %(most)s) d
  JOIN reviews_item_desk i ON i.id = d.item_id
 WHERE i.queue_id = ANY(%(queues)s) AND i.action_type_id = ANY(%(types)s) AND i.closed_at IS NOT NULL
 GROUP BY 1 ORDER BY 1
"""


def work(window: Window) -> list[Work]:
    return [Work(*row) for row in read(_WORK, window.values())]
