"""Finding one's way: a page of links that is also the palette's source, and the short help of every page."""

from __future__ import annotations

from typing import NamedTuple

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET

from reviews import help as texts
from reviews.models import User
from reviews.navigation import entries
from reviews.queries.filters import REF
from reviews.queries.saved_views import views_of
from reviews.views.edge import desk_page, is_partial, signed_in

# What is one's own, and what it is looked for by besides its name.
OWN = (
    ("Saved views", "views", "arrange default share"),
    ("Settings", "settings", "theme dark light density motion preview zone dates keys digits sounds notes password"),
)


class Place(NamedTuple):
    """Where one can go; `kind` is said beside it in the palette, `key` follows g; `words` find it as well."""

    label: str
    url: str
    kind: str
    key: str = ""
    words: str = ""


@require_GET
@desk_page
def go(request: HttpRequest) -> HttpResponse:
    """Pages and views as links; with `ref` straight to that item."""
    asked = request.GET.get("ref", "").strip()
    if match := REF.fullmatch(asked):
        return redirect("detail", f"ACT-{match.group(1)}")
    if asked:
        messages.error(request, f"{asked[:40]} is no number of an item. Write it as ACT-1004.")
    given = {"groups": _places(signed_in(request)), "asked": asked}
    return render(request, "reviews/go.html#links" if is_partial(request) else "reviews/go.html", given)


def _places(user: User) -> list[tuple[str, list[Place]]]:
    views = [Place(tab.name, tab.url, "view", tab.digit) for tab in views_of(user) if tab.kind != "waiting"]
    pages = [Place(entry.label, entry.url, "page") for entry in entries(user, "")]
    own = [Place(label, reverse(name), "page", words=words) for label, name, words in OWN]
    return [("Views of the queue", views), ("Pages", [*pages, *own])]


@require_GET
@desk_page
def help_page(request: HttpRequest, page: str) -> HttpResponse:
    given = {"about": texts.about(page)}
    return render(request, "reviews/help.html#words" if is_partial(request) else "reviews/help.html", given)
