"""Talk around a case, files as evidence, and looking closer. POST calls one service; a file is only ever a download."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from reviews import forms
from reviews.attachments import ENDINGS, TEXT
from reviews.errors import InvalidDecision
from reviews.masking import holds_secret
from reviews.models import Evidence
from reviews.queries.detail import Detail, by_action
from reviews.queries.texts import plain
from reviews.services import (
    attach,
    bind_precedent,
    follow,
    mark_read,
    open_secrets,
    release_precedent,
    say_first,
)
from reviews.services.reading import has_opened
from reviews.views.detail import find
from reviews.views.edge import by_of, desk_page, is_partial, reader_of, see_other, signed_in, with_query
from reviews.views.verb_form import item_of


def _page(found: Detail, **values: Any) -> str:
    return with_query("detail", found.ref, **values) if found.ref else reverse("action", args=[found.action.id])


def _back(request: HttpRequest, found: Detail, words: str = "", anchor: str = "") -> HttpResponse:
    """To the item's page, with a word about what was done."""
    if words:
        messages.success(request, words)
    return see_other(f"{_page(found)}{anchor}")


@require_POST
@desk_page
def attach_view(request: HttpRequest, ref: str) -> HttpResponse:
    found = find(request, ref)
    conflict = request.POST.get("conflict") == "1"
    attach(item=item_of(found), upload=forms.upload(request.FILES), conflict=conflict, by=by_of(request))
    return _back(request, found, "Attached.", "#evidence")


@require_GET
@desk_page
def evidence(request: HttpRequest, action: UUID, number: int) -> HttpResponse:
    """The bytes of one artefact, as a download under a name of ours; a picture may be shown in the page."""
    found = by_action(action, reader_of(request))
    row = Evidence.objects.filter(action=found.action, number=number).select_related("body").first()
    body = plain(row) if row is not None else None
    if row is None or body is None:
        raise Http404
    media = row.media if row.media in ENDINGS else TEXT
    if media == TEXT and holds_secret(body.decode("utf-8", "replace")) and not _opened(request, found):
        raise Http404
    shown = request.GET.get("show") == "1" and media.startswith("image/")
    name = f"{found.ref or 'action'}-evidence-{number}.{ENDINGS[media]}"
    return _download(body, media, name, inline=shown)


def _opened(request: HttpRequest, found: Detail) -> bool:
    """What is masked on the page is not given away beside it."""
    return has_opened(request.GET.get("secrets", ""), signed_in(request), found.action.id)


@require_GET
@desk_page
def saved_bytes(request: HttpRequest, action: UUID) -> HttpResponse:
    """The bytes that are decided on, for somebody to hash."""
    found = by_action(action, reader_of(request))
    body = found.current.body
    if body is None or (found.payload_secret and not _opened(request, found)):
        raise Http404
    return _download(body, TEXT, f"{found.ref or 'action'}-revision-{found.action.revision}.json", inline=False)


def _download(body: bytes, media: str, name: str, *, inline: bool) -> HttpResponse:
    charset = "; charset=utf-8" if media == TEXT else ""
    response = HttpResponse(body, content_type=f"{media}{charset}")
    response["Content-Disposition"] = f'{"inline" if inline else "attachment"}; filename="{name}"'
    response["X-Content-Type-Options"] = "nosniff"
    response["Cross-Origin-Resource-Policy"] = "same-origin"
    return response


@require_POST
@desk_page
def follow_view(request: HttpRequest, action: UUID) -> HttpResponse:
    found = by_action(action, reader_of(request))
    on = request.POST.get("on") != "0"
    follow(action=action, on=on, by=by_of(request))
    return _back(request, found, "You follow this case." if on else "You no longer follow this case.", "#thread")


@require_POST
@desk_page
def read_view(request: HttpRequest, action: UUID) -> HttpResponse:
    """How far somebody has read; the page's script sends it after a second of looking, a button does without one."""
    found = by_action(action, reader_of(request))
    message, evidence = (forms.shown_number(request.POST, name) for name in ("message", "evidence"))
    mark_read(
        action=action,
        message=min(message, found.last_message),
        evidence=min(evidence, found.last_evidence),
        by=by_of(request),
    )
    return HttpResponse(status=204) if is_partial(request) else _back(request, found, anchor="#thread")


@require_POST
@desk_page
def provisional(request: HttpRequest, ref: str) -> HttpResponse:
    found = find(request, ref)
    say_first(item=item_of(found), verdict=request.POST.get("verdict", ""), by=by_of(request))
    return _back(request, found)


@require_POST
@desk_page
def reveal(request: HttpRequest, ref: str) -> HttpResponse:
    found = find(request, ref)
    token = open_secrets(item=item_of(found), by=by_of(request))
    return see_other(_page(found, all="1", secrets=token))


@require_POST
@desk_page
def bind(request: HttpRequest, action: UUID) -> HttpResponse:
    found = by_action(action, reader_of(request))
    days = request.POST.get("days", "")
    if not (days.isascii() and days.isdigit() and len(days) <= 4):
        raise InvalidDecision("say for how many days it binds")
    bind_precedent(action=action, note=forms.note(request.POST, "note"), days=int(days), by=by_of(request))
    return _back(request, found, "This case binds for its type.", "#precedents")


@require_POST
@desk_page
def unbind(request: HttpRequest, action: UUID) -> HttpResponse:
    found = by_action(action, reader_of(request))
    release_precedent(action=action, reason=forms.note(request.POST, "reason"), by=by_of(request))
    return _back(request, found, "This case binds no longer.", "#precedents")
