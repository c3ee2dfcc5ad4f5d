"""Coming in: an administrator's invitation, a forgotten password. The links are signed, short-lived and used once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib.auth.models import Group
from django.core import signing
from django.db import transaction

from audit.services import now
from reviews.errors import InvalidDecision, NotFound, desk_errors
from reviews.ids import new_id
from reviews.models import Invitation, User
from reviews.services.base import By
from reviews.services.passwords import demand_good, note_account
from reviews.services.people import save_user
from reviews.services.proving import demand_proof
from reviews.services.rights import demand_administrator

_SALT = "reviews.invitation"
LASTS = timedelta(days=7)


class Invited(NamedTuple):
    """The account, and the token of the link that opens it: shown to the administrator, and never stored."""

    user: User
    token: str
    expires: Any


def invite(*, fields: Mapping[str, Any], groups: Iterable[Group], reason: str, by: By) -> Invited:
    """Make an account without a password, and the link with which its owner sets one."""
    with desk_errors(), transaction.atomic():
        user = save_user(
            user=None, fields={**fields, "is_active": True}, groups=groups, password="", reason=reason, by=by
        )
        return _open(user, by, reason)


def invite_again(*, user: User, reason: str, by: By) -> Invited:
    """A new link; the one before it stops working. Only for who has not come in yet."""
    demand_administrator(by)
    demand_proof(by, "an invitation")
    if user.has_usable_password() or not user.is_active:
        raise InvalidDecision("this person has come in already, or the account is closed")
    with desk_errors(), transaction.atomic():
        Invitation.objects.filter(user=user, used_at=None, revoked_at=None).update(revoked_at=now())
        return _open(user, by, reason)


def _open(user: User, by: By, reason: str) -> Invited:
    made, at = new_id(), now()
    expires = at + LASTS
    event = note_account(
        by=by, user=user, after={"invited": True, "until": expires.isoformat(timespec="seconds")}, reason=reason
    )
    Invitation.objects.create(id=made, user=user, by=by.user, event_id=event, at=at, expires=expires)
    return Invited(user, signing.dumps(str(made), salt=_SALT), expires)


def find_invitation(token: str) -> Invitation:
    """The invitation behind a link that still opens; NotFound for every other."""
    try:
        number = UUID(signing.loads(token, salt=_SALT, max_age=LASTS + timedelta(hours=1)))
    except (signing.BadSignature, ValueError, TypeError):
        raise NotFound from None
    found = Invitation.objects.select_related("user").filter(
        id=number, used_at=None, revoked_at=None, expires__gt=now(), user__is_active=True
    )
    row = found.first()
    # Who has a password came in by another way: the link would be a second one into an account in use.
    if row is None or row.user.has_usable_password():
        raise NotFound
    return row


def accept(*, token: str, first_name: str, last_name: str, password: str, request: str) -> User:
    """The invited person's own name and password. The link is used up, even if two hands send it at once."""
    invitation = find_invitation(token)
    user = invitation.user
    user.first_name, user.last_name = first_name.strip(), last_name.strip()
    if not user.first_name or not user.last_name:
        raise InvalidDecision("say by which name colleagues know you")
    demand_good(password, user)
    with desk_errors(), transaction.atomic():
        used = Invitation.objects.filter(id=invitation.id, used_at=None).update(used_at=now())
        if not used:
            raise NotFound
        user.set_password(password)
        user.full_clean(exclude=["password"])
        user.save(update_fields=["first_name", "last_name", "password"])
        note_account(by=By(user, "invitation", request=request), user=user, after={"accepted": True}, identity=True)
    return user


def reset_password(*, user: User, password: str, request: str) -> None:
    """A new password for who came by a letter's link; every session of theirs ends with the old one."""
    demand_good(password, user)
    with desk_errors(), transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        by = By(user, "letter", request=request)
        note_account(by=by, user=user, after={"new_password": True, "how": "reset"})
