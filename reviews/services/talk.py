"""Following a case, what one has read of it, who is named in a message, and a verdict before the advice.

None of it decides anything. Following and reading are preferences, so the log does not tell them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from uuid import UUID

from django.db import connection, transaction

from reviews.errors import InvalidDecision, NotFound, WrongState, desk_errors
from reviews.models import Action, DeskItem, Follow, Mention, ProvisionalVerdict, User
from reviews.services.base import By, find_item, reached
from reviews.states import Status

PROVISIONAL = ("approve", "reject", "unsure")
MOST_NAMED = 10
_NAME = re.compile(r"(?<![\w@.])@([A-Za-z0-9_][A-Za-z0-9_.+-]{0,149})")
_FOLLOW = """
INSERT INTO reviews_follow (action_id, user_id, active, seen_message, seen_evidence) VALUES (%s, %s, true, 0, 0)
ON CONFLICT (action_id, user_id) DO NOTHING
"""


def follow(*, action: UUID, on: bool, by: By) -> None:
    """Follow a case within reach, or no longer."""
    demand_reach(action, by)
    follow_quietly(action, by.user.pk)
    Follow.objects.filter(action=action, user=by.user).update(active=on)


def follow_quietly(action: UUID, *people: int) -> None:
    """Whoever took part or was named follows from now on, unless they have stopped to."""
    with connection.cursor() as cursor:
        for person in people:
            cursor.execute(_FOLLOW, [action, person])


def mark_read(*, action: UUID, message: int, evidence: int, by: By) -> None:
    """That somebody who follows a case has read it up to these numbers; never backwards."""
    mine = Follow.objects.filter(action=action, user=by.user)
    mine.filter(seen_message__lt=message).update(seen_message=message)
    mine.filter(seen_evidence__lt=evidence).update(seen_evidence=evidence)


def demand_reach(action: UUID, by: By) -> None:
    """NotFound unless one of its visits, or its type, is in a queue that this person sees."""
    queues = list(reached(by.user).values_list("queue", flat=True))
    visited = DeskItem.objects.filter(action=action, queue__in=queues).exists()
    if not visited and not Action.objects.filter(id=action, type__queue__in=queues).exists():
        raise NotFound("there is no such action, or it is out of your reach")


def named_in(text: str, queue: str) -> list[User]:
    """The people named with @ in a text. InvalidDecision for a name that nobody has who sees the queue.

    Somebody who does not see it and somebody who does not exist are answered alike.
    """
    names = list(dict.fromkeys(name.rstrip(".-") for name in _NAME.findall(text)))
    if len(names) > MOST_NAMED:
        raise InvalidDecision(f"{MOST_NAMED} people are the most to name at once")
    seeing = User.objects.filter(is_active=True, groups__reach__queue=queue, username__in=names).distinct()
    known = {user.username: user for user in seeing}
    for name in names:
        if name not in known:
            raise InvalidDecision(f"nobody called @{name} sees this queue; write it without the @ if it is no name")
    return [known[name] for name in names]


def keep_mentions(action: UUID, message: UUID, people: Iterable[User]) -> None:
    """Rows for who was named; they follow from now on."""
    named = list(people)
    Mention.objects.bulk_create(Mention(message_id=message, user=user) for user in named)
    follow_quietly(action, *(user.pk for user in named))


def say_first(*, item: UUID, verdict: str, by: By) -> None:
    """What somebody thinks of the present revision before the advice is shown. No vote; nobody else sees it."""
    if verdict not in PROVISIONAL:
        raise InvalidDecision("say approve, reject or unsure")
    with desk_errors(), transaction.atomic():
        row = find_item(item, by)
        action = Action.objects.get(id=row.action_id)
        if action.state != Status.PENDING:
            raise WrongState(f"it is {action.state} now", state=action.state)
        ProvisionalVerdict.objects.get_or_create(
            action=action, revision=action.revision, user=by.user, defaults={"verdict": verdict}
        )
