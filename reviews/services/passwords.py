"""One's own password, and the sessions that end with it."""

from __future__ import annotations

from uuid import UUID

from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from audit import events
from audit.events import EventName
from audit.services import load_chain, prepare, record
from reviews.errors import InvalidDecision, NotFound, desk_errors
from reviews.models import User
from reviews.services.base import By, actor, person_case
from reviews.services.proving import demand_proof


def change_password(*, password: str, by: By) -> None:
    """A new password of one's own. Every other session of this person ends: it is bound to the old one."""
    demand_proof(by, "a new password")
    set_password(user=by.user, password=password, by=by, how="changed")


def set_password(*, user: User, password: str, by: By, how: str) -> None:
    """Judge, hash and keep it, and write that it changed; `how`: changed, reset, accepted."""
    demand_good(password, user)
    with desk_errors(), transaction.atomic():
        user.set_password(password)
        user.save(update_fields=["password"])
        note_account(by=by, user=user, after={"new_password": True, "how": how})


def untie_identity(*, number: str, by: By) -> None:
    """An identity of an outside provider no longer opens one's own account."""
    demand_proof(by, "changing how you sign in")
    with desk_errors(), transaction.atomic():
        found = SocialAccount.objects.filter(user=by.user, pk=int(number) if number.isdecimal() else 0)
        if not found.delete()[0]:
            raise NotFound
        note_account(by=by, user=by.user, after={"untied": "sso"})


def note_factor(*, user: User, what: str, by: By) -> None:
    """Write that a way to prove who one is came or went: `what` names it, e.g. `totp added`."""
    with desk_errors(), transaction.atomic():
        note_account(by=by, user=user, after={"factor": what})


def note_account(
    *,
    by: By,
    user: User,
    after: dict[str, object],
    before: dict[str, object] | None = None,
    reason: str = "",
    identity: bool = False,
) -> UUID:
    """Write in the chain of a person what became of their account. Inside the caller's transaction."""
    texts = {"reason": reason, "identity": identity_of(user) if identity else ""}
    entry = prepare(
        name=EventName.ACCOUNT_CHANGED,
        data=events.Changed(name=user.pseudonym, before=before or {}, after=after),
        chain=load_chain(person_case(user)),
        actor=actor(by, "person" if by.user.pk == user.pk else "lead"),
        content={name: text for name, text in texts.items() if text},
        request=by.request,
    )
    record([entry])
    return entry.id


def identity_of(user: User) -> str:
    """Who the pseudonym is: erasable, unlike the event that commits to it."""
    return "\n".join((user.username, user.get_full_name(), user.email))


def demand_good(password: str, user: User) -> None:
    """InvalidDecision, in Django's words, where the password is too easily guessed."""
    try:
        validate_password(password, user)
    except ValidationError as refusal:
        raise InvalidDecision(" ".join(refusal.messages)) from None
