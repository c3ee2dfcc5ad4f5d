"""What a batch is judged by: every selected item with its action's row locked, read in as many statements for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import connection

from audit import seal
from audit.services import Entry
from reviews.ids import new_id
from reviews.models import Action, ActionType, DeskItem
from reviews.policy import Parties
from reviews.schemas import ItemResult
from reviews.services.base import By, Case, Clock, actor, case_of, reached
from reviews.services.routing import Read, read_body


@dataclass(slots=True, kw_only=True)
class Judged:
    """One selected item under its lock, with all that judging it needs."""

    item: DeskItem
    case: Case
    read: Read
    parties: Parties
    evidence: int
    message: int
    round: int
    rationale: str = ""
    result: ItemResult | None = None
    decision: UUID = field(default_factory=new_id)
    entry: Entry | None = None


def lock_all(ids: Sequence[UUID], by: By, batch: UUID) -> dict[UUID, Judged]:
    """Lock the actions in the order of their keys, read everything about them at once; in the order selected."""
    queues = reached(by.user).values("queue")
    wanted = DeskItem.objects.filter(id__in=ids, queue__in=queues)
    actions = list(
        Action.objects.select_for_update(of=("self",), no_key=True)
        .annotate(clock=Clock())
        .filter(id__in=wanted.values("action"))
        .order_by("id")
    )
    _with_types(actions)
    who = actor(by)
    cases = {a.id: case_of(a, by=who, request=by.request, batch=batch) for a in actions}
    rows = DeskItem.objects.filter(action__in=list(cases)).select_related("claimed_by").in_bulk(ids)
    about = _about([a.id for a in actions], by)
    return {id: _judged(row, cases[row.action_id], about[row.action_id], by) for id in ids if (row := rows.get(id))}


def _with_types(actions: Sequence[Action]) -> None:
    """One row of each type for all of them: its schema is read once, not for every action."""
    kinds = ActionType.objects.in_bulk({action.type_id for action in actions})
    for action in actions:
        action.type = kinds[action.type_id]


_ABOUT = """
SELECT a.id, r.author_id, r.self_edit, ARRAY[b.salt, b.body, r.digest], b.scheme,
       coalesce((SELECT max(number) FROM reviews_evidence e WHERE e.action_id = a.id), 0),
       coalesce((SELECT max(number) FROM reviews_message m WHERE m.action_id = a.id), 0),
       ARRAY(SELECT d.reviewer_id FROM reviews_decision d
             WHERE d.action_id = a.id AND d.verdict = 'escalate'),
       (SELECT count(*) FROM reviews_retraction x JOIN reviews_decision d ON d.id = x.decision_id
        WHERE d.action_id = a.id AND d.reviewer_id = %s)
FROM reviews_action a
JOIN reviews_revision r ON r.action_id = a.id AND r.number = a.revision
LEFT JOIN reviews_revisionbody b ON b.revision_id = r.id
WHERE a.id = ANY(%s)
"""


def _about(actions: Sequence[UUID], by: By) -> dict[UUID, tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(_ABOUT, [by.user.pk, list(actions)])
        return {row[0]: row for row in cursor.fetchall()}


def _judged(row: DeskItem, case: Case, about: tuple[Any, ...], by: By) -> Judged:
    action = case.action
    _, author, self_edit, lies, scheme, evidence, message, escalators, taken_back = about
    reversal = action.reverses_id is not None and action.needed == 1
    parties = Parties(
        proposer=None if reversal else action.requested_by_id,
        owner=action.owner_id,
        author=author if action.revision > 1 else None,
        escalators=frozenset(escalators),
        needed=action.needed,
        self_edit=self_edit,
    )
    return Judged(
        item=row,
        case=case,
        read=read_body(action, action.type, None if scheme is None else seal.plain(lies[0], scheme, lies[1], lies[2])),
        parties=parties,
        evidence=evidence,
        message=message,
        round=taken_back,
    )
