"""What a selection means: the items within reach behind its references."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from uuid import UUID

from reviews.models import DeskItem, User


def ids_of(refs: Iterable[int], queues: Collection[str]) -> dict[int, UUID]:
    """The items within reach, by reference; what is not there or out of reach is left out."""
    found = DeskItem.objects.filter(ref__in=list(refs), queue__in=list(queues))
    return dict(found.values_list("ref", "id"))


def queues_of(items: Iterable[UUID]) -> set[str]:
    return set(DeskItem.objects.filter(id__in=list(items)).values_list("queue", flat=True))


def person(key: str) -> User | None:
    """Somebody with an open account, by the number that a form sends."""
    known = key.isascii() and key.isdigit() and len(key) < 10
    return User.objects.filter(pk=int(key), is_active=True).first() if known else None
