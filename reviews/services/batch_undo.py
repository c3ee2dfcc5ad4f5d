"""Taking a whole batch back: set-wise, as it was decided."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from django.db import connection, transaction

from audit import events
from audit.events import EventName
from audit.services import record
from reviews.errors import Released, desk_errors
from reviews.ids import new_id
from reviews.models import Action, Decision, DeskItem
from reviews.schemas import ItemResult
from reviews.services.base import By, Case, Clock, actor, after_commit, case_of
from reviews.states import Status


def retract_batch(*, batch: UUID, by: By) -> list[ItemResult]:
    """Take a whole batch back, as far as it is not released yet; per item what became of it.

    Windows may end while it is being written. What was about to be over is then left out, and the rest is tried
    again: nobody loses what can still be undone to what cannot.
    """
    with desk_errors(), transaction.atomic():
        votes = list(Decision.objects.filter(batch=batch, reviewer=by.user).order_by("action_id"))
        rows = DeskItem.objects.in_bulk([v.item_id for v in votes])
        taken = _taken_back(votes, by)
        back = [one for one in taken.values() if not one.late]
        after_commit([one.case.action.id for one in back], {rows[v.item_id].queue_id for v in votes})
        record([one.case.entries[-1] for one in back])
    return [_result(rows[v.item_id], taken[v.action_id]) for v in votes]


class Taken(NamedTuple):
    """The locked case and the vote on it; `late`: in words why that cannot be taken back, or nothing."""

    case: Case
    vote: Decision
    late: str


# Seconds of its window that an item must have left, at each try: more each time, so that it comes to an end.
LEFT = (0.0, 0.1, 0.5, 2.0)


def _taken_back(votes: Sequence[Decision], by: By) -> dict[UUID, Taken]:
    """The locked votes, those in time written back."""
    for left in LEFT:
        taken = _locked_votes(votes, by, timedelta(seconds=left))
        with suppress(Released), desk_errors(), transaction.atomic():
            _write_back([one for one in taken.values() if not one.late], by)
            return taken
    raise Released("released: the time to take it back is over")


def _locked_votes(votes: Sequence[Decision], by: By, left: timedelta) -> dict[UUID, Taken]:
    actions = (
        Action.objects.select_for_update(of=("self",), no_key=True)
        .annotate(clock=Clock())
        .filter(id__in=[v.action_id for v in votes])
        .order_by("id")
    )
    cases = {a.id: case_of(a, by=actor(by), request=by.request) for a in actions}
    gone = set(
        Decision.objects.filter(id__in=[v.id for v in votes], retraction__isnull=False).values_list("id", flat=True)
    )
    return {v.action_id: Taken(c := cases[v.action_id], v, _late(c, v, left, taken=v.id in gone)) for v in votes}


def _late(case: Case, vote: Decision, left: timedelta, *, taken: bool) -> str:
    """Why this vote stays as it is, or an empty string."""
    action = case.action
    if taken:
        return "taken back before"
    if vote.revision != action.revision or action.state not in (Status.APPROVED, Status.REJECTED):
        return f"released: it is {action.state} now"
    if action.release_at is None or action.release_at <= case.now + left or action.fence:
        return f"released: the time to take it back is over, it is {action.state}"
    return ""


def _result(row: DeskItem, one: Taken) -> ItemResult:
    return ItemResult(row.id, row.ref, "conflict" if one.late else "applied", one.late)


def _write_back(back: Sequence[Taken], by: By) -> None:
    if not back:
        return
    entries = [
        case.note(
            EventName.DECISION_RETRACTED,
            events.DecisionRetracted(
                decision=str(vote.id), verdict=vote.verdict, revision=vote.revision, round=vote.round
            ),
            to=Status.PENDING,
        )
        for case, vote, _ in back
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO reviews_retraction (id, decision_id, by_id, event_id, created_at)"
            " SELECT i, d, %s, e, clock_timestamp()"
            " FROM unnest(%s::uuid[], %s::uuid[], %s::uuid[]) AS x (i, d, e)",
            [by.user.pk, [new_id() for _ in back], [v.id for _, v, _ in back], [e.id for e in entries]],
        )
        cursor.execute(
            "UPDATE reviews_action a SET state = 'pending', release_at = NULL, valid_until = NULL,"
            " case_seq = x.s, case_head = x.h"
            " FROM unnest(%s::uuid[], %s::bigint[], %s::bytea[]) AS x (id, s, h)"
            " WHERE a.id = x.id AND a.case_seq = x.s - 1",
            [[c.action.id for c, _, _ in back], [e.seq for e in entries], [e.hash for e in entries]],
        )
        cursor.execute(
            "UPDATE reviews_item_desk SET closed_at = NULL, version = version + 1 WHERE id = ANY(%s)",
            [[v.item_id for _, v, _ in back]],
        )
