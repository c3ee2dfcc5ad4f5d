"""What time does to actions: expiry, lateness, the return of what was put off; and withdrawal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.db.models import BooleanField, F, Func
from django.db.models.functions import Now

from audit import events
from audit.events import EventName
from audit.services import Actor, Chain, prepare, record
from reviews.errors import GateRefused, NotPermitted, WrongState, desk_errors
from reviews.models import Action, DeskItem, Item
from reviews.prio import breach
from reviews.queries.policy import policy_of
from reviews.reasons import OTHER, worded
from reviews.services.base import (
    SYSTEM,
    By,
    Case,
    after_commit,
    lock,
    lock_within,
    lost,
    sweep,
)
from reviews.services.deciding import demand_authority
from reviews.services.holding import halfway
from reviews.services.notices import tell_team
from reviews.services.owning import lock_own
from reviews.services.questions import close_questions, settle_answers
from reviews.services.routing import read_revision, route_proposed
from reviews.states import Status


def route_due(*, limit: int = 200) -> int:
    """Router: route what was proposed, and what agents changed in their answers. How many."""
    return route_proposed(limit=limit) + settle_answers(limit=limit)


def expire_due(*, limit: int = 200) -> int:
    """Router: what nobody decided in time, and approvals that lapsed. Never what is unclear."""
    pending = Action.objects.filter(state=Status.PENDING, decide_by__lte=Now()).order_by("decide_by")
    lapsed = (
        Action.objects.filter(state=Status.APPROVED, valid_until__lte=Now())
        .alias(unclear=Func(F("id"), function="reviews_unclear", output_field=BooleanField()))
        .filter(unclear=False)
        .order_by("valid_until")
    )
    first, second = (due.values_list("id", flat=True)[:limit] for due in (pending, lapsed))
    return sweep(first, _expire) + sweep(second, _expire)


def _expire(action: UUID) -> bool:
    with desk_errors(), transaction.atomic():
        case = lock(action, by=SYSTEM)
        row, deadline = case.action, None
        if row.state == Status.PENDING:
            deadline = row.decide_by
        elif row.state == Status.APPROVED and not _unclear(action):
            deadline = row.valid_until
        if deadline is None or deadline > case.now:
            return False
        entry = case.note(
            EventName.ACTION_EXPIRED,
            events.ActionExpired(deadline=deadline, reason_code=row.state),
            to=Status.EXPIRED,
        )
        case.move(entry, state=Status.EXPIRED)
        _close_item(case)
        after_commit([action], [row.type.queue_id])
        record(case.entries)
    return True


def _unclear(action: UUID) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT reviews_unclear(%s)", [action])
        return bool(cursor.fetchone()[0])


def _close_item(case: Case) -> None:
    """As the keeper: the item of an action that left the queue."""
    Item.objects.filter(action=case.action, closed_at=None).update(
        closed_at=case.now, claimed_by=None, claimed_until=None, version=F("version") + 1
    )


def wake_deferred(*, limit: int = 200) -> int:
    """Router: bring back what was put off until now, and what was asked and never answered."""
    due = list(
        Item.objects.filter(closed_at=None, deferred_until__lte=Now())
        .order_by("deferred_until")
        .values_list("id", "queue_id", "action_id")[:limit]
    )
    with desk_errors(), transaction.atomic():
        Item.objects.filter(id__in=[row[0] for row in due], deferred_until__lte=Now()).update(
            deferred_until=None, version=F("version") + 1
        )
        if due:
            after_commit([], {queue for _, queue, _ in due})
    return len(due) + close_questions(limit=limit)


def flip_breached(*, limit: int = 200) -> int:
    """Router: push up what is late, and say so in its record."""
    due = Item.objects.filter(waiting=True, breached=False, due__lte=Now())
    actions = due.order_by("due").values_list("action_id", flat=True)[:limit]
    return sweep(actions, _breach)


def _breach(action: UUID) -> bool:
    with desk_errors(), transaction.atomic():
        case = lock(action, by=SYSTEM)
        row = Item.objects.filter(action=action, closed_at=None, breached=False).first()
        if row is None or case.action.state != Status.PENDING:
            return False
        target = _team_for(case, row)
        entry = case.note(
            EventName.ACTION_ESCALATED,
            events.ActionEscalated(
                reason_code="sla_breached",
                source=row.queue_id,
                target=f"group:{target.pk}" if target else "",
                deadline=row.due,
            ),
        )
        case.move(entry)
        given: dict[str, Any] = {"escalated_to": target, "assignee": None, "due": halfway(case)} if target else {}
        Item.objects.filter(id=row.id).update(breached=True, prio=breach(row.prio), **given)
        if target is not None:
            tell_team(target, [(row.id, str(case.chain.seq))])
        after_commit([action], [row.queue_id])
        record(case.entries)
    return True


def _team_for(case: Case, row: Item) -> Group | None:
    """The team that policy names for what is late, where it sees the queue."""
    name = policy_of(case.action.type_id).clock.to
    return Group.objects.filter(name=name, reach__queue=row.queue_id).first() if name else None


def withdraw(*, action: UUID, by: By | None = None, run: UUID | None = None, reason: str = "") -> None:
    """Take an action back before it runs: its proposer, its owner, a reviewer, or its run."""
    if by is not None:
        _withdraw_by_person(action, by, reason)
    elif run is not None:
        _withdraw_by_run(action, run)
    else:
        raise ValueError("an action is withdrawn by a person or by its run")


_UNCLEAR = "its effect began and nobody knows how it ended; it is tried again, or settled"


def _withdraw_by_person(action: UUID, by: By, reason: str) -> None:
    with desk_errors(), transaction.atomic():
        case = lock_within(action, by, "withdrawer")
        row = case.action
        if row.state not in (Status.PENDING, Status.APPROVED):
            raise lost(row)
        _demand_may_withdraw(case, by)
        if _unclear(action):
            raise WrongState(_UNCLEAR, state=row.state)
        words = worded(row.type, "withdraw", OTHER if reason else "", reason, required=True)
        entry = case.note(
            EventName.ACTION_WITHDRAWN,
            events.ActionWithdrawn(),
            to=Status.WITHDRAWN,
            content={"reason": words, "identity": str(by.user)},
        )
        case.move(entry, state=Status.WITHDRAWN)
        DeskItem.objects.filter(action=row, closed_at=None).update(
            closed_at=case.now, claimed_by=None, claimed_until=None, version=F("version") + 1
        )
        after_commit([action], [row.type.queue_id])
        record(case.entries)


def _demand_may_withdraw(case: Case, by: By) -> None:
    """Proposer and owner always; a reviewer whose authority covers it, once it is approved."""
    row = case.action
    if by.user.pk in (row.requested_by_id, row.owner_id) or by.user.is_superuser:
        return
    if row.state != Status.APPROVED:
        raise NotPermitted("whoever proposed it withdraws it; you can reject it")
    demand_authority(case, read_revision(row, row.type), by)


@contextmanager
def _clear_words() -> Iterator[None]:
    """A run cannot ask whether an effect is unclear; the gate tells it by refusing."""
    try:
        yield
    except GateRefused as exc:
        if exc.sqlstate != "DK008":
            raise
        raise WrongState(_UNCLEAR) from exc


def _withdraw_by_run(action: UUID, run: UUID) -> None:
    with _clear_words(), desk_errors(), transaction.atomic(), connection.cursor() as cursor:
        own = lock_own(cursor, action)
        if own.state not in (Status.PENDING, Status.APPROVED):
            raise WrongState(f"it is {own.state} now", state=own.state)
        entry = prepare(
            name=EventName.ACTION_WITHDRAWN,
            data=events.ActionWithdrawn(reason_code="run", run_cancelled=True),
            chain=Chain(f"action:{action}", own.case_seq, bytes(own.case_head), own.at),
            actor=Actor("agent", f"run:{run}"),
            change=(own.state, Status.WITHDRAWN.value),
        )
        cursor.execute("SELECT reviews_agent_withdraw(%s, %s, %s)", [action, entry.seq, entry.hash])
        after_commit([action])
        record([entry])
