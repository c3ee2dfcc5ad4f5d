"""Being away: who stands in, and what becomes of the work that was on one's desk. Authority does not pass on."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from audit import events
from audit.events import EventName
from audit.services import Entry, load_chain, now, prepare, record
from reviews.errors import InvalidDecision, NotFound, NotPermitted, desk_errors
from reviews.ids import new_id
from reviews.models import Absence, DeskItem, Handover, Item, PassedOn, User
from reviews.queries.people import sees, stand_in
from reviews.services.base import SYSTEM, By, after_commit, lock, person_case, sweep
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
        row = Absence(
            id=new_id(), user=user, substitute=substitute, starts=starts, ends=ends, recorded_by=by.user
        )  # fmt: skip
        entry = _entry(EventName.DELEGATION_GRANTED, row, by)
        row.event_id, row.at = entry.id, entry.next.at
        row.save(force_insert=True)
        record([entry])
    return row


def end_absence(*, absence: Absence, by: By) -> None:
    """Take it back, or end it today. What was handed over stays where it is."""
    _demand_own(absence.user, by)
    with desk_errors(), transaction.atomic():
        ended = Absence.objects.filter(id=absence.id, ended_at=None).update(ended_at=now())
        if not ended:
            raise NotFound("that absence is over already")
        record([_entry(EventName.DELEGATION_REVOKED, absence, by)])


def _entry(name: EventName, absence: Absence, by: By) -> Entry:
    """That an absence was granted or revoked, in the record of the person who is away."""
    away, target = absence.user, absence.substitute
    data = events.Delegation(
        delegation=str(absence.id), source=away.pseudonym, target=target.pseudonym if target else "", scope="absence",
        expires=absence.ends,
    )  # fmt: skip
    return prepare(
        name=name, data=data, chain=load_chain(person_case(away)), actor=acting(by, _role(away, by)), request=by.request
    )


def _role(user: User, by: By) -> str:
    return "person" if user.pk == by.user.pk else "lead"


def _demand_own(user: User, by: By) -> None:
    if user.pk != by.user.pk:
        demand(by, "add_absence")


def release_claims(user: User) -> int:
    """Let go of everything this person is reading; inside or outside a transaction."""
    return _let_go(DeskItem.objects.filter(closed_at=None, claimed_by=user))


def _let_go(held: QuerySet[Any]) -> int:
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
    rows = DeskItem.objects.filter(closed_at=None, assignee=user).order_by("ref")
    return _handed_over(rows, lambda queue: to if to is not None and sees(to, queue) else None, _Hands(by=by))


def begin_absence(*, absence: Absence, by: By) -> HandedOver:
    """An absence that begins at once: what is being read is free, what lies on the desk goes to who stands in."""
    _demand_own(absence.user, by)
    rows = DeskItem.objects.filter(closed_at=None, assignee=absence.user).order_by("ref")
    release_claims(absence.user)
    done = _handed_over(rows, _standing_in(absence.user), _Hands(absence, by))
    Handover.objects.get_or_create(absence=absence)
    return done


def begin_absences(*, limit: int = 20) -> int:
    """Router: the same for absences that were planned and have begun. How many."""
    due = Absence.objects.filter(ended_at=None, starts__lte=Now(), ends__gt=Now(), handover=None)
    return sweep(due.order_by("starts").values_list("id", flat=True)[:limit], _begin)


def _begin(absence: UUID) -> bool:
    """Whatever happens on the way, the next sweep goes on with what still lies there; the mark comes last."""
    row = Absence.objects.select_related("user", "substitute").get(id=absence)
    with desk_errors(), transaction.atomic():
        _let_go(Item.objects.filter(closed_at=None, claimed_by=row.user))
    lying = Item.objects.filter(closed_at=None, assignee=row.user).order_by("ref")
    _handed_over(lying, _standing_in(row.user), _Hands(row))
    Handover.objects.create(absence=row)
    return True


def _standing_in(user: User) -> Callable[[str], User | None]:
    """Who gets it, by queue: whoever stands in and is here, or nobody."""

    def found(queue: str) -> User | None:
        other = stand_in(user, queue)
        return other if other.pk != user.pk else None

    return found


class _Hands(NamedTuple):
    """Why a desk is cleared, and by whom; nobody: the keeper's clock."""

    absence: Absence | None = None
    by: By | None = None


def _handed_over(rows: Iterable[DeskItem | Item], to: Callable[[str], User | None], hands: _Hands) -> HandedOver:
    moved = freed = 0
    for row in rows:
        target = to(row.queue_id)
        if not _pass_on(row, target, hands):
            continue
        moved, freed = moved + (target is not None), freed + (target is None)
    return HandedOver(moved, freed)


def _pass_on(row: DeskItem | Item, target: User | None, hands: _Hands) -> bool:
    """False where it was decided or given to somebody else in the meantime."""
    by = hands.by
    with desk_errors(), transaction.atomic():
        case = lock(row.action_id, by=acting(by, "lead") if by else SYSTEM, request=by.request if by else "")
        still = type(row)._default_manager.filter(id=row.id, closed_at=None, assignee=row.assignee_id).exists()
        if not still:
            return False
        if hands.absence is not None:
            PassedOn.objects.bulk_create(
                [PassedOn(absence=hands.absence, item_id=row.id, to=target)], ignore_conflicts=True
            )
        give(case, row, target)
    return True


def say_welcome(user: User) -> list[Handover]:
    """The hand-overs of absences that are over and of which this person was not told yet; told with this."""
    over = Q(absence__ends__lte=Now()) | Q(absence__ended_at__isnull=False)
    found = list(Handover.objects.filter(over, absence__user=user, told_at=None).select_related("absence"))
    if found:
        Handover.objects.filter(pk__in=[one.pk for one in found], told_at=None).update(told_at=Now())
    return found
