"""The shape of a verb: GET shows its form, as a page or in the dialog; POST calls one service and tells the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse as reverse_url
from django.views.decorators.http import require_http_methods

from reviews import forms
from reviews.errors import DeskError
from reviews.queries.canaries import debriefs
from reviews.queries.detail import Detail, by_action
from reviews.queries.payload import Change
from reviews.queries.returned import changed_since
from reviews.states import Risk
from reviews.views.detail import context, find
from reviews.views.edge import (
    desk_page,
    is_partial,
    page_behind,
    reader_of,
    refused,
    safe_next,
    see_other,
    signed_in,
    told_to_wait,
    with_query,
)

Act = Callable[[HttpRequest, Detail], HttpResponse]
More = Callable[[HttpRequest, Detail], dict[str, Any]]
View = Callable[..., HttpResponse]


def verb_view(name: str, act: Act, more: More | None = None) -> View:
    """The page of one verb. `more`: what its form shows beyond what every form does."""

    def view(request: HttpRequest, /, **where: Any) -> HttpResponse:
        found = found_at(request, **where)
        given = more(request, found) if more else {}
        if request.method == "GET":
            return _form(request, found, name, **given)
        return _tried(request, found, name, act, **given)

    return require_http_methods(["GET", "POST"])(desk_page(view))


def found_at(request: HttpRequest, *, ref: str = "", action: UUID | None = None) -> Detail:
    """By the item's reference; or by the action's id, since what policy decided has no item."""
    return find(request, ref) if action is None else by_action(action, reader_of(request))


def _form(request: HttpRequest, found: Detail, name: str, *, status: int = 200, **more: Any) -> HttpResponse:
    """The form of one verb; a refused one keeps what was typed."""
    given = {**context(request, found), "verb": name, "kept": request.POST, **more}
    template = "reviews/verb.html#form" if is_partial(request) else "reviews/verb.html"
    return told_to_wait(render(request, template, given, status=status), more.get("refusal"))


def _tried(request: HttpRequest, found: Detail, name: str, act: Act, **more: Any) -> HttpResponse:
    """The verb; what was lacking (422, 429) is asked for again on the same form."""
    try:
        return act(request, found)
    except DeskError as refusal:
        if refusal.status in (422, 429) and not is_partial(request):
            return _form(request, found, name, status=refusal.status, refusal=refusal, **{**more, "kept": request.POST})
        return refused(request, refusal, found=found, diff=newer(request, found))


def newer(request: HttpRequest, found: Detail) -> list[Change]:
    """What a refused form did not know yet: how the payload differs from what its page showed."""
    return changed_since(found, request.POST.get("digest", ""))


def done(request: HttpRequest, found: Detail, words: str, *, gone: bool = False, **more: Any) -> HttpResponse:
    """Said and done: a toast beside the list, otherwise a message and the next page."""
    if is_partial(request) and not _on_a_page(request):
        given = {"ref": found.ref, "words": words, "gone": gone, **more}
        response = render(request, "reviews/partials/done.html", given)
        response["HX-Retarget"], response["HX-Reswap"] = "#toasts", "afterbegin"
        return response
    tags = f"undo {found.ref} {more['undo']}" if more.get("undo") else ""
    messages.success(request, words, extra_tags=tags)
    onward = _onward(request, found, gone=gone)
    url = safe_next(request, onward) if gone else onward
    return HttpResponse(headers={"HX-Redirect": url}) if is_partial(request) else see_other(url)


def _on_a_page(request: HttpRequest) -> bool:
    """Whether the form was sent from an item's own page, which has to go on to another."""
    return page_behind(request).startswith(("/a/", "/action/"))


def _onward(request: HttpRequest, found: Detail, *, gone: bool) -> str:
    query = request.POST.get("q", "")[:1000]
    if gone or found.item is None:
        return with_query("queue", q=query) if found.item else reverse_url("action", args=[found.action.id])
    return with_query("detail", found.ref, q=query)


def seen_of(request: HttpRequest, found: Detail) -> Any:
    low = found.action.risk == Risk.LOW
    item = item_of(found)
    return forms.seen(request.POST, user=signed_in(request), item=item, low_risk=low)


def item_of(found: Detail) -> UUID:
    if found.item is None:
        raise Http404
    return found.item.id


def debriefed(request: HttpRequest, found: Detail) -> HttpResponse:
    """In place of what was done: it was a check, and what there was to see. There is nothing to take back."""
    (check,) = debriefs([item_of(found)])
    return done(request, found, f"{check.words} {check.note}", gone=True, check=check)
