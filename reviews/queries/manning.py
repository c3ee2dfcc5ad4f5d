"""Who could decide an item, and why others cannot; and queues that nobody is there to work on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import Group
from django.core.cache import caches
from django.db import connection
from django.db.models import Count
from django.utils import timezone

from reviews import clocks
from reviews.models import DeskItem, Queue, Reach, User
from reviews.policy import Case, Parties, may_approve, may_decide
from reviews.queries.people import absent_now, here
from reviews.queries.policy import grants_of
from reviews.states import Risk

FULL = 50  # open items on one desk: whoever has so many is offered no more
FRESH = 60  # seconds
# The first vote of two counts once the item is closed: before, the second would read it from a figure.
_KNOWS = """
SELECT d.reviewer_id, count(*) FROM (
    SELECT d.reviewer_id FROM reviews_decision d JOIN reviews_action a ON a.id = d.action_id
     WHERE d.created_at > now() - interval '90 days' AND d.verdict IN ('approve', 'reject') AND a.type_id = %s
       AND d.reviewer_id = ANY(%s) AND d.purpose <> 'canary' AND a.state <> 'pending'
     ORDER BY d.created_at DESC LIMIT 5000) d
 GROUP BY 1
"""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Somebody who sees the queue: what they have on their desk, what they know of the type, why they cannot."""

    user: User
    load: int
    decided: int  # of this type, in 90 days
    why_not: str = ""
    full: bool = False  # and nothing else stands against them

    @property
    def entitled(self) -> bool:
        """Whether they may decide it, however much they have to do."""
        return self.full or not self.why_not


def candidates(item: DeskItem, case: Case, parties: Parties) -> list[Candidate]:
    """Everybody who sees its queue; first who can decide it, the least busy of them first."""
    people = list(here(User.objects.filter(groups__reach__queue=item.queue_id)).distinct())
    lying, known = loads(people), _known(people, case.type)
    away, now = absent_now(), timezone.now()
    found = []
    for person in people:
        load = lying.get(person.pk, 0)
        absence = away.get(person.pk)
        until = absence.ends if absence else None
        why = _why_not(person, until, case, parties, now)
        full = not why and load >= FULL
        why = f"has {load} items already" if full else why
        found.append(Candidate(person, load, known.get(person.pk, 0), why, full))
    return sorted(found, key=lambda one: (bool(one.why_not), one.load, -one.decided, one.user.username))


def _why_not(person: User, away_until: datetime | None, case: Case, parties: Parties, now: datetime) -> str:
    """Absence, authority, four eyes: the first that stands against this person, in words about them."""
    if away_until is not None:
        return f"away until {clocks.short(away_until)}"
    permission = may_decide(case, grants_of(person), now=now)
    if not permission.allowed:
        return _of_them(permission.reason)
    four_eyes = may_approve(person.pk, parties)
    return "" if four_eyes.allowed else _of_them(four_eyes.reason)


_TOLD = (
    ("you have no authority to decide; ask a lead", "no authority to decide"),
    ("you proposed", "proposed"),
    ("you own", "owns"),
    ("you wrote", "wrote"),
    ("you escalated", "escalated"),
    ("your ", "their "),
)


def _of_them(reason: str) -> str:
    """A reason that is told to somebody, as it is told about them."""
    for to_them, of_them in _TOLD:
        reason = reason.replace(to_them, of_them)
    return reason


def loads(people: Sequence[User]) -> Mapping[int, int]:
    """How many open items lie on each desk; nobody is there whose desk is empty."""
    rows = DeskItem.objects.filter(closed_at=None, assignee__in=people).values_list("assignee")
    return dict(rows.annotate(n=Count("id")).values_list("assignee", "n"))


def _known(people: Sequence[User], type_name: str) -> Mapping[int, int]:
    with connection.cursor() as cursor:
        cursor.execute(_KNOWS, [type_name, [person.pk for person in people]])
        return dict(cursor.fetchall())


def stronger_team(queue: str, named: str, besides: User) -> Group | None:
    """Who gets what nobody who sees the queue may approve: the team that policy names, or the highest of another."""
    teams = Group.objects.filter(reach__queue=queue, user__is_active=True, authority__isnull=False).distinct()
    others = [team for team in teams.prefetch_related("authority") if team.user_set.exclude(pk=besides.pk).exists()]
    rank = {team.name: max(Risk(line.max_risk).rank for line in team.authority.all()) for team in others}
    own = set(besides.groups.values_list("name", flat=True))
    return max(
        others, key=lambda team: (team.name == named, team.name not in own, rank[team.name], team.name), default=None
    )


@dataclass(frozen=True, slots=True)
class Unmanned:
    """A queue in which something waits and nobody is there who sees it and may decide anything."""

    queue: str
    title: str


def unmanned() -> list[Unmanned]:
    """An alarm each. Asked of the database once a minute at most."""
    found = caches["memory"].get("unmanned")
    if found is None:
        found = _unmanned()
        caches["memory"].set("unmanned", found, FRESH)
    return list(found)


def _unmanned() -> list[Unmanned]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT queue FROM reviews_cube")
        waiting = {name for (name,) in cursor.fetchall()}
    manned = _manned(waiting)
    return [Unmanned(queue.name, queue.title) for queue in Queue.objects.filter(name__in=waiting - manned)]


def _manned(queues: Iterable[str]) -> set[str]:
    here = Reach.objects.filter(
        queue__in=list(queues), group__authority__isnull=False, group__user__is_active=True
    ).exclude(group__user__in=list(absent_now()))
    return set(here.values_list("queue", flat=True))
