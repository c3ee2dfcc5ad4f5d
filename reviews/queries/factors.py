"""By what, beyond a password, a person can prove who they are."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from allauth.mfa.models import Authenticator

from reviews.models import User


class Factor(NamedTuple):
    """`kind`: totp, webauthn or recovery_codes."""

    id: int
    kind: str
    name: str
    added: datetime
    used: datetime | None
    left: int = 0  # recovery codes


def factors(user: User) -> list[Factor]:
    """All of them, oldest first."""
    return [_factor(row) for row in Authenticator.objects.filter(user=user).order_by("created_at")]


def enrolled(user: User) -> frozenset[str]:
    """The kinds that a person has; recovery codes come with the first of the others and go with the last."""
    return frozenset(Authenticator.objects.filter(user=user).values_list("type", flat=True))


def _factor(row: Authenticator) -> Factor:
    codes = row.type == Authenticator.Type.RECOVERY_CODES
    left = len(row.wrap().get_unused_codes()) if codes else 0
    return Factor(row.pk, str(row.type), str(row), row.created_at, row.last_used_at, left)
