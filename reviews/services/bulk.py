"""What many items undergo at once without being decided: claim, assign, defer, tag, escalate.

Rows are locked in the order of their keys, each item is judged by itself and
told apart in the result, and the rest is written from arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.db.models import Count, Q

from audit import events
from audit.events import EventName
from audit.services import record
from reviews.errors import InvalidDecision, desk_errors
from reviews.ids import new_id
from reviews.models import Action, ActionType, Decision, DeskItem, Reach, Retraction, User
from reviews.notices import Kind
from reviews.queries.people import stand_in
from reviews.reasons import worded
from reviews.schemas import ItemResult, Seen
from reviews.services.base import By, Case, Clock, actor, after_commit, case_of, in_seconds, reached
from reviews.services.holding import CLAIM_SECONDS, MOST_LOOPS, cannot_wait, halfway
from reviews.services.notices import tell, tell_team
from reviews.services.voting import Vote, vote_event, vote_row
from reviews.states import Status, Verdict

MOST = 500


@dataclass(slots=True)
class Held:
    """One item with its action's row locked, and what became of it."""

    row: DeskItem
    case: Case
    result: Literal["applied", "blocked", "conflict"] = "applied"
    why: str = ""

    def block(self, why: str) -> None:
        if why and self.result == "applied":
            self.result, self.why = "blocked", why


Act = Callable[[list[Held]], None]


def demand_size(count: int) -> None:
    if not count:
        raise InvalidDecision("select at least one item first")
    if count > MOST:
        raise InvalidDecision(f"{MOST} at a time is the most, these are {count}")


def with_all(items: Sequence[UUID], by: By, act: Act) -> list[ItemResult]:
    """Lock, set aside what is over, let `act` judge and note the rest, and write what it noted."""
    demand_size(len(items))
    with desk_errors(), transaction.atomic():
        held = _lock_all(items, by)
        act([one for one in held.values() if one.result == "applied"])
        told = [one for one in held.values() if one.case.entries]
        _move(told)
        after_commit([one.case.action.id for one in told], {one.row.queue_id for one in told})
        record([entry for one in told for entry in one.case.entries])
    return [_result(item, held.get(item)) for item in items]


def _result(item: UUID, one: Held | None) -> ItemResult:
    if one is None:
        return ItemResult(item, 0, "blocked", "there is no such item, or it is out of your reach")
    return ItemResult(item, one.row.ref, one.result, one.why)


def _lock_all(items: Sequence[UUID], by: By) -> dict[UUID, Held]:
    """The items within reach under their actions' locks, in the order given."""
    wanted = DeskItem.objects.filter(id__in=items, queue__in=reached(by.user).values("queue"))
    actions = (
        Action.objects.select_for_update(of=("self",), no_key=True)
        .annotate(clock=Clock())
        .select_related("type")
        .filter(id__in=wanted.values("action"))
        .order_by("id")
    )
    who, batch = actor(by), new_id()
    cases = {row.id: case_of(row, by=who, request=by.request, batch=batch) for row in actions}
    rows = DeskItem.objects.filter(action__in=list(cases)).in_bulk(list(items))
    held = {item: Held(rows[item], cases[rows[item].action_id]) for item in items if item in rows}
    for one in held.values():
        if one.case.action.state != Status.PENDING or one.row.closed_at is not None:
            one.result, one.why = "conflict", f"already {one.case.action.state}"
    return held


def _move(held: Sequence[Held]) -> None:
    """Each case takes the steps that were noted; in one statement."""
    if not held:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE reviews_action a SET case_seq = x.s, case_head = x.h"
            " FROM unnest(%s::uuid[], %s::bigint[], %s::bytea[]) AS x (id, s, h)"
            " WHERE a.id = x.id AND a.case_seq = x.s - 1",
            [
                [one.case.action.id for one in held],
                [one.case.chain.seq for one in held],
                [one.case.chain.head for one in held],
            ],
        )
        if cursor.rowcount != len(held):
            raise RuntimeError("a row that was locked has changed")


def _change(held: Iterable[Held], **columns: Any) -> None:
    ids = [one.row.id for one in held]
    if ids:
        DeskItem.objects.filter(id__in=ids).update(**columns)


def claim_many(*, items: Sequence[UUID], by: By) -> list[ItemResult]:
    """Claim what nobody else has, for five minutes. It touches no action and tells the record nothing."""
    demand_size(len(items))
    free = Q(claimed_by=None) | Q(claimed_until__lte=Clock()) | Q(claimed_by=by.user)
    with desk_errors(), transaction.atomic():
        mine = DeskItem.objects.filter(id__in=items, queue__in=reached(by.user).values("queue"))
        mine.filter(free, closed_at=None).update(claimed_by=by.user, claimed_until=in_seconds(CLAIM_SECONDS))
        now = mine.select_related("claimed_by").in_bulk(list(items))
        after_commit([], {row.queue_id for row in now.values()})
    return [_claimed(item, now.get(item), by) for item in items]


def _claimed(item: UUID, row: DeskItem | None, by: By) -> ItemResult:
    if row is None:
        return _result(item, None)
    if row.closed_at is not None:
        return ItemResult(item, row.ref, "conflict", "it is closed")
    if row.claimed_by_id != by.user.pk:
        return ItemResult(item, row.ref, "blocked", f"claimed by {row.claimed_by}")
    return ItemResult(item, row.ref, "applied")


def assign_many(*, items: Sequence[UUID], assignee: User | None, by: By) -> list[ItemResult]:
    """Put them on somebody's desk; None takes them off again. Who is away is stood in for."""

    def act(held: list[Held]) -> None:
        seen = set(reached(assignee).values_list("queue", flat=True)) if assignee else set()
        whose = {queue: stand_in(assignee, queue) for queue in seen} if assignee else {}
        for one in held:
            if assignee is not None and one.row.queue_id not in seen:
                one.block(f"{assignee} does not see this queue")
        for queue in {one.row.queue_id for one in held}:
            _assign([one for one in held if one.row.queue_id == queue and not one.why], queue, whose.get(queue))

    return with_all(items, by, act)


def _assign(held: Sequence[Held], queue: str, person: User | None) -> None:
    data = events.ActionAssigned(assignee=person.pseudonym if person else None, queue=queue)
    for one in held:
        one.case.note(EventName.ACTION_ASSIGNED, data)
    _change(held, assignee=person)
    if person is not None and held:
        tell(Kind.ASSIGNED, [person.pk], _steps(held), but=held[0].case.by.ref)


def _steps(held: Sequence[Held]) -> list[tuple[UUID, str]]:
    """Each item with the step of its case that was just noted."""
    return [(one.row.id, str(one.case.chain.seq)) for one in held]


def defer_many(*, items: Sequence[UUID], until: datetime, by: By) -> list[ItemResult]:
    """Out of the list until then; never past a deadline. The clocks run on."""

    def act(held: list[Held]) -> None:
        for one in held:
            one.block(cannot_wait(one.case, until))
        free = [one for one in held if not one.why]
        for one in free:
            one.case.note(EventName.ACTION_DEFERRED, events.ActionDeferred(until=until))
        _change(free, deferred_until=until, claimed_by=None, claimed_until=None)

    return with_all(items, by, act)


def escalate_many(
    *, items: Sequence[UUID], target: Group, rationale: str, reason_code: str = "", by: By
) -> list[ItemResult]:
    """Pass them on to another group, with one reason for all. They stay pending, and votes stay."""
    if not User.objects.filter(groups=target, is_active=True).exclude(pk=by.user.pk).exists():
        raise InvalidDecision(f"nobody but you is in {target}")
    words = worded(ActionType(presets={}), "escalate", reason_code, rationale, required="an escalation says why")

    def act(held: list[Held]) -> None:
        seen = set(Reach.objects.filter(group=target).values_list("queue", flat=True))
        before = _passed_on([one.case.action.id for one in held], target)
        for one in held:
            if one.row.queue_id not in seen:
                one.block(f"{target} does not see this queue")
            if before.get(one.case.action.id, 0) >= MOST_LOOPS:
                one.block(f"it was passed to {target} {MOST_LOOPS} times already: decide it")
        _escalate([one for one in held if not one.why], target, words, reason_code, by)

    return with_all(items, by, act)


def _passed_on(actions: Sequence[UUID], target: Group) -> Mapping[UUID, int]:
    """How often each was given to this group before."""
    passed = Decision.objects.filter(action__in=actions, verdict=Verdict.ESCALATE, target=target)
    return dict(passed.values_list("action").annotate(n=Count("id")).values_list("action", "n"))


def _escalate(held: Sequence[Held], target: Group, words: str, code: str, by: By) -> None:
    if not held:
        return
    vote = Vote(verdict=Verdict.ESCALATE, code=code, rationale=words, seen=Seen(version=0, digest=b""), via="batch")
    back = _taken_back([one.case.action.id for one in held], by)
    votes = [_escalation(one, target, vote, by, back.get(one.case.action.id, 0)) for one in held]
    Decision.objects.bulk_create(votes)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE reviews_item_desk i SET escalated_to_id = %s, due = x.d, assignee_id = NULL, claimed_by_id = NULL,"
            " claimed_until = NULL, version = version + 1"
            " FROM unnest(%s::uuid[], %s::timestamptz[]) AS x (id, d) WHERE i.id = x.id",
            [target.pk, [one.row.id for one in held], [halfway(one.case) for one in held]],
        )
    tell_team(target, _steps(held), but=held[0].case.by.ref)


def _taken_back(actions: Sequence[UUID], by: By) -> Mapping[UUID, int]:
    """How many votes this person took back on each."""
    mine = Retraction.objects.filter(decision__action__in=actions, decision__reviewer=by.user)
    return dict(mine.values_list("decision__action").annotate(n=Count("id")).values_list("decision__action", "n"))


def _escalation(one: Held, target: Group, vote: Vote, by: By, back: int) -> Decision:
    made = new_id()
    data = vote_event(one.case, one.row, vote, by, made, target=f"group:{target.pk}", taken_back=back)
    entry = one.case.note(
        EventName.DECISION_RECORDED, data, content={"rationale": vote.rationale, "identity": str(by.user)}
    )
    return vote_row(one.case, one.row, vote, by, made, entry.id, target=target)
