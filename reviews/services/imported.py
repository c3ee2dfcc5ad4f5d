"""Action types that come from a transcript: known by their JSON Schema alone, chosen by a person."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from django.db import transaction

from audit import events
from audit.events import EventName
from audit.services import Entry, load_chain, prepare, record
from reviews.errors import InvalidDecision, desk_errors
from reviews.field_order import order_of
from reviews.models import ActionType, Queue, QueueStamp
from reviews.registry import DeskType
from reviews.services.base import By, actor
from reviews.services.rights import demand, demand_reason
from reviews.states import Reversibility, Risk

SOURCE = "transcript"


def import_types(*, types: Sequence[DeskType], reason: str, by: By) -> list[ActionType]:
    """Make these types, or give a new schema version to those that are there; all of them or none.

    What people have set on a type that exists (risk, queue, clocks) stays as it is. InvalidDecision
    where a name belongs to a type that did not come from a transcript.
    """
    demand(by, "change_actiontype")
    reason = demand_reason(reason)
    with desk_errors(), transaction.atomic():
        done = [_import(kind, reason, by) for kind in sorted(types, key=lambda kind: kind.name)]
        if entries := [entry for _, entry in done if entry]:
            record(entries)
    return [row for row, _ in done]


def _import(kind: DeskType, reason: str, by: By) -> tuple[ActionType, Entry | None]:
    chain = load_chain(f"type:{kind.name}")
    row = ActionType.objects.select_for_update(of=("self",)).filter(name=kind.name).first()
    if row is None:
        return _born(kind, chain, reason, by)
    if row.source != SOURCE:
        raise InvalidDecision(f"{kind.name} is the name of a type that is no transcript's")
    if row.schema == kind.schema:
        return row, None
    return _renewed(row, kind, chain, reason, by)


def _born(kind: DeskType, chain: Any, reason: str, by: By) -> tuple[ActionType, Entry]:
    row = ActionType(
        **kind.values() | {"version": 1, "has_handler": True},
        name=kind.name,
        queue=_queue(kind.queue),
        source=SOURCE,
        risk_floor=Risk.LOW,
        reversibility_floor=Reversibility.REVERSIBLE,
    )
    row.save(force_insert=True)
    values = {
        "source": SOURCE,
        "risk": kind.risk.value,
        "reversibility": kind.reversibility.value,
        "effect_mode": kind.effect_mode.value,
        "queue": kind.queue,
        "schema_digest": _digest(row.schema),
    }
    data = events.Registered(name=kind.name, version="1", values=values)
    return row, _entry(EventName.ACTION_TYPE_REGISTERED, data, chain, reason, by)


def _renewed(row: ActionType, kind: DeskType, chain: Any, reason: str, by: By) -> tuple[ActionType, Entry]:
    before = {"version": row.version, "schema_digest": _digest(row.schema)}
    row.schema, row.version = dict(kind.schema), row.version + 1
    row.field_order = order_of(kind.schema)
    row.save(update_fields=["schema", "field_order", "version"])
    after = {"version": row.version, "schema_digest": _digest(row.schema)}
    data = events.Changed(name=row.name, version=str(row.version), before=before, after=after)
    return row, _entry(EventName.ACTION_TYPE_CHANGED, data, chain, reason, by)


def _entry(name: EventName, data: events.EventData, chain: Any, reason: str, by: By) -> Entry:
    content = {"reason": reason}
    return prepare(name=name, data=data, chain=chain, actor=actor(by, "lead"), content=content, request=by.request)


def _queue(name: str) -> Queue:
    queue, _ = Queue.objects.get_or_create(name=name, defaults={"title": name.capitalize()})
    QueueStamp.objects.get_or_create(queue=queue)
    return queue


def _digest(schema: Any) -> str:
    return hashlib.sha256(json.dumps(schema, sort_keys=True).encode()).hexdigest()
