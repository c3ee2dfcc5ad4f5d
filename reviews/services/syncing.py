"""Writing down what the code declares: types, their queues, and who proposes them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from django.db import transaction

from audit import events
from audit.events import EventData, EventName
from audit.services import Actor, Entry, load_chain, prepare, record
from reviews.errors import InvalidDecision, desk_errors
from reviews.models import ActionType, Principal, Queue, QueueStamp, User
from reviews.registry import DeskType
from reviews.services.base import after_commit
from reviews.states import Reversibility, Risk

SOURCE = "code"
# What a lead sets in admin; a sync leaves it alone once the row is there.
_SET_BY_PEOPLE = frozenset(
    {"risk", "reversibility", "self_edit", "reversal_needed", "undo_window", "decide_within",
     "valid_for", "presets", "label", "currency"}
)  # fmt: skip
# Whose data a payload is: the code's word, or where it has none people's.
SUBJECT = ("subject_path", "subject_kind")
# What the log tells of a type; the schema is told by its digest.
_TOLD = ("version", "risk", "reversibility", "effect_mode", "effect_queue", "has_undo", "has_probe", *SUBJECT)


class PrincipalSpec(NamedTuple):
    """An agent in code, or a program: who answers for it is a username."""

    name: str
    version: str = "1"
    label: str = ""
    owner: str = ""
    kind: str = "agent"
    group: str = "main"


class Synced(NamedTuple):
    """Names of what was made or changed, and of principals that wait for somebody to own them."""

    types: list[str]
    principals: list[str]
    ownerless: list[str]


def sync_types(*, types: Sequence[DeskType], principals: Sequence[PrincipalSpec] = (), by_name: str = "") -> Synced:
    """Make the rows say what the code says. Code sets the floors, people may have gone above.

    `by_name` is the username that owns the principals which name no owner; on
    a fresh database there may be nobody yet, and those principals wait.
    InvalidDecision where a schema changed without its version, or the rows
    are newer than the code.
    """
    who = Actor("system", "sync_registry")
    kinds = sorted(types, key=lambda kind: kind.name)
    owned = [p for p in sorted(principals) if _owner(p, by_name) is not None]
    with desk_errors(), transaction.atomic():
        for queue in sorted({kind.queue for kind in kinds}):
            _ensure_queue(queue)
        done = [_sync_type(kind, who) for kind in kinds]
        known = [_sync_principal(spec, by_name, who) for spec in owned]
        entries = [entry for entry in (*done, *known) if entry is not None]
        if entries:
            entries.append(_synced(types, principals, entries, who))
        after_commit([], {kind.queue for kind in types})
        record(entries)
    return Synced(
        [kind.name for kind, entry in zip(kinds, done, strict=True) if entry],
        [spec.name for spec, entry in zip(owned, known, strict=True) if entry],
        [spec.name for spec in sorted(principals) if spec not in owned],
    )


def _owner(spec: PrincipalSpec, by_name: str) -> User | None:
    return User.objects.filter(username=spec.owner or by_name, is_active=True).first()


def _synced(
    types: Sequence[DeskType],
    principals: Sequence[PrincipalSpec],
    entries: Sequence[Entry],
    who: Actor,
) -> Entry:
    digest = hashlib.sha256("\n".join(sorted(k.name for k in types)).encode()).digest()
    data = events.RegistrySynced(
        digest=digest,
        types=len(types),
        principals=len(principals),
        changed=[e.case for e in entries],
    )
    chain = load_chain("registry:code")
    return prepare(name=EventName.REGISTRY_SYNCED, data=data, chain=chain, actor=who)


def _sync_type(kind: DeskType, who: Actor) -> Entry | None:
    chain = load_chain(f"type:{kind.name}")
    row = ActionType.objects.select_for_update(of=("self",)).filter(name=kind.name).first()
    if row is None:
        return _born(kind, chain, who)
    _demand_newer(row, kind)
    changed = _changes(row, kind)
    if not changed:
        return None
    before = _told(row)
    for name, value in changed.items():
        setattr(row, name, value)
    row.save(update_fields=list(changed))
    data = events.Changed(name=row.name, version=str(row.version), before=before, after=_told(row))
    return prepare(name=EventName.ACTION_TYPE_CHANGED, data=data, chain=chain, actor=who)


def _ensure_queue(name: str) -> None:
    Queue.objects.get_or_create(name=name, defaults={"title": name.replace("-", " ").capitalize()})
    QueueStamp.objects.get_or_create(queue_id=name)


def _born(kind: DeskType, chain: Any, who: Actor) -> Entry:
    row = ActionType.objects.create(
        name=kind.name,
        source=SOURCE,
        queue_id=kind.queue,
        risk_floor=kind.risk,
        reversibility_floor=kind.reversibility,
        **kind.values(),
    )
    data: EventData = events.Registered(name=row.name, version=str(row.version), values=_told(row))
    return prepare(name=EventName.ACTION_TYPE_REGISTERED, data=data, chain=chain, actor=who)


def _demand_newer(row: ActionType, kind: DeskType) -> None:
    if row.source != SOURCE:
        raise InvalidDecision(f"{row.name} is the name of a type that came from {row.source}")
    if row.version > kind.version:
        raise InvalidDecision(f"{row.name}: the rows know version {row.version}, this code is older")
    if row.version == kind.version and row.schema != _plain(kind.values()["schema"]):
        raise InvalidDecision(f"{row.name}: its payload changed; give it version {row.version + 1}")


def _changes(row: ActionType, kind: DeskType) -> dict[str, Any]:
    """Columns that differ from the code, with what people set above it left as it is."""
    declared = {k: _plain(v) for k, v in kind.values().items() if k not in _SET_BY_PEOPLE}
    if not kind.subject_path:  # then people may have named one
        declared = {k: v for k, v in declared.items() if k not in SUBJECT}
    declared |= {
        "risk_floor": kind.risk.value,
        "reversibility_floor": kind.reversibility.value,
        "risk": _raised(Risk, row.risk, row.risk_floor, kind.risk),
        "reversibility": _raised(Reversibility, row.reversibility, row.reversibility_floor, kind.reversibility),
    }
    return {k: v for k, v in declared.items() if getattr(row, k) != v}


def _raised(words: Any, now: str, old_floor: str, floor: Any) -> str:
    """Follow the code where nobody went above it, else the stricter of the two."""
    if now == old_floor or words(now).rank < floor.rank:
        return str(floor.value)
    return now


def _plain(value: Any) -> Any:
    """As the column gives it back: JSON values, words instead of enums."""
    return json.loads(json.dumps(value))


def _told(row: ActionType) -> dict[str, Any]:
    schema = hashlib.sha256(json.dumps(row.schema, sort_keys=True).encode()).hexdigest()
    return {name: _plain(getattr(row, name)) for name in _TOLD} | {"schema_sha256": schema}


def _sync_principal(spec: PrincipalSpec, by_name: str, who: Actor) -> Entry | None:
    row = Principal.objects.select_for_update().filter(name=spec.name).first()
    if row is None:
        return _born_principal(spec, by_name, who)
    wanted = {"version": spec.version, "label": spec.label or row.label, "group": spec.group}
    changed = {k: v for k, v in wanted.items() if getattr(row, k) != v}
    if not changed:
        return None
    before = {k: getattr(row, k) for k in changed}
    for name, value in changed.items():
        setattr(row, name, value)
    row.save(update_fields=list(changed))
    data = events.Changed(name=row.name, version=row.version, before=before, after=changed)
    chain = load_chain(f"principal:{row.pk}")
    return prepare(name=EventName.PRINCIPAL_CHANGED, data=data, chain=chain, actor=who)


def _born_principal(spec: PrincipalSpec, by_name: str, who: Actor) -> Entry:
    owner = _owner(spec, by_name)
    if owner is None:
        raise InvalidDecision(f"{spec.name} needs an owner")
    row = Principal.objects.create(
        name=spec.name,
        kind=spec.kind,
        label=spec.label or spec.name,
        version=spec.version,
        group=spec.group,
        owner=owner,
    )
    data = events.Registered(name=row.name, version=row.version, values={"kind": row.kind, "owner": owner.pseudonym})
    chain = load_chain(f"principal:{row.pk}")
    return prepare(name=EventName.PRINCIPAL_REGISTERED, data=data, chain=chain, actor=who)
