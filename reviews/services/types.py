"""Action types and principals as people change them: above what the code declares, never below."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import transaction
from jsonschema import Draft202012Validator, SchemaError

from audit import events
from audit.events import EventName
from audit.services import load_chain, prepare, record
from reviews.errors import InvalidDecision, InvalidPayload, desk_errors
from reviews.field_order import order_of
from reviews.models import ActionType, Principal
from reviews.policy import undo_window
from reviews.registry import get
from reviews.services.base import By, actor
from reviews.services.proving import demand_proof
from reviews.services.rights import demand, demand_reason
from reviews.states import Reversibility, Risk
from reviews.subjects import BadSubject, demand_subject

# What a lead may change. The rest is the code's, or derived from the schema.
TYPE_FIELDS = frozenset(
    {
        "label", "risk", "reversibility", "queue", "currency", "self_edit", "reversal_needed",
        "undo_window", "decide_within", "valid_for", "presets", "active", "evidence_first",
        "subject_path", "subject_kind",
    }
)  # fmt: skip
PRINCIPAL_FIELDS = frozenset({"label", "owner", "plan_first", "frame", "active"})
_WORDS = frozenset({"label", "presets"})  # typed by people: committed, not written into the leaf


def change_type(*, action_type: ActionType, fields: Mapping[str, Any], reason: str, by: By) -> ActionType:
    """Change a type's rules. Risk and reversibility only upwards from the code's floor.

    Actions already proposed keep what they were born with. Raises
    InvalidDecision for a field that is not a lead's to change, for a value
    below the floor, and where nothing would change.
    """
    demand(by, "change_actiontype")
    demand_proof(by, "changing an action type")
    reason = demand_reason(reason)
    with desk_errors(), transaction.atomic():
        row = ActionType.objects.select_for_update().get(pk=action_type.pk)
        changed = _changed(row, fields, TYPE_FIELDS)
        before = _values(row, changed)
        for name, value in changed.items():
            setattr(row, name, value)
        _refuse_below_floor(row)
        _refuse_short_undo(row)
        if changed.keys() & {"subject_path", "subject_kind"}:
            _refuse_bad_subject(row)
        _record(
            EventName.ACTION_TYPE_CHANGED, f"type:{row.name}", row.name, before, row, changed,
            reason, by, version=str(row.version),
        )  # fmt: skip
    return row


def create_type(*, fields: Mapping[str, Any], reason: str, by: By) -> ActionType:
    """Make a type that is known only by its JSON Schema: an outside tool, no code of ours.

    `fields`: name, label, template, schema, risk, reversibility, effect_mode,
    queue, and where it has them amount_path, currency_path, currency,
    subject_path, subject_kind. It has no handler here: what is approved
    waits for a worker that pulls it.
    """
    demand(by, "add_actiontype")
    demand_proof(by, "making an action type")
    reason = demand_reason(reason)
    _refuse_bad_schema(fields["schema"])
    with desk_errors(), transaction.atomic():
        chain = load_chain(f"type:{fields['name']}")
        if ActionType.objects.filter(name=fields["name"]).exists():
            raise InvalidDecision(f"there is a type {fields['name']} already")
        row = ActionType(
            **fields,
            field_order=order_of(fields["schema"]),
            version=1,
            source="admin",
            risk_floor=Risk.LOW,
            reversibility_floor=Reversibility.REVERSIBLE,
            has_handler=False,
        )
        _refuse_bad_subject(row)
        entry = prepare(
            name=EventName.ACTION_TYPE_REGISTERED,
            data=events.Registered(name=row.name, version="1", values=_born(row)),
            chain=chain,
            actor=actor(by, "lead"),
            content={"reason": reason},
            request=by.request,
        )
        row.save(force_insert=True)
        record([entry])
    return row


def _born(row: ActionType) -> dict[str, Any]:
    schema = json.dumps(row.schema, sort_keys=True).encode()
    return {
        "source": row.source,
        "risk": str(row.risk),
        "reversibility": str(row.reversibility),
        "effect_mode": str(row.effect_mode),
        "queue": row.queue_id,
        "subject_path": row.subject_path,
        "subject_kind": row.subject_kind,
        "schema_digest": hashlib.sha256(schema).hexdigest(),
    }


def _refuse_bad_schema(schema: Any) -> None:
    """InvalidPayload unless this is a JSON Schema of an object that our encoder can hold."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        raise InvalidPayload(
            "not a schema of an object",
            [{"path": "schema", "message": 'must be an object with "type": "object"'}],
        )
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as exc:
        where = "/".join(map(str, exc.path))
        error = {"path": f"schema/{where}", "message": exc.message}
        raise InvalidPayload("not a JSON Schema", [error]) from exc


def change_principal(*, principal: Principal, fields: Mapping[str, Any], reason: str, by: By) -> Principal:
    """Change who owns an agent, what it may propose, whether it works at all."""
    demand(by, "change_principal")
    demand_proof(by, "changing an agent")
    reason = demand_reason(reason)
    with desk_errors(), transaction.atomic():
        row = Principal.objects.select_for_update().get(pk=principal.pk)
        changed = _changed(row, fields, PRINCIPAL_FIELDS)
        before = _values(row, changed)
        for name, value in changed.items():
            setattr(row, name, value)
        _record(
            EventName.PRINCIPAL_CHANGED, f"principal:{row.pk}", row.name, before, row, changed,
            reason, by, version=row.version,
        )  # fmt: skip
    return row


def _record(
    name: EventName,
    case: str,
    subject: str,
    before: dict[str, Any],
    row: ActionType | Principal,
    changed: Mapping[str, Any],
    reason: str,
    by: By,
    *,
    version: str,
) -> None:
    """Save the changed columns and write the event that tells before and after."""
    entry = prepare(
        name=name,
        data=events.Changed(name=subject, version=version, before=before, after=_values(row, changed)),
        chain=load_chain(case),
        actor=actor(by, "lead"),
        content={"reason": reason},
        request=by.request,
    )
    row.save(update_fields=list(changed))
    record([entry])


def _changed(row: ActionType | Principal, fields: Mapping[str, Any], allowed: frozenset[str]) -> dict[str, Any]:
    strangers = sorted(fields.keys() - allowed)
    if strangers:
        raise InvalidDecision(f"{', '.join(strangers)}: set by the code, not here")
    changed = {name: value for name, value in fields.items() if getattr(row, name) != value}
    if not changed:
        raise InvalidDecision("nothing would change")
    return changed


def _values(row: ActionType | Principal, names: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _plain(name, getattr(row, name)) for name in names}


def _plain(name: str, value: Any) -> Any:
    if name in _WORDS:
        return bool(value)
    if name == "owner":
        return value.pseudonym
    if name == "queue":
        return value.pk
    return value


def _refuse_below_floor(row: ActionType) -> None:
    if Risk(row.risk).rank < Risk(row.risk_floor).rank:
        raise InvalidDecision(f"the code declares {row.risk_floor} risk; it may only be raised")
    if Reversibility(row.reversibility).rank < Reversibility(row.reversibility_floor).rank:
        raise InvalidDecision(f"the code declares it {row.reversibility_floor}; it may only be made stricter")


def _refuse_bad_subject(row: ActionType) -> None:
    known = get(row.name)
    if known is not None and known.subject_path and row.source == "code":
        raise InvalidDecision("the code names whose data this is")
    try:
        demand_subject(row.schema, row.subject_path, row.subject_kind)
    except BadSubject as exc:
        raise InvalidPayload(str(exc), [{"path": "subject_path", "message": str(exc)}]) from exc


def _refuse_short_undo(row: ActionType) -> None:
    least = undo_window(Risk(row.risk), settings.TIMINGS)
    if row.undo_window is not None and row.undo_window < least:
        raise InvalidDecision(f"the undo window is at least {least:g} seconds at this risk")
