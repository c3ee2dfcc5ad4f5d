"""Reading before approving: what is folded must have been opened, and opening a secret is told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit import events
from audit.events import EventName
from audit.services import fresh, prepare, record
from reviews.errors import InvalidDecision
from reviews.ids import new_id
from reviews.masking import folded, marked
from reviews.models import Action, User
from reviews.schemas import Seen
from reviews.services.base import By, actor, find_item
from reviews.services.pacing import shown_at, stamp_shown
from reviews.states import Risk

OPEN_FOR = timedelta(minutes=10)  # how long secrets stay open on one page


def must_be_whole(action: Action, payload: Mapping[str, Any]) -> bool:
    """Whether an approval needs that every part was shown."""
    return Risk(action.risk).rank >= Risk.HIGH.rank and folded(payload, marked(action.type.schema))


def demand_whole(action: Action, payload: Mapping[str, Any], seen: Seen) -> None:
    """InvalidDecision where something of high risk is approved with part of it folded or masked."""
    if must_be_whole(action, payload) and not seen.whole:
        raise InvalidDecision("show all of it first: part of it was folded or masked")


def stamp_whole(user: User, item: UUID, digest: str) -> str:
    """A signed note that every part of these bytes was on this person's page."""
    return stamp_shown(user, f"whole:{item}:{digest}")


def saw_whole(token: str, user: User, item: object, digest: str) -> bool:
    return shown_at(token, user, f"whole:{item}:{digest}") is not None


def open_secrets(*, item: UUID, by: By) -> str:
    """Record that this person opens the masked parts of an item; what shows them for some minutes."""
    row = find_item(item, by)
    with transaction.atomic():
        entry = prepare(
            name=EventName.CONTENT_OPENED,
            data=events.ContentOpened(case=f"action:{row.action_id}", field="payload", purpose="review"),
            chain=fresh(f"reading:{new_id()}"),
            actor=actor(by),
            request=by.request,
        )
        record([entry])
    return stamp_shown(by.user, f"secrets:{row.action_id}")


def has_opened(token: str, user: User, action: UUID) -> bool:
    """Whether this person opened the secrets of this action in the last minutes."""
    at = shown_at(token, user, f"secrets:{action}")
    return at is not None and timezone.now() - at < OPEN_FOR
