"""The main navigation: one table, so that a page is named in one place and hidden in one place."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from django.urls import NoReverseMatch, reverse

from reviews.models import User


class Page(NamedTuple):
    """An entry, the URL names that may serve it, and who is shown it. The page itself decides again."""

    label: str
    names: tuple[str, ...]
    shown: Callable[[User], bool]


class Entry(NamedTuple):
    label: str
    url: str
    here: bool


def _anyone(user: User) -> bool:
    return True


def _staff(user: User) -> bool:
    return user.is_staff


def _lead(user: User) -> bool:
    """Who may make types of action, as the import page does."""
    return user.has_perm("reviews.change_actiontype")


def _audits(user: User) -> bool:
    return user.has_perm("audit.view_audit")


def _stops(user: User) -> bool:
    """Who may stop agents opens and closes incidents."""
    return user.has_perm("reviews.add_stop")


def _manages(user: User) -> bool:
    return user.is_superuser or user.has_perm("reviews.view_qualification")


def _seeds(user: User) -> bool:
    return user.has_perm("reviews.add_canary")


FRONT = 3  # so many are always in sight
AT_ONCE = 5  # where there are no more than these, all are
PAGES = (
    Page("Queue", ("queue",), _anyone),
    Page("Runs", ("agents:runs", "runs"), _anyone),
    Page("Insights", ("stats",), _anyone),
    Page("Integrity", ("audit:integrity", "integrity"), _anyone),
    Page("Import", ("agents:import", "import"), _lead),
    Page("Outbox", ("agents:outbox", "outbox"), _staff),
    Page("Checks", ("checks",), _seeds),
    Page("People", ("people",), _manages),
    Page("Incidents", ("incidents",), _stops),
    Page("Reports", ("audit:reports",), _audits),
    Page("Admin", ("admin:index",), _staff),
)


def entries(user: User, path: str) -> list[Entry]:
    """What to show this person, with the entry that `path` lies under marked."""
    found = [
        (label, url) for label, url in ((page.label, _first(page.names)) for page in PAGES if page.shown(user)) if url
    ]
    here = max((url for _, url in found if path.startswith(url)), key=len, default="")
    return [Entry(label, url, url == here) for label, url in found]


def in_sight(found: list[Entry]) -> tuple[list[Entry], list[Entry]]:
    """What the bar shows, and what it folds away: never the page one is on."""
    if len(found) <= AT_ONCE:
        return found, []
    front = [entry for place, entry in enumerate(found) if place < FRONT or entry.here]
    return front, [entry for entry in found if entry not in front]


def _first(names: tuple[str, ...]) -> str:
    for name in names:
        try:
            return reverse(name)
        except NoReverseMatch:
            continue
    return ""
