"""The views of the queue that one person can go to: their own, their team's, and those that come with the desk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlencode
from uuid import UUID

from django.contrib.auth.models import Group
from django.db.models import Q, QuerySet
from django.urls import reverse

from audit.ids import as_uuid
from reviews.errors import NotPermitted
from reviews.models import DefaultView, SavedView, User

Kind = Literal["all", "own", "team", "builtin", "waiting"]
DIGITS = "123456789"


@dataclass(frozen=True, slots=True)
class Tab:
    """One view with its address. `digit`: what goes to it after `g`. `key`: what a URL or a form calls it."""

    key: str
    name: str
    query: str = ""
    order: str = "prio"
    kind: Kind = "builtin"
    team: str = ""
    owner: str = ""
    digit: str = ""
    note: str = ""  # why there is nothing to go to yet

    @property
    def url(self) -> str:
        order = "" if self.order == "prio" else self.order
        given = {"q": self.query, "sort": order, "view": self.key}
        kept = {name: value for name, value in given.items() if value}
        return f"{reverse('queue')}?{urlencode(kept, safe=':,@.')}"


EVERYTHING = Tab("all", "Waiting", kind="all")
BUILTIN = (
    Tab("mine", "Mine", "assignee:@me"),
    Tab("unclaimed", "Unclaimed", "claimed:none"),
    Tab("high", "High risk", "risk:high,critical"),
    Tab("near", "Near SLA", "due:<1h"),
    Tab("clarifying", "Clarifying", "is:clarifying"),
    Tab("escalated", "Escalated to me", "escalated:@me"),
    Tab("decided", "Decided by me", "by:@me"),
    Tab("doubt", "In doubt", "is:in_doubt"),
)
# Verdicts are drawn for a second look once policy decides by itself; then there is something to list.
SAMPLES = Tab("qa", "QA", kind="waiting", note="nothing is sampled yet: it comes with automated decisions")
_BY_KEY = {tab.key: tab for tab in (EVERYTHING, *BUILTIN)}


def visible_to(user: User) -> QuerySet[SavedView]:
    """Their own views and those shared with a team of theirs, deleted ones left out."""
    teams = user.groups.values("id")
    found = SavedView.objects.filter(Q(owner=user) | Q(team__in=teams), deleted_at=None)
    return found.select_related("team", "owner").order_by("position", "name", "id")


def views_of(user: User) -> list[Tab]:
    """Every tab in the order shown: the whole queue, own views, the team's, then those that come with the desk."""
    saved = [_tab(view, user) for view in visible_to(user)]
    own = [tab for tab in saved if tab.kind == "own"]
    shared = [tab for tab in saved if tab.kind == "team"]
    return [EVERYTHING, *_numbered([*own, *shared, *BUILTIN]), *([SAMPLES] if is_lead(user) else [])]


def is_lead(user: User) -> bool:
    return user.has_perm("reviews.share_savedview")


def _numbered(tabs: Iterable[Tab]) -> list[Tab]:
    return [replace(tab, digit=DIGITS[n] if n < len(DIGITS) else "") for n, tab in enumerate(tabs)]


def _tab(view: SavedView, user: User) -> Tab:
    return Tab(
        key=str(view.id),
        name=view.name,
        query=view.query,
        order=view.order,
        kind="own" if view.owner_id == user.pk else "team",
        team=str(view.team) if view.team else "",
        owner="" if view.owner_id == user.pk else view.owner.username,
    )


def find(key: str, user: User) -> Tab | None:
    """The view that a URL names, or None: a view of somebody else is not there."""
    if key in _BY_KEY:
        return _BY_KEY[key]
    row = visible_to(user).filter(id=key).first() if _is_id(key) else None
    return _tab(row, user) if row else None


def _is_id(key: str) -> bool:
    found = as_uuid(key)
    return found is not None and str(found) == key


def default_of(user: User) -> Tab | None:
    """What /queue/ shows them; None: everything that waits."""
    chosen = DefaultView.objects.filter(user=user).first()
    return find(chosen.builtin or str(chosen.view_id), user) if chosen else None


def recently_deleted(user: User) -> list[SavedView]:
    """What they can still take back, newest first."""
    return list(SavedView.objects.filter(owner=user).exclude(deleted_at=None).order_by("-deleted_at")[:20])


def own_view(key: UUID, user: User) -> SavedView | None:
    """A view that they may change; anybody else's is not there."""
    return SavedView.objects.filter(id=key, owner=user, deleted_at=None).select_related("team").first()


def teams_to_share_with(user: User) -> list[Group]:
    """The teams that look at a queue of theirs, for those who may share."""
    if not is_lead(user):
        return []
    queues = user.groups.values("reach__queue")
    return list(Group.objects.filter(reach__queue__in=queues).distinct().order_by("name"))


def team_to_share_with(key: str, user: User) -> Group | None:
    """The team that a form names; none where it names none. NotPermitted for any that is not this person's to name."""
    if not key:
        return None
    found = [team for team in teams_to_share_with(user) if str(team.pk) == key]
    if not found:
        raise NotPermitted("a lead may share a view, with a team that looks at a queue of theirs")
    return found[0]
