"""Words that reviewers hang on cases to find them again."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db import connection

from audit import events
from audit.events import EventName
from reviews.errors import InvalidDecision
from reviews.models import Tag
from reviews.models.words import NAME
from reviews.schemas import ItemResult
from reviews.services.base import By
from reviews.services.bulk import Held, with_all

MOST_TAGS = 20
Hanging = Mapping[str, Tag]


def tag(*, items: Sequence[UUID], add: Sequence[str] = (), remove: Sequence[str] = (), by: By) -> list[ItemResult]:
    """Hang words on items, or take them off. What hangs already, or does not, is left as it is."""
    wanted, unwanted = _named(add), _named(remove)
    if not wanted and not unwanted:
        raise InvalidDecision("name at least one tag")

    def act(held: list[Held]) -> None:
        hanging = _hanging([one.case.action.id for one in held])
        for one in held:
            _note(one, wanted, unwanted, hanging[one.case.action.id])
        changed = [one for one in held if one.case.entries]
        _hang(changed, wanted, hanging, by)
        _take_off(changed, unwanted, hanging, by)

    return with_all(items, by, act)


def _named(words: Sequence[str]) -> set[str]:
    """Tags as they are kept. InvalidDecision for what is none."""
    found = {word.strip().lower().lstrip("#") for word in words if word.strip()}
    for word in found:
        if not re.fullmatch(NAME, word):
            raise InvalidDecision(f"{word[:40]!r} is no tag: use small letters, digits, dot, dash and underscore")
    return found


def _hanging(actions: Sequence[UUID]) -> dict[UUID, dict[str, Tag]]:
    """What hangs on each action now, by name."""
    found: dict[UUID, dict[str, Tag]] = {action: {} for action in actions}
    for row in Tag.objects.filter(action__in=actions, removed_at=None):
        found[row.action_id][row.name] = row
    return found


def _note(one: Held, wanted: set[str], unwanted: set[str], hanging: Hanging) -> None:
    """The event of what changes; none where nothing does."""
    new, gone = wanted - hanging.keys(), unwanted & hanging.keys()
    if len(hanging) + len(new) - len(gone) > MOST_TAGS:
        one.block(f"{MOST_TAGS} tags are the most")
    elif new or gone:
        one.case.note(EventName.ACTION_TAGGED, events.ActionTagged(added=sorted(new), removed=sorted(gone)))


def _hang(held: Sequence[Held], wanted: set[str], hanging: Mapping[UUID, Hanging], by: By) -> None:
    Tag.objects.bulk_create(
        Tag(action=one.case.action, name=word, by=by.user, event_id=one.case.entries[-1].id, created_at=one.case.now)
        for one in held
        for word in sorted(wanted - hanging[one.case.action.id].keys())
    )


def _take_off(held: Sequence[Held], unwanted: set[str], hanging: Mapping[UUID, Hanging], by: By) -> None:
    gone = [
        (row.id, one.case.entries[-1].id)
        for one in held
        for word, row in hanging[one.case.action.id].items()
        if word in unwanted
    ]
    if gone:
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE reviews_tag t SET removed_at = clock_timestamp(), removed_by_id = %s, removed_event = x.e"
                " FROM unnest(%s::uuid[], %s::uuid[]) AS x (id, e) WHERE t.id = x.id",
                [by.user.pk, [tag for tag, _ in gone], [event for _, event in gone]],
            )
