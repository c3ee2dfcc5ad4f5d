"""Reading is recorded where the decision itself does not tell it: sealed texts, decided cases, leads and auditors."""

from __future__ import annotations

from django.core.cache import caches
from django.db import transaction

from audit import events, seal
from audit.events import EventName
from audit.services import fresh, prepare, record
from reviews.ids import new_id
from reviews.models import Action, User
from reviews.services.base import By, actor
from reviews.states import Status

ONCE_IN = 15 * 60  # seconds in which the same session's second look at a case is the same reading
WAITING = (Status.PROPOSED, Status.PENDING)


def say_opened(*, action: Action, by: By) -> bool:
    """Record that this person's page shows the texts of an action, where that has to be told. Whether it was."""
    purpose = _purpose(action, by.user)
    return bool(purpose) and say_case_opened(case=action.case, purpose=purpose, by=by)


def say_case_opened(*, case: str, purpose: str, by: By) -> bool:
    """The same for any case, once for a session and a while. Whether it was recorded."""
    if not caches["memory"].add(f"opened-{by.session}-{by.user.pk}-{case}", 1, ONCE_IN):
        return False
    with transaction.atomic():
        entry = prepare(
            name=EventName.CONTENT_OPENED,
            data=events.ContentOpened(case=case, purpose=purpose),
            chain=fresh(f"reading:{new_id()}"),
            actor=actor(by, "reader"),
            request=by.request,
        )
        record([entry])
    return True


def _purpose(action: Action, user: User) -> str:
    """What a waiting item's reviewer saw stands in the decision; everything else is told here."""
    if action.state not in WAITING:
        return "decided"
    if user.has_perm("audit.open_content") or user.has_perm("reviews.add_stop"):
        return "oversight"
    return "sealed" if seal.is_on() else ""
