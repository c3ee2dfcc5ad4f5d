"""People as those who manage them see them: who is here, away, invited or gone, and what hangs on each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.contrib.auth.models import Group
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from reviews.models import (
    Absence,
    Decision,
    DeskItem,
    Handover,
    Invitation,
    PassedOn,
    Principal,
    Qualification,
    Reach,
    User,
)
from reviews.states import Status, Verdict

RECENT, MOST = 60, 200  # days and items of what absences took off a desk
_LONGEST_CHAIN = 3  # a substitute may be away too, and theirs


def standing_absences(at: datetime | None = None) -> QuerySet[Absence]:
    """Absences that hold at this moment, the one that ends last first."""
    now = at or timezone.now()
    found = Absence.objects.filter(ended_at=None, starts__lte=now, ends__gt=now)
    return found.select_related("user", "substitute").order_by("-ends")


def absent_now() -> dict[int, Absence]:
    """Who is away, by the id of the person."""
    return {absence.user_id: absence for absence in reversed(standing_absences())}


def stand_in(user: User, queue: str) -> User:
    """Who gets work meant for this person: themselves, or while they are away whoever stands in and sees the queue."""
    away, chosen = absent_now(), user
    for _ in range(_LONGEST_CHAIN):
        absence = away.get(chosen.pk)
        if absence is None:
            return chosen
        if absence.substitute is None or not sees(absence.substitute, queue):
            return user
        chosen = absence.substitute
    return user


def sees(user: User, queue: str) -> bool:
    return Reach.objects.filter(group__user=user, group__user__is_active=True, queue=queue).exists()


def newest_qualifications(users: Iterable[int]) -> list[Qualification]:
    """The row that acts for each person and name, whether it still holds or not."""
    rows = Qualification.objects.filter(user__in=list(users)).select_related("user", "recorded_by")
    return list(rows.order_by("user", "name", "-at", "-id").distinct("user", "name"))


def qualified_until(user: User) -> dict[str, datetime]:
    """Names of the qualifications that hold now, and until when."""
    now = timezone.now()
    return {
        row.name: row.valid_until for row in newest_qualifications([user.pk]) if row.valid_from <= now < row.valid_until
    }


@dataclass(frozen=True, slots=True)
class Person:
    """One line of the list. `state`: here, away, invited or closed."""

    user: User
    state: str
    until: datetime | None = None
    substitute: User | None = None
    groups: tuple[str, ...] = ()
    qualifications: tuple[Qualification, ...] = ()
    assigned: int = 0


def teams() -> list[Group]:
    """The groups that may decide something: whom work can be passed on to."""
    return list(Group.objects.filter(authority__isnull=False).distinct().order_by("name"))


def people() -> list[Person]:
    """Everybody with an account, those who are here first."""
    rows = list(User.objects.prefetch_related("groups").order_by("username"))
    away = absent_now()
    invited = {row.user_id: row for row in open_invitations()}
    held: dict[int, list[Qualification]] = {}
    for row in newest_qualifications(user.pk for user in rows):
        held.setdefault(row.user_id, []).append(row)
    assigned = dict(
        DeskItem.objects.filter(closed_at=None, assignee__isnull=False)
        .values_list("assignee")
        .annotate(n=Count("id"))
        .values_list("assignee", "n")
    )
    found = [_person(user, away, invited, tuple(held.get(user.pk, ())), assigned.get(user.pk, 0)) for user in rows]
    order = {"here": 0, "away": 1, "invited": 2, "closed": 3}
    return sorted(found, key=lambda person: order[person.state])


def person_of(user: User) -> Person:
    return next(person for person in people() if person.user.pk == user.pk)


def _person(
    user: User,
    away: dict[int, Absence],
    invited: dict[int, Invitation],
    held: tuple[Qualification, ...],
    assigned: int,
) -> Person:
    state, until, substitute = "here", None, None
    if not user.is_active:
        state = "closed"
    elif user.pk in invited:
        state, until = "invited", invited[user.pk].expires
    elif user.pk in away:
        state, until, substitute = "away", away[user.pk].ends, away[user.pk].substitute
    groups = tuple(group.name for group in user.groups.all())
    return Person(user, state, until, substitute, groups, held, assigned)


def open_invitations() -> list[Invitation]:
    """Invitations that nobody has used or taken back, expired ones included."""
    return list(_unused().filter(user__is_active=True).select_related("user"))


def _unused() -> QuerySet[Invitation]:
    return Invitation.objects.filter(used_at=None, revoked_at=None)


def here(people: QuerySet[User]) -> QuerySet[User]:
    """Those of them with an account that is open: who was invited and never came does no work."""
    return people.filter(is_active=True).exclude(pk__in=_unused().values("user"))


class Hanging(NamedTuple):
    """What closing an account would touch. Votes stay in the record and stop counting where more are needed."""

    assigned: int
    claimed: int
    votes: int  # how many, not which: who decides second must not learn it here
    agents: list[Principal]
    stands_in_for: list[User]


def hanging_on(user: User) -> Hanging:
    held = DeskItem.objects.filter(closed_at=None)
    voted = Decision.objects.filter(reviewer=user, verdict=Verdict.APPROVE, retraction=None)
    votes = held.filter(action__state=Status.PENDING, action__in=voted.values("action")).count()
    absences = standing_absences().filter(substitute=user)
    return Hanging(
        held.filter(assignee=user).count(),
        held.filter(claimed_by=user, claimed_until__gt=timezone.now()).count(),
        votes,
        list(Principal.objects.filter(owner=user, active=True).order_by("name")),
        [absence.user for absence in absences],
    )


def substitutes_for(user: User) -> list[User]:
    """Who sees at least one of the queues that this person sees."""
    queues = Reach.objects.filter(group__user=user).values("queue")
    found = User.objects.filter(groups__reach__queue__in=queues).exclude(pk=user.pk)
    return list(here(found).distinct().order_by("username"))


def absences_of(user: User) -> list[Absence]:
    """What is to come or holds; what is over is in the record."""
    rows = Absence.objects.filter(Q(user=user), ended_at=None, ends__gt=timezone.now())
    return list(rows.select_related("substitute").order_by("starts"))


def passed_on(handovers: Iterable[Handover]) -> list[tuple[str, int]]:
    """Where what lay on a desk went, with how many; nobody's desk is the empty name."""
    rows = PassedOn.objects.filter(absence__in=[one.pk for one in handovers]).select_related("to")
    went = Counter(str(row.to) if row.to else "" for row in rows)
    return sorted(went.items(), key=lambda pair: (not pair[0], pair[0]))


class Left(NamedTuple):
    """One item that an absence took off a desk, and where it is now."""

    ref: str
    to: User | None
    at: datetime
    open: bool


def left_behind(user: User, queues: Iterable[str]) -> list[Left]:
    """What the absences of the last weeks took off this person's desk, of what the reader sees; newest first."""
    since = timezone.now() - timedelta(days=RECENT)
    rows = list(PassedOn.objects.filter(absence__user=user, at__gte=since).select_related("to").order_by("-at")[:MOST])
    items = DeskItem.objects.filter(queue__in=list(queues)).in_bulk([row.item_id for row in rows])
    return [
        Left(str(item), row.to, row.at, item.closed_at is None)
        for row in rows
        if (item := items.get(row.item_id)) is not None
    ]
