"""Who looks at an item, and when: claim, assign, defer, escalate. None of them decides."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Q

from audit import events
from audit.events import EventName
from audit.services import record
from reviews import clocks
from reviews.errors import AlreadyDecided, InvalidDecision, NotPermitted, desk_errors
from reviews.ids import new_id
from reviews.models import Decision, DeskItem, Item, Reach, User
from reviews.notices import Kind
from reviews.queries.people import stand_in
from reviews.reasons import worded
from reviews.schemas import Seen
from reviews.services.base import (
    By,
    Case,
    Clock,
    after_commit,
    change_item,
    demand_pending,
    demand_seen,
    find_item,
    in_seconds,
    locked_item,
    reached,
)
from reviews.services.notices import tell, tell_team
from reviews.services.voting import Vote, insert_vote, vote_event
from reviews.states import Verdict

CLAIM_SECONDS = 5 * 60
MOST_LOOPS = 2


def claim(*, item: UUID, by: By) -> datetime:
    """Tell the others that one is looking, for five minutes; again renews. Until when.

    AlreadyDecided, in state "claimed", names whoever has it. A claim informs:
    it stops nobody but a batch.
    """
    row = find_item(item, by)
    free = Q(claimed_by=None) | Q(claimed_until__lte=Clock()) | Q(claimed_by=by.user)
    with desk_errors(), transaction.atomic():
        taken = DeskItem.objects.filter(free, id=item, closed_at=None).update(
            claimed_by=by.user, claimed_until=in_seconds(CLAIM_SECONDS)
        )
        now = DeskItem.objects.select_related("claimed_by").get(id=item)
        if not taken or now.claimed_until is None:
            raise _claimed(now)
        after_commit([], [row.queue_id])
    return now.claimed_until


def _claimed(row: DeskItem) -> AlreadyDecided:
    if row.closed_at is not None:
        return AlreadyDecided("it is closed", at=row.closed_at, state="closed")
    who = str(row.claimed_by)
    return AlreadyDecided(f"claimed by {who}", by=who, at=row.claimed_until, state="claimed")


def release_claim(*, item: UUID, by: By) -> None:
    """Give up one's own claim. Somebody else's, or none, is left as it is."""
    row = find_item(item, by)
    with desk_errors(), transaction.atomic():
        freed = DeskItem.objects.filter(id=item, claimed_by=by.user).update(claimed_by=None, claimed_until=None)
        if freed:
            after_commit([], [row.queue_id])


def assign(*, item: UUID, assignee: User | None, by: By) -> User | None:
    """Put an item on somebody's desk; None takes it off again. They must see its queue.

    While they are away it goes to who stands in for them. Returns whose it is now.
    """
    with desk_errors(), transaction.atomic():
        case, row = locked_item(item, by)
        demand_pending(case, row)
        if assignee is not None and not reached(assignee).filter(queue=row.queue_id).exists():
            raise NotPermitted(f"{assignee} does not see this queue")
        assignee = stand_in(assignee, row.queue_id) if assignee else None
        give(case, row, assignee)
    return assignee


def give(case: Case, row: DeskItem | Item, person: User | None) -> None:
    """An open item lies on this person's desk now, or on nobody's. The caller holds the case and has checked."""
    put_on_desk(case, row, person)
    after_commit([case.action.id], [row.queue_id])
    record(case.entries)


def put_on_desk(case: Case, row: DeskItem | Item, person: User | None) -> None:
    """The same as one step of a verb, which records it with its other events."""
    who = person.pseudonym if person else None
    case.move(case.note(EventName.ACTION_ASSIGNED, events.ActionAssigned(assignee=who, queue=row.queue_id)))
    change_item(row, seen=False, assignee=person)
    if person is not None:
        tell(Kind.ASSIGNED, [person.pk], [(row.id, str(case.chain.seq))], but=case.by.ref)


def defer(*, item: UUID, until: datetime, by: By) -> None:
    """Out of the list until a time before its deadline. Its clock runs on; it stays pending."""
    with desk_errors(), transaction.atomic():
        case, row = locked_item(item, by)
        demand_pending(case, row)
        refusal = cannot_wait(case, until)
        if refusal:
            raise InvalidDecision(refusal)
        entry = case.note(EventName.ACTION_DEFERRED, events.ActionDeferred(until=until))
        case.move(entry)
        change_item(row, seen=False, deferred_until=until, claimed_by=None, claimed_until=None)
        after_commit([case.action.id], [row.queue_id])
        record(case.entries)


def cannot_wait(case: Case, until: datetime) -> str:
    """Why it cannot be put off until then, or an empty string."""
    if until <= case.now:
        return "a time in the future is needed"
    deadline = case.action.decide_by
    if deadline is not None and until >= deadline:
        return f"it must be decided by {clocks.short(deadline)}"
    return ""


def escalate(
    *,
    item: UUID,
    seen: Seen,
    target: Group,
    rationale: str,
    reason_code: str = "",
    by: By,
) -> Decision:
    """Pass it on to another group. It stays pending, votes stay, its reader keeps sight of it."""
    with desk_errors(), transaction.atomic():
        case, row = locked_item(item, by)
        demand_pending(case, row)
        demand_seen(case, row, version=seen.version, digest=seen.digest)
        words = worded(case.action.type, "escalate", reason_code, rationale, required=True)
        _demand_target(case, row, target, by)
        vote = Vote(verdict=Verdict.ESCALATE, code=reason_code, rationale=words, seen=seen)
        made = write_escalation(case, row, vote, target, by)
        due = halfway(case)
        change_item(row, escalated_to=target, due=due, assignee=None, claimed_by=None, claimed_until=None)
        after_commit([case.action.id], [row.queue_id])
        record(case.entries)
    return made


def halfway(case: Case) -> datetime | None:
    """The target's own clock: half of what is left until the deadline."""
    deadline = case.action.decide_by
    return None if deadline is None else case.now + (deadline - case.now) / 2


def _demand_target(case: Case, row: DeskItem, target: Group, by: By) -> None:
    """Somebody else who can see it, and not back and forth for ever."""
    others = User.objects.filter(groups=target, is_active=True).exclude(pk=by.user.pk)
    if not others.exists():
        raise InvalidDecision(f"nobody but you is in {target}")
    if not Reach.objects.filter(group=target, queue=row.queue_id).exists():
        raise NotPermitted(f"{target} does not see this queue")
    before = Decision.objects.filter(action=case.action, verdict=Verdict.ESCALATE, target=target)
    if before.count() >= MOST_LOOPS:
        raise InvalidDecision(f"it was passed to {target} {MOST_LOOPS} times already: decide it")


def write_escalation(case: Case, row: DeskItem, vote: Vote, target: Group, by: By) -> Decision:
    made = new_id()
    entry = case.note(
        EventName.DECISION_RECORDED,
        vote_event(case, row, vote, by, made, target=f"group:{target.pk}"),
        content={"rationale": vote.rationale, "identity": str(by.user)},
    )
    decision = insert_vote(case, row, vote, by, made, entry.id, target=target)
    case.move(entry)
    tell_team(target, [(row.id, str(case.chain.seq))], but=case.by.ref)
    return decision
