"""Being away: who stands in, and what becomes of the work that was on one's desk. Authority does not pass on."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction

from audit import events
from audit.events import EventName
from audit.services import load_chain, now, prepare, record
from reviews.errors import InvalidDecision, NotFound, NotPermitted, desk_errors
from reviews.ids import new_id
from reviews.models import Absence, DeskItem, User
from reviews.queries.people import sees
from reviews.services.base import By, after_commit, lock, person_case
from reviews.services.base import actor as acting
from reviews.services.holding import give
from reviews.services.rights import demand

LONGEST = timedelta(days=400)


class HandedOver(NamedTuple):
    """How many items found another desk, and how many lie on nobody's now."""

    moved: int
    freed: int


def record_absence(*, user: User, starts: datetime, ends: datetime, substitute: User | None, by: By) -> Absence:
    """Write that somebody is away, and who stands in: what is assigned to them meanwhile goes there.

    One's own, or with the right to record it for others.
    """
    _demand_own(user, by)
    moment = now()
    if not moment < ends <= starts + LONGEST or ends <= starts:
        raise InvalidDecision("an absence begins before it ends, ends in the future, and lasts 400 days at most")
    if substitute is not None and (substitute.pk == user.pk or not substitute.is_active):
        raise InvalidDecision("somebody else who is here stands in")
    if Absence.objects.filter(user=user, ended_at=None, starts__lt=ends, ends__gt=starts).exists():
        raise InvalidDecision("there is an absence in that time already; take it back first")
    with desk_errors(), transaction.atomic():
        made = new_id()
        entry = prepare(
            name=EventName.DELEGATION_GRANTED,
            data=_delegation(made, user, substitute, ends),
            chain=load_chain(person_case(user)),
            actor=acting(by, _role(user, by)),
            request=by.request,
        )
        row = Absence.objects.create(
            id=made, user=user, substitute=substitute, starts=starts, ends=ends,
            recorded_by=by.user, event_id=entry.id, at=entry.next.at,
        )  # fmt: skip
        record([entry])
    return row


def end_absence(*, absence: Absence, by: By) -> None:
    """Take it back, or end it today. What was handed over stays where it is."""
    _demand_own(absence.user, by)
    with desk_errors(), transaction.atomic():
        ended = Absence.objects.filter(id=absence.id, ended_at=None).update(ended_at=now())
        if not ended:
            raise NotFound("that absence is over already")
        entry = prepare(
            name=EventName.DELEGATION_REVOKED,
            data=_delegation(absence.id, absence.user, absence.substitute, absence.ends),
            chain=load_chain(person_case(absence.user)),
            actor=acting(by, _role(absence.user, by)),
            request=by.request,
        )
        record([entry])


def _delegation(made: object, user: User, substitute: User | None, ends: datetime) -> events.Delegation:
    target = substitute.pseudonym if substitute else ""
    return events.Delegation(delegation=str(made), source=user.pseudonym, target=target, scope="absence", expires=ends)


def _role(user: User, by: By) -> str:
    return "person" if user.pk == by.user.pk else "lead"


def _demand_own(user: User, by: By) -> None:
    if user.pk != by.user.pk:
        demand(by, "add_absence")


def release_claims(user: User) -> int:
    """Let go of everything this person is reading; inside or outside a transaction."""
    held = DeskItem.objects.filter(closed_at=None, claimed_by=user)
    queues = set(held.values_list("queue_id", flat=True))
    freed = held.update(claimed_by=None, claimed_until=None)
    after_commit([], queues)
    return freed


def hand_over(*, user: User, to: User | None, by: By) -> HandedOver:
    """Put what lies on somebody's desk on another, or on nobody's where that person does not see the queue.

    Item by item, each with its event; what is decided meanwhile is left alone.
    """
    _demand_own(user, by)
    if to is not None and not to.is_active:
        raise NotPermitted(f"{to} is not here any more")
    moved = freed = 0
    for row in DeskItem.objects.filter(closed_at=None, assignee=user).order_by("ref"):
        target = to if to is not None and sees(to, row.queue_id) else None
        if not _pass_on(row, target, by):
            continue
        moved, freed = moved + (target is not None), freed + (target is None)
    return HandedOver(moved, freed)


def _pass_on(row: DeskItem, target: User | None, by: By) -> bool:
    """False where it was decided or given to somebody else in the meantime."""
    with desk_errors(), transaction.atomic():
        case = lock(row.action_id, by=acting(by, "lead"), request=by.request)
        still = DeskItem.objects.filter(id=row.id, closed_at=None, assignee=row.assignee_id).exists()
        if not still:
            return False
        give(case, row, target)
    return True
