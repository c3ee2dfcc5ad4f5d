"""News by mail as tests set it off and read it."""

from __future__ import annotations

from django.core import mail

from agents import post
from reviews import services
from reviews.models import Item, Posting
from reviews.services.preferences import save_preferences
from tests import build
from tests.logins import as_role


def deliver() -> int:
    with as_role("router"):
        return post.deliver()


def wants(house: build.House, name: str, **choices: bool) -> None:
    by = house.by(name)
    with as_role("web"):
        save_preferences(values={**by.user.preferences, **choices}, by=by)


def give(house: build.House, item: Item, to: str = "grace", name: str = "ada") -> None:
    with as_role("web"):
        services.assign(item=item.id, assignee=getattr(house, to), by=house.by(name))


def became() -> dict[str, str]:
    """What became of each notice: state, or why not."""
    rows = Posting.objects.select_related("notice__user")
    return {f"{row.notice.user} {row.notice.kind}": row.why or row.state for row in rows}


def addressees() -> list[str]:
    return sorted(letter.to[0].partition("@")[0] for letter in mail.outbox)
