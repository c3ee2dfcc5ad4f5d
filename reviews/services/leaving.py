"""Closing an account: nobody signs in with it, nothing waits on it, and what it decided stays in the record."""

from __future__ import annotations

from allauth.mfa.models import Authenticator
from django.db import transaction

from audit.services import now
from reviews import sign_ins
from reviews.errors import InvalidDecision, desk_errors
from reviews.models import Invitation, User
from reviews.services.absences import HandedOver, hand_over, release_claims
from reviews.services.base import By
from reviews.services.passwords import note_account
from reviews.services.proving import demand_proof
from reviews.services.rights import demand_administrator, demand_reason


def close_account(*, user: User, to: User | None, reason: str, by: By) -> HandedOver:
    """Switch an account off, end its sessions and claims, and hand over what is on its desk.

    Votes that closed something stand. A vote on what still waits for another
    stays in the record and counts no more: the gate asks who is entitled then.
    """
    demand_administrator(by)
    demand_proof(by, "closing an account")
    reason = demand_reason(reason)
    if user.pk == by.user.pk:
        raise InvalidDecision("you would lock yourself out; another administrator can do this")
    if not user.is_active:
        raise InvalidDecision("this account is closed already")
    with desk_errors(), transaction.atomic():
        user.is_active = False
        user.save(update_fields=["is_active"])
        end_presence(user)
        note_account(by=by, user=user, before={"is_active": True}, after={"is_active": False}, reason=reason)
    return hand_over(user=user, to=to, by=by)


def reset_factors(*, user: User, reason: str, by: By) -> int:
    """Take a colleague's second factors away, who has lost them; their password alone signs in again. How many."""
    demand_administrator(by)
    demand_proof(by, "resetting second factors")
    reason = demand_reason(reason)
    if user.pk == by.user.pk:
        raise InvalidDecision("your own factors are removed in the settings")
    with desk_errors(), transaction.atomic():
        removed: int = Authenticator.objects.filter(user=user).delete()[0]
        sign_ins.end_sessions(user.pk)
        note_account(by=by, user=user, after={"factors": 0}, before={"factors": removed}, reason=reason)
    return removed


def end_presence(user: User) -> None:
    """Sessions, claims and open invitations of a closed account. Inside the caller's transaction."""
    sign_ins.end_sessions(user.pk)
    release_claims(user)
    Invitation.objects.filter(user=user, used_at=None, revoked_at=None).update(revoked_at=now())
