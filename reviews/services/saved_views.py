"""Keeping views of the queue: made, changed, ordered, shared, deleted, brought back.

They tell nothing of what happened and open nothing to anybody, so no event
goes with them; a view that cannot be understood is never kept.
"""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.db.models import Max
from django.db.models.functions import Now

from audit.ids import as_uuid
from reviews.errors import InvalidView, NotFound, NotPermitted
from reviews.models import DefaultView, SavedView, User
from reviews.queries.grammar import BadQuery, parse
from reviews.queries.meaning import resolve
from reviews.queries.orders import ORDERS
from reviews.queries.reach import Reader
from reviews.queries.saved_views import BUILTIN, EVERYTHING, own_view, teams_to_share_with, visible_to
from reviews.services.base import By

MOST_VIEWS = 50
LONGEST_NAME = 60
KEPT_FOR = timedelta(days=30)  # a deleted view can be brought back for so long


def create_view(*, name: str, query: str, order: str = "prio", team: Group | None = None, by: By) -> SavedView:
    """Keep a query under a name; it goes behind the others. InvalidView says what is wrong with it."""
    user = by.user
    name, query = _checked(name, query, order, user)
    _demand_may_share(team, user)
    with transaction.atomic():
        own = SavedView.objects.filter(owner=user, deleted_at=None)
        if own.count() >= MOST_VIEWS:
            raise InvalidView(f"you keep {MOST_VIEWS} views already; delete one first")
        place = (own.aggregate(last=Max("position"))["last"] or 0) + 1
        return _save(SavedView(owner=user, name=name, query=query, order=order, team=team, position=place))


def change_view(*, view: UUID, name: str, query: str, order: str, team: Group | None, by: By) -> SavedView:
    """Give a view of one's own another name, query, order or audience."""
    row = _own(view, by)
    name, query = _checked(name, query, order, by.user)
    if team is not None and team.pk != row.team_id:
        _demand_may_share(team, by.user)
    row.name, row.query, row.order, row.team = name, query, order, team
    with transaction.atomic():
        return _save(row)


def move_view(*, view: UUID, up: bool, by: By) -> None:
    """One place up or down among one's own; at the end it stays where it is."""
    with transaction.atomic():
        views = list(SavedView.objects.select_for_update().filter(owner=by.user, deleted_at=None).order_by(
            "position", "name", "id"))  # fmt: skip
        at = next((n for n, row in enumerate(views) if row.id == view), None)
        if at is None:
            raise NotFound("there is no such view")
        to = min(max(at + (-1 if up else 1), 0), len(views) - 1)
        views.insert(to, views.pop(at))
        for place, row in enumerate(views, start=1):
            row.position = place
        SavedView.objects.bulk_update(views, ["position"])


def delete_view(*, view: UUID, by: By) -> SavedView:
    """Take a view away from everybody who sees it; its owner can bring it back for a while."""
    row = _own(view, by)
    with transaction.atomic():
        _forget_old(by.user)
        SavedView.objects.filter(id=row.id).update(deleted_at=Now())
    return row


def restore_view(*, view: UUID, by: By) -> SavedView:
    """Bring back what was deleted, under its name and in its place. InvalidView when the name is taken by now."""
    row = SavedView.objects.filter(id=view, owner=by.user).exclude(deleted_at=None).first()
    if row is None:
        raise NotFound("there is no such view to bring back")
    row.deleted_at = None
    with transaction.atomic():
        return _save(row)


def choose_default(*, key: str, by: By) -> None:
    """What /queue/ shows this person from now on; the whole queue is the default of the desk."""
    user = by.user
    if key in ("", EVERYTHING.key):
        DefaultView.objects.filter(user=user).delete()
        return
    if key in {tab.key for tab in BUILTIN}:
        _set_default(user, builtin=key, view=None)
        return
    row = visible_to(user).filter(id=_as_id(key)).first()
    if row is None:
        raise NotFound("there is no such view")
    _set_default(user, builtin="", view=row)


def _set_default(user: User, *, builtin: str, view: SavedView | None) -> None:
    DefaultView.objects.update_or_create(user=user, defaults={"builtin": builtin, "view": view})


def _as_id(key: str) -> UUID:
    found = as_uuid(key)
    if found is None:
        raise NotFound("there is no such view")
    return found


def _checked(name: str, query: str, order: str, user: User) -> tuple[str, str]:
    """The name without its margins and the query as the grammar writes it."""
    name = " ".join(name.split())
    if not 1 <= len(name) <= LONGEST_NAME:
        raise InvalidView(f"give it a name of 1 to {LONGEST_NAME} characters", field="name")
    if not name.isprintable():
        raise InvalidView("the name holds characters that cannot be seen", field="name")
    if order not in ORDERS:
        raise InvalidView(f"`{order[:24]}` is no order of the queue", field="sort")
    return name, _understood(query, user)


def _understood(query: str, user: User) -> str:
    reader = Reader(user)
    try:
        read = parse(query)
        resolve(read, reader.known(read))
    except BadQuery as problem:
        raise InvalidView(problem.message, field="q") from None
    return str(read)


def _demand_may_share(team: Group | None, user: User) -> None:
    if team is not None and team not in teams_to_share_with(user):
        raise NotPermitted("a lead may share a view, with a team that looks at a queue of theirs")


def _own(view: UUID, by: By) -> SavedView:
    row = own_view(view, by.user)
    if row is None:
        raise NotFound("there is no such view")
    return row


def _save(row: SavedView) -> SavedView:
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        raise InvalidView(f"you have a view called {row.name} already", field="name") from None
    return row


def _forget_old(user: User) -> None:
    """What was deleted long ago is gone for good, so that nobody's list of it grows for ever."""
    old = SavedView.objects.filter(owner=user, deleted_at__lt=Now() - KEPT_FOR)
    DefaultView.objects.filter(view__in=old).delete()
    old.delete()
