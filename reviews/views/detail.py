"""One item: as a page, and as the preview beside the list."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_GET

from reviews.forms import shown_or_now
from reviews.policy import minimum_dwell
from reviews.queries.detail import Detail, by_action, by_ref
from reviews.queries.filters import REF
from reviews.queries.history import history, proposer
from reviews.reasons import rationale_required
from reviews.states import Risk, Verdict
from reviews.views import rights
from reviews.views.edge import desk_page, is_partial, reader_of, signed_in, with_query
from reviews.visible import all_texts


def find(request: HttpRequest, ref: str) -> Detail:
    """The action behind `ACT-1004`, or 404: absent and out of reach look alike."""
    match = REF.fullmatch(ref)
    if match is None:
        raise Http404
    return by_ref(int(match.group(1)), reader_of(request))


@require_GET
@desk_page
def detail(request: HttpRequest, ref: str) -> HttpResponse:
    return _shown(request, find(request, ref))


@require_GET
@desk_page
def action(request: HttpRequest, action: UUID) -> HttpResponse:
    """The same by the action's id: what policy let through has no item, and is in nobody's queue."""
    return _shown(request, by_action(action, reader_of(request)))


def _shown(request: HttpRequest, found: Detail) -> HttpResponse:
    template = "reviews/detail.html#article" if is_partial(request) else "reviews/detail.html"
    return render(request, template, context(request, found))


def context(request: HttpRequest, found: Detail) -> dict[str, Any]:
    """What the page and every form on it need."""
    user = signed_in(request)
    query = request.GET.get("q", request.POST.get("q", ""))[:1000]
    hidden = hidden_fields(request, found, query)
    return {
        "found": found,
        "action": found.action,
        "item": found.item,
        "kind": found.kind,
        "q": query,
        "back_url": with_query("queue", q=query),
        "hidden_fields": hidden,
        "carry": urlencode({name: value for name, value in hidden if name in ("opened", "q")}),
        "run_url": _run_url(found),
        "verbs": rights.verbs(found, user) if found.item else [],
        "after": rights.after(found, user),
        "history": history(found),
        "colleagues": found.reader.colleagues(found.item.queue_id) if found.item and found.pending else [],
        "proposer": proposer(found),
        "dwell": dwell(found),
        "one_step": not rationale_required(Verdict.APPROVE, Risk(found.action.risk)) and not found.kind.question,
        "claimed_by_me": _claimer(found) == user.pk,
        "claimed_by": _claim(found, user.pk),
        "full_record": user.has_perm("audit.view_audit"),
    }


def hidden_fields(request: HttpRequest, found: Detail, query: str) -> list[tuple[str, Any]]:
    """What each form sends back, so that the server knows what the page showed, and when it was opened."""
    if found.item is None:
        return [("q", query)]
    token = request.POST.get("opened") or request.GET.get("opened") or ""
    return [
        ("opened", shown_or_now(token, user=signed_in(request), item=found.item.id, at=found.now)),
        ("version", found.item.version),
        ("digest", found.current.digest),
        ("evidence", found.last_evidence),
        ("message", found.last_message),
        ("q", query),
    ]


def _run_url(found: Detail) -> str:
    """The run's page, where the installation has one: the desk knows principals, not runs."""
    try:
        return reverse("agents:run", args=[found.action.run]) if found.action.run else ""
    except NoReverseMatch:
        return ""


def dwell(found: Detail) -> float:
    """Seconds the reader must have had it open, as the service will ask."""
    words = len(all_texts(found.payload or {}).split())
    return minimum_dwell(Risk(found.action.risk), words, settings.TIMINGS)


def _claimer(found: Detail) -> int | None:
    item = found.item
    held = item is not None and item.claimed_until is not None and item.claimed_until > found.now
    return item.claimed_by_id if item is not None and held else None


def _claim(found: Detail, me: int) -> str:
    claimer = _claimer(found)
    return str(found.item.claimed_by) if found.item and claimer not in (None, me) else ""
