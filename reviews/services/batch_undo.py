"""Taking a whole batch back: set-wise, as it was decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import connection, transaction

from audit import events
from audit.events import EventName
from audit.services import record
from reviews.errors import desk_errors
from reviews.ids import new_id
from reviews.models import Action, Decision, DeskItem
from reviews.schemas import ItemResult
from reviews.services.base import By, Case, Clock, actor, after_commit, case_of
from reviews.states import Status


def retract_batch(*, batch: UUID, by: By) -> list[ItemResult]:
    """Take a whole batch back, as far as it is not released yet; per item what became of it."""
    with desk_errors(), transaction.atomic():
        votes = list(Decision.objects.filter(batch=batch, reviewer=by.user).order_by("action_id"))
        rows = DeskItem.objects.in_bulk([v.item_id for v in votes])
        taken = _locked_votes(votes, by)
        results = [_take_back_result(v, rows[v.item_id], taken) for v in votes]
        back = [taken[v.action_id] for v in votes if _is_open(v, taken)]
        _write_back(back, by)
        after_commit([case.action.id for case, _, _ in back], {rows[v.item_id].queue_id for v in votes})
        record([case.entries[-1] for case, _, _ in back])
    return results


Taken = tuple[Case, Decision, bool]  # the locked case, its vote, whether it can be taken back


def _locked_votes(votes: Sequence[Decision], by: By) -> dict[UUID, Taken]:
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
    return {v.action_id: (c := cases[v.action_id], v, _open(c, v, gone)) for v in votes}


def _open(case: Case, vote: Decision, gone: set[UUID]) -> bool:
    action = case.action
    return (
        vote.id not in gone
        and action.state in (Status.APPROVED, Status.REJECTED)
        and vote.revision == action.revision
        and action.release_at is not None
        and action.release_at > case.now
        and not action.fence
    )


def _is_open(vote: Decision, taken: Mapping[UUID, Taken]) -> bool:
    return taken[vote.action_id][2]


def _take_back_result(vote: Decision, row: DeskItem, taken: Mapping[UUID, Taken]) -> ItemResult:
    case, _, open_ = taken[vote.action_id]
    if open_:
        return ItemResult(row.id, row.ref, "applied")
    words = f"released: it is {case.action.state} now"
    return ItemResult(row.id, row.ref, "conflict", words)


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
