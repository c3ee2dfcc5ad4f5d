"""What every verb needs: who acts, the locked case and its chain of events, news after the commit."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import models, transaction
from django.db.models import Func

from audit.events import EventData, EventName
from audit.services import Actor, Chain, Entry, fresh, prepare
from reviews.errors import AlreadyDecided, NotFound, StaleRevision, WrongState
from reviews.models import (
    Action,
    Decision,
    DeskItem,
    Evidence,
    Item,
    Message,
    QueueStamp,
    Reach,
    Revision,
    User,
)
from reviews.signals import action_changed
from reviews.states import Status

SYSTEM = Actor("system", "desk")
log = logging.getLogger(__name__)


class By(NamedTuple):
    """A signed-in person and how they signed in. `session`: a prefix of its hash, never the key.

    `stepped_up_at`: when they last proved who they are; what needs that to be fresh refuses None.
    """

    user: User
    auth: str = "password"
    session: str = ""
    request: str = ""
    stepped_up_at: datetime | None = None


def actor(by: By, role: str = "reviewer") -> Actor:
    return Actor("human", by.user.pseudonym, role, by.auth, by.session, by.stepped_up_at)


def person_case(user: User) -> str:
    """The chain of what becomes of one person's account, rights and presence."""
    return f"person:{user.pseudonym}"


class Clock(Func):
    """The database's clock at this very moment; Django's Now() is the statement's."""

    function = "clock_timestamp"
    output_field = models.DateTimeField()


def in_seconds(seconds: float) -> Any:
    """A moment by the database's clock, `seconds` from now."""
    return Clock() + timedelta(seconds=seconds)


@dataclass
class Case:
    """A locked action and the events that its verb is about to record.

    Each event takes the action's chain one step further; `move` writes that
    step, and what changes with it, into the row. The verb records `entries`
    as its last statement.
    """

    action: Action
    chain: Chain
    by: Actor
    request: str = ""
    batch: UUID | None = None
    entries: list[Entry] = field(default_factory=list)

    @property
    def now(self) -> datetime:
        """The database's clock when the row was locked."""
        return self.chain.at

    def note(
        self,
        name: EventName,
        data: EventData,
        *,
        to: Status | None = None,
        content: Mapping[str, str] | None = None,
        commit: Mapping[str, bytes] | None = None,
    ) -> Entry:
        """The next event of this case; `to` is the state it leads to."""
        entry = prepare(
            name=name,
            data=data,
            chain=self.chain,
            actor=self.by,
            change=(self.action.state, to.value) if to else None,
            batch=self.batch,
            request=self.request,
            content={k: v for k, v in (content or {}).items() if v},
            commit=commit,
        )
        self.chain = entry.next
        self.entries.append(entry)
        return entry

    def move(self, entry: Entry, **columns: Any) -> None:
        """Guarded update of the action to where `entry` leaves it."""
        moved = Action.objects.filter(id=self.action.id, state=self.action.state, case_seq=entry.seq - 1).update(
            case_seq=entry.seq, case_head=entry.hash, **columns
        )
        if moved != 1:
            raise lost(self.action)
        for name, value in columns.items():
            if not hasattr(value, "resolve_expression"):
                setattr(self.action, name, value)


def lock(action: UUID, *, by: Actor, request: str = "") -> Case:
    """Lock the action's row, then read it and the clock. Raises NotFound."""
    row = (
        Action.objects.select_for_update(of=("self",), no_key=True)
        .annotate(clock=Clock())
        .select_related("type")
        .filter(id=action)
        .first()
    )
    if row is None:
        raise NotFound("there is no such action")
    return case_of(row, by=by, request=request)


def case_of(row: Action, *, by: Actor, request: str = "", batch: UUID | None = None) -> Case:
    """The case of a row that was locked with its `clock`."""
    moment = row.clock  # type: ignore[attr-defined]
    chain = Chain(f"action:{row.id}", row.case_seq, bytes(row.case_head), moment)
    return Case(row, chain, by, request, batch)


def newborn(action: UUID, at: datetime) -> Chain:
    return fresh(f"action:{action}", at)


def digest_of(action: Action) -> bytes:
    return bytes(action.digest)


def reached(user: User) -> models.QuerySet[Reach]:
    """The reach of a person: nothing once the account is closed."""
    return Reach.objects.filter(group__user=user, group__user__is_active=True)


def find_item(item: UUID, by: By) -> DeskItem:
    """An item within the person's reach; anything else is not there."""
    within = reached(by.user).values("queue")
    row = DeskItem.objects.filter(id=item, queue__in=within).first()
    if row is None:
        raise NotFound("there is no such item, or it is out of your reach")
    return row


def lock_within(action: UUID, by: By, role: str) -> Case:
    """Lock an action that this person may know of: in reach, or their own. NotFound otherwise."""
    case = lock(action, by=actor(by, role), request=by.request)
    row, user = case.action, by.user
    queues = {row.type.queue_id, *DeskItem.objects.filter(action=row).values_list("queue_id", flat=True)}
    own = user.pk in (row.requested_by_id, row.owner_id) or user.is_superuser
    if not own and not reached(user).filter(queue__in=queues).exists():
        raise NotFound("there is no such action, or it is out of your reach")
    return case


def locked_item(item: UUID, by: By) -> tuple[Case, DeskItem]:
    """Find an item within reach, lock its action, and read the item again under the lock."""
    action = find_item(item, by).action_id
    case = lock(action, by=actor(by), request=by.request)
    return case, DeskItem.objects.select_related("claimed_by").get(id=item)


def change_item(item: DeskItem | Item, *, seen: bool = True, **columns: Any) -> None:
    """Change an item under its action's lock. `seen`: reviewers must know, so its version rises.

    Web has the view of items, the keeper the table: whoever read it by one writes by it.
    """
    if seen:
        columns["version"] = models.F("version") + 1
    type(item)._default_manager.filter(id=item.id).update(**columns)


def demand_pending(case: Case, item: DeskItem) -> None:
    """Raises AlreadyDecided, naming who was first, unless the item still waits for people."""
    if case.action.state != Status.PENDING or item.closed_at is not None:
        raise lost(case.action)


def lost(action: Action) -> AlreadyDecided | WrongState:
    """What to tell somebody who came too late: who, when, and what became of it."""
    state = Action.objects.filter(id=action.id).values_list("state", flat=True).first()
    last = (
        Decision.objects.filter(action=action.id, verdict__in=("approve", "reject"), retraction=None)
        .select_related("reviewer")
        .order_by("-created_at")
        .first()
    )
    if last is None or state in (Status.PENDING, Status.EXPIRED, Status.WITHDRAWN):
        return WrongState(f"it is {state} now", state=str(state))
    who = str(last.reviewer) if last.reviewer else "policy"
    return AlreadyDecided(by=who, at=last.created_at, state=str(state))


def demand_seen(case: Case, item: DeskItem, *, version: int, digest: bytes) -> None:
    """Raises StaleRevision unless the page showed what is there now."""
    if digest != digest_of(case.action):
        raise StaleRevision("it was changed since you opened it", revision=case.action.revision)
    if version != item.version:
        raise StaleRevision("something about it changed since you opened it", version=item.version)


def last_numbers(action: UUID) -> tuple[int, int]:
    """Highest evidence and message number of an action."""
    top = models.Max("number")
    evidence = Evidence.objects.filter(action=action).aggregate(n=top)["n"]
    message = Message.objects.filter(action=action).aggregate(n=top)["n"]
    return evidence or 0, message or 0


def body_of(action: UUID, revision: int) -> bytes | None:
    """The bytes of a revision, or None once they are erased."""
    row = Revision.objects.filter(action=action, number=revision).select_related("body").first()
    body = getattr(row, "body", None)
    return body.plain if body is not None else None


def sweep(ids: Iterable[UUID], verb: Callable[[UUID], bool]) -> int:
    """Apply a keeper's verb to each, in a transaction of its own; how many it did something to.

    One row that cannot be treated is logged and left for the next sweep; it
    holds up none of the others.
    """
    return sum(_attempted(one, verb) for one in list(ids))


def _attempted(one: UUID, verb: Callable[[UUID], bool]) -> bool:
    try:
        return verb(one)
    except Exception:
        log.exception("%s left %s as it is", verb.__name__.strip("_"), one)
        return False


def after_commit(actions: Iterable[UUID], queues: Collection[str] = ()) -> None:
    """Once committed: raise the stamps of these queues, and tell those above."""
    ids, names = list(actions), sorted(set(queues))

    def announce() -> None:
        if names:
            stamped = QueueStamp.objects.filter(queue__in=names)
            stamped.update(n=models.F("n") + 1)
        action_changed.send(sender=None, actions=ids)

    transaction.on_commit(announce, robust=True)
