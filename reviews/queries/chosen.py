"""What a selection means: the items within reach behind its references."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from django.db.models import Min
from django.utils import timezone

from reviews.models import Action, DeskItem, User


def ids_of(refs: Iterable[int], queues: Collection[str]) -> dict[int, UUID]:
    """The items within reach, by reference; what is not there or out of reach is left out."""
    found = DeskItem.objects.filter(ref__in=list(refs), queue__in=list(queues))
    return dict(found.values_list("ref", "id"))


def queues_of(items: Iterable[UUID]) -> set[str]:
    return set(DeskItem.objects.filter(id__in=list(items)).values_list("queue", flat=True))


def released_in(items: Iterable[UUID]) -> float | None:
    """Seconds until the first of what was decided on these items takes its course; None: nothing waits any more."""
    decided = DeskItem.objects.filter(id__in=list(items)).values("action_id")
    at = Action.objects.filter(id__in=decided).aggregate(at=Min("release_at"))["at"]
    left = (at - timezone.now()).total_seconds() if at else 0
    return left if left > 0 else None


def person(key: str) -> User | None:
    """Somebody with an open account, by the number that a form sends."""
    known = key.isascii() and key.isdigit() and len(key) < 10
    return User.objects.filter(pk=int(key), is_active=True).first() if known else None
