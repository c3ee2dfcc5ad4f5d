"""The pages on which people keep their views of the queue; each form is one verb, answered with 303."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from reviews.errors import DeskError, InvalidView, NotFound, NotPermitted
from reviews.queries.orders import OFFERED, ORDERS
from reviews.queries.saved_views import (
    default_of,
    find,
    own_view,
    recently_deleted,
    team_to_share_with,
    teams_to_share_with,
    views_of,
)
from reviews.services import saved_views
from reviews.views.edge import by_of, desk_page, see_other, signed_in


@require_GET
@desk_page
def views(request: HttpRequest) -> HttpResponse:
    """All of a reader's views: their own to change, the others to choose from."""
    user = signed_in(request)
    tabs = views_of(user)
    default = default_of(user)
    given = {
        "own": [tab for tab in tabs if tab.kind == "own"],
        "others": [tab for tab in tabs if tab.kind in ("all", "team", "builtin")],
        "waiting": [tab for tab in tabs if tab.kind == "waiting"],
        "default": default.key if default else "all",
        "deleted": recently_deleted(user),
        "just_deleted": request.GET.get("deleted", ""),
    }
    return render(request, "reviews/views.html", given)


@require_http_methods(["GET", "POST"])
@desk_page
def new(request: HttpRequest) -> HttpResponse:
    """Keep what the list shows now under a name."""
    if request.method == "GET":
        shown = {"name": "", "q": request.GET.get("q", ""), "sort": request.GET.get("sort", ""), "team": ""}
        return _form(request, shown, reverse("view_new"), "Keep this view")
    try:
        row = saved_views.create_view(**_typed(request), by=by_of(request))
    except (InvalidView, NotPermitted) as refusal:
        return _form(request, request.POST.dict(), reverse("view_new"), "Keep this view", refusal)
    return _to(row.id, request)


@require_http_methods(["GET", "POST"])
@desk_page
def change(request: HttpRequest, view: UUID) -> HttpResponse:
    """Another name, query, order or audience for a view of one's own."""
    row = own_view(view, signed_in(request))
    if row is None:
        raise NotFound("there is no such view")
    address = reverse("view", args=[view])
    if request.method == "GET":
        shown = {"name": row.name, "q": row.query, "sort": row.order, "team": str(row.team_id or "")}
        return _form(request, shown, address, f"Change {row.name}")
    try:
        row = saved_views.change_view(view=view, **_typed(request), by=by_of(request))
    except (InvalidView, NotPermitted) as refusal:
        return _form(request, request.POST.dict(), address, f"Change {row.name}", refusal)
    messages.success(request, f"{row.name} is changed.")
    return see_other(reverse("views"))


@require_POST
@desk_page
def move(request: HttpRequest, view: UUID) -> HttpResponse:
    saved_views.move_view(view=view, up=request.POST.get("to") == "up", by=by_of(request))
    return see_other(f"{reverse('views')}#view-{view}")


@require_POST
@desk_page
def delete(request: HttpRequest, view: UUID) -> HttpResponse:
    """Gone from every list; the page that follows offers to bring it back."""
    saved_views.delete_view(view=view, by=by_of(request))
    return see_other(f"{reverse('views')}?deleted={view}")


@require_POST
@desk_page
def restore(request: HttpRequest, view: UUID) -> HttpResponse:
    row = saved_views.restore_view(view=view, by=by_of(request))
    messages.success(request, f"{row.name} is back.")
    return see_other(reverse("views"))


@require_POST
@desk_page
def default(request: HttpRequest) -> HttpResponse:
    """What /queue/ shows from now on."""
    saved_views.choose_default(key=request.POST.get("view", ""), by=by_of(request))
    return see_other(reverse("views"))


def _typed(request: HttpRequest) -> dict[str, Any]:
    """The form's fields as the verbs take them."""
    given = request.POST
    return {
        "name": given.get("name", ""),
        "query": given.get("q", "").strip(),
        "order": given.get("sort", "") or "prio",
        "team": team_to_share_with(given.get("team", ""), signed_in(request)),
    }


def _form(
    request: HttpRequest, shown: dict[str, Any], address: str, title: str, refusal: DeskError | None = None
) -> HttpResponse:
    """The form as it was filled in, and what is wrong with it."""
    order = shown.get("sort") or "prio"
    names = OFFERED if order in OFFERED or order not in ORDERS else (*OFFERED, order)
    given = {
        "shown": shown,
        "address": address,
        "title": title,
        "orders": [(name, ORDERS[name].words, name == order) for name in names],
        "teams": [(team, str(team.pk) == shown.get("team")) for team in teams_to_share_with(signed_in(request))],
        "refusal": refusal,
        "field": str(refusal.detail.get("field", "")) if refusal else "",
    }
    return render(request, "reviews/view_form.html", given, status=refusal.status if refusal else 200)


def _to(view: UUID, request: HttpRequest) -> HttpResponse:
    tab = find(str(view), signed_in(request))
    return see_other(tab.url if tab else reverse("queue"))
