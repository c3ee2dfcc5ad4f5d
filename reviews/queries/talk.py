"""Who follows a case, what is new in it for them, and what they thought before the advice."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from django.db.models import Exists, OuterRef

from reviews.models import Action, Evidence, Follow, Message, ProvisionalVerdict, Tag, User
from reviews.queries.detail import Detail
from reviews.states import Status


def following(action: Action, user: User) -> Follow | None:
    return Follow.objects.filter(action=action, user=user, active=True).first()


def unread(user: User, actions: Collection[UUID]) -> set[UUID]:
    """Of these actions, those that the person follows and in which something is newer than what they read."""
    messages = Message.objects.filter(action=OuterRef("action"), number__gt=OuterRef("seen_message"))
    brought = Evidence.objects.filter(action=OuterRef("action"), number__gt=OuterRef("seen_evidence"))
    mine = Follow.objects.filter(user=user, active=True, action__in=list(actions))
    others = Exists(messages.exclude(author=user)) | Exists(brought.exclude(author=user))
    return set(mine.filter(others).values_list("action_id", flat=True))


def tags_of(action: Action) -> list[str]:
    return list(Tag.objects.filter(action=action, removed_at=None).order_by("name").values_list("name", flat=True))


def advice_hidden(found: Detail) -> bool:
    """Whether the agent's reasoning and confidence wait until this reader has said what they think.

    An option of the type, and always so where two people decide; never by where an item came from.
    """
    action = found.action
    if action.state != Status.PENDING or not (found.kind.evidence_first or action.needed > 1):
        return False
    said = ProvisionalVerdict.objects.filter(action=action, revision=action.revision, user=found.reader.user)
    return not said.exists()


def said_before(found: Detail) -> str:
    """The reader's own provisional verdict on this revision, or an empty string."""
    mine = ProvisionalVerdict.objects.filter(
        action=found.action, revision=found.action.revision, user=found.reader.user
    )
    return mine.values_list("verdict", flat=True).first() or ""
