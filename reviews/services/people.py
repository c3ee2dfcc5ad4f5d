"""Who sees and decides what: queues, reach, authority, groups and accounts, each with its event.

In the record a person is a pseudonym and a group its number; names are for
pages. Only an administrator makes or changes an administrator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.contrib.auth.password_validation import validate_password
from django.db import transaction

from audit import events
from audit.events import EventName
from audit.services import Entry, load_chain, prepare, record
from reviews.errors import InvalidDecision, NotPermitted, desk_errors
from reviews.models import ActionType, Authority, Queue, Reach, User
from reviews.services.base import By, actor
from reviews.services.leaving import end_presence
from reviews.services.passwords import note_account
from reviews.services.proving import demand_proof
from reviews.services.rights import demand, demand_administrator, demand_reason
from reviews.states import Risk


def _role_entry(
    name: EventName, *, subject: str, role: str, reason: str, by: By, words: str = "", **data: Any
) -> Entry:
    """An event about what a group or a person may do; its case is that group or person.

    `words`, a name that somebody typed, is committed like the reason.
    """
    return prepare(
        name=name,
        data=events.RoleChange(subject=subject, role=role, **data),
        chain=load_chain(subject),
        actor=actor(by, "lead"),
        content={"reason": reason} | ({"name": words} if words else {}),
        request=by.request,
    )


def group_case(group: Group) -> str:
    return f"group:{group.pk}"


def save_queue(*, name: str, title: str, help_text: str, reason: str, by: By) -> Queue:
    """Make a queue, or change the words on one. Queues are never deleted: items name them."""
    reason = demand_reason(reason)
    with desk_errors(), transaction.atomic():
        before = Queue.objects.filter(name=name).first()
        demand(by, "change_queue" if before else "add_queue")
        words = {"title": title, "help": help_text} | _words_before(before)
        entry = prepare(
            name=EventName.QUEUE_CHANGED,
            data=events.Changed(name=name, before={"exists": before is not None}, after={"exists": True}),
            chain=load_chain(f"queue:{name}"),
            actor=actor(by, "lead"),
            content={"reason": reason} | {k: v for k, v in words.items() if v},
            request=by.request,
        )
        queue, _ = Queue.objects.update_or_create(name=name, defaults={"title": title, "help": help_text})
        record([entry])
    return queue


def _words_before(queue: Queue | None) -> dict[str, str]:
    return {"title_before": queue.title, "help_before": queue.help} if queue else {}


def grant_reach(*, group: Group, queue: Queue, reason: str, by: By) -> Reach:
    """Let a group see a queue. Granting twice is InvalidDecision."""
    demand(by, "add_reach")
    demand_proof(by, "widening what a group sees")
    reason = demand_reason(reason)
    with desk_errors(), transaction.atomic():
        entry = _role_entry(
            EventName.ROLE_GRANTED,
            subject=group_case(group),
            role="reach",
            scope=queue.name,
            reason=reason,
            by=by,
        )
        row, made = Reach.objects.get_or_create(group=group, queue=queue)
        if not made:
            raise InvalidDecision(f"{group} sees {queue} already")
        record([entry])
    return row


def revoke_reach(*, reach: Reach, reason: str, by: By) -> None:
    """Take a queue out of a group's sight."""
    demand(by, "delete_reach")
    reason = demand_reason(reason)
    with desk_errors(), transaction.atomic():
        entry = _role_entry(
            EventName.ROLE_REVOKED,
            subject=group_case(reach.group),
            role="reach",
            scope=reach.queue_id,
            reason=reason,
            by=by,
        )
        reach.delete()
        record([entry])


def grant_authority(
    *,
    group: Group,
    action_type: ActionType | None,
    max_risk: Risk,
    max_amount: int | None,
    valid_until: datetime | None,
    qualification: str = "",
    reason: str,
    by: By,
) -> Authority:
    """Let a group decide a type (None: every type it sees) up to a risk and an amount.

    Amounts are in minor units of the type's currency, so a maximum needs a
    type. A qualification named here must hold at the vote. Nobody widens the authority of a group of their own.
    """
    demand(by, "add_authority")
    demand_proof(by, "widening what a group decides")
    reason = demand_reason(reason)
    _refuse_own_group(group, by)
    if max_amount is not None and action_type is None:
        raise InvalidDecision("a maximum amount needs an action type, whose currency it is in")
    with desk_errors(), transaction.atomic():
        row = Authority(
            group=group,
            action_type=action_type,
            max_risk=max_risk,
            max_amount=max_amount,
            valid_until=valid_until,
            qualification=" ".join(qualification.split()),
        )
        entry = _role_entry(
            EventName.ROLE_GRANTED,
            subject=group_case(group),
            role="authority",
            scope=row.action_type_id or "*",
            expires=valid_until,
            after=_authority(row),
            reason=reason,
            by=by,
        )
        row.save(force_insert=True)
        record([entry])
    return row


def revoke_authority(*, authority: Authority, reason: str, by: By) -> None:
    """Take authority back. Votes already cast stay; the gate counts them again when it opens."""
    demand(by, "delete_authority")
    reason = demand_reason(reason)
    with desk_errors(), transaction.atomic():
        entry = _role_entry(
            EventName.ROLE_REVOKED,
            subject=group_case(authority.group),
            role="authority",
            scope=authority.action_type_id or "*",
            before=_authority(authority),
            reason=reason,
            by=by,
        )
        authority.delete()
        record([entry])


def _authority(row: Authority) -> dict[str, Any]:
    return {
        "type": row.action_type_id,
        "max_risk": str(row.max_risk),
        "max_amount": row.max_amount,
        "valid_until": row.valid_until.isoformat() if row.valid_until else None,
        "qualification": row.qualification,
    }


def _refuse_own_group(group: Group, by: By) -> None:
    if not by.user.is_superuser and by.user.groups.filter(pk=group.pk).exists():
        raise NotPermitted("you are in this group; somebody else widens its authority")


def save_group(*, group: Group | None, name: str, permissions: Iterable[Permission], reason: str, by: By) -> Group:
    """Make or change a group and the rights of its members. Administrators only."""
    demand_administrator(by)
    demand_proof(by, "changing a group")
    reason = demand_reason(reason)
    wanted = sorted(permissions, key=lambda p: p.codename)
    with desk_errors(), transaction.atomic():
        before = _rights(group) if group else []
        group = group or Group()
        group.name = name
        group.full_clean()
        group.save()
        entry = _role_entry(
            EventName.ROLE_GRANTED,
            subject=group_case(group),
            role="group",
            before={"rights": before},
            after={"rights": [p.codename for p in wanted]},
            words=name,
            reason=reason,
            by=by,
        )
        group.permissions.set(wanted)
        record([entry])
    return group


def _rights(group: Group) -> list[str]:
    return sorted(group.permissions.values_list("codename", flat=True))


_ACCOUNT = ("is_active", "is_staff", "is_superuser")
_PLAIN = ("username", "first_name", "last_name", "email")


def save_user(
    *,
    user: User | None,
    fields: Mapping[str, Any],
    groups: Iterable[Group],
    password: str,
    reason: str,
    by: By,
) -> User:
    """Make or change an account: its names, whether it works, its groups, a new password.

    `fields` may hold username, first_name, last_name, email, is_active,
    is_staff and is_superuser. An empty password leaves it as it is. Accounts
    are switched off, never deleted: decisions name them. Nobody switches off
    or demotes themselves.
    """
    demand_administrator(by)
    demand_proof(by, "changing an account")
    reason = demand_reason(reason)
    with desk_errors(), transaction.atomic():
        before = _account(user) if user else {}
        row = user or User()
        _refuse_self_harm(row, fields, by)
        for name in (*_PLAIN, *_ACCOUNT):
            if name in fields:
                setattr(row, name, fields[name])
        _set_password(row, password)
        row.full_clean(exclude=["password"])
        row.save()
        row.groups.set(groups)
        if before.get("is_active") and not row.is_active:
            end_presence(row)
        changed = _account(row) | {"new_password": bool(password)}
        note_account(by=by, user=row, before=before, after=changed, reason=reason, identity=True)
    return row


def _account(user: User) -> dict[str, Any]:
    groups = sorted(user.groups.values_list("pk", flat=True))
    return {name: getattr(user, name) for name in _ACCOUNT} | {"groups": groups}


def _set_password(user: User, password: str) -> None:
    if password:
        validate_password(password, user)
        user.set_password(password)
    elif user._state.adding:
        user.set_unusable_password()


def _refuse_self_harm(user: User, fields: Mapping[str, Any], by: By) -> None:
    keeps = fields.get("is_active", True) and fields.get("is_superuser", user.is_superuser)
    if user.pk == by.user.pk and not keeps:
        raise InvalidDecision("you would lock yourself out; another administrator can do this")
