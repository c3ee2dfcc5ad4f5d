"""Deciding many at once: a preview with every key fact, then one decision, told item by item."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from reviews import forms
from reviews.errors import DeskError, InvalidDecision
from reviews.policy import batch_dwell
from reviews.queries.canaries import debriefs
from reviews.queries.chosen import ids_of, released_in
from reviews.queries.odd import odd_ones
from reviews.queries.reasons import offered_for
from reviews.queries.rows import rows
from reviews.schemas import ItemResult
from reviews.services import batch_decide, retract_batch, shown_at
from reviews.states import Verdict
from reviews.views.edge import (
    by_of,
    desk_page,
    is_partial,
    reader_of,
    refused,
    safe_next,
    see_other,
    signed_in,
    with_query,
)


def previewed(items: Iterable[str]) -> str:
    """The subject of a preview's stamp: these very rows, so that having looked at some is no look at others."""
    return f"batch:{hashlib.sha256(' '.join(sorted(items)).encode()).hexdigest()}"


def _selection(request: HttpRequest) -> tuple[list[forms.Chosen], dict[int, UUID]]:
    """What was ticked, and the items among it that this reader reaches."""
    chosen = forms.chosen(request.POST)
    return chosen, ids_of((one.ref for one in chosen), reader_of(request).queues)


def _verdict(request: HttpRequest) -> Verdict:
    said = request.POST.get("verdict", "")
    if said not in (Verdict.APPROVE, Verdict.REJECT):
        raise InvalidDecision("choose approve or reject")
    return Verdict(said)


@require_POST
@desk_page
def preview(request: HttpRequest) -> HttpResponse:
    return _preview(request)


def _preview(request: HttpRequest, *, refusal: DeskError | None = None) -> HttpResponse:
    verdict, user = _verdict(request), signed_in(request)
    chosen, ids = _selection(request)
    found = rows([ids[one.ref] for one in chosen if one.ref in ids], reader_of(request).queues)
    items = [f"ACT-{one.ref}:{one.version}:{one.digest.hex()}" for one in chosen if one.ref in ids]
    given = {
        "verdict": verdict.value,
        "rows": found,
        "items": items,
        "odd": odd_ones(found),
        "notes": {f"ACT-{ref}": words for ref, words in forms.row_notes(request.POST).items()},
        "presets": offered_for({row.type for row in found}, verdict.value),
        "opened": forms.shown_or_now(
            request.POST.get("opened", ""), user=user, item=previewed(items), at=timezone.now()
        ),
        "dwell": batch_dwell(len(found), settings.TIMINGS),
        "q": request.POST.get("q", "")[:1000],
        "kept": request.POST,
        "refusal": refusal,
    }
    template = "reviews/batch.html#form" if is_partial(request) else "reviews/batch.html"
    return render(request, template, given, status=refusal.status if refusal else 200)


@require_POST
@desk_page
def decide(request: HttpRequest) -> HttpResponse:
    try:
        return _decided(request)
    except DeskError as refusal:
        if refusal.status in (422, 429) and "item" in request.POST and not is_partial(request):
            return _preview(request, refusal=refusal)
        return refused(request, refusal)


def _decided(request: HttpRequest) -> HttpResponse:
    verdict, user = _verdict(request), signed_in(request)
    chosen, ids = _selection(request)
    result = batch_decide(
        items=[(ids[one.ref], one.version, one.digest) for one in chosen if one.ref in ids],
        decision=forms.decision(request.POST, verdict.value),
        by=by_of(request),
        opened_at=shown_at(request.POST.get("opened", ""), user, previewed(request.POST.getlist("item"))),
        notes={ids[ref]: note for ref, note in forms.row_notes(request.POST).items() if ref in ids},
    )
    absent = [
        ItemResult(UUID(int=0), one.ref, "blocked", "not within your reach") for one in chosen if one.ref not in ids
    ]
    given: dict[str, Any] = {
        "batch": result.batch,
        "results": [*result.results, *absent],
        "applied": result.applied,
        "checks": debriefs(result.checks),
        "bounced": result.bounced,
        "window": released_in(one.item for one in result.results if one.result == "applied"),
        "verdict": verdict.value,
        "said": "approved" if verdict is Verdict.APPROVE else "rejected",
        "back_url": with_query("queue", q=request.POST.get("q", "")[:1000]),
    }
    template = "reviews/batch_result.html#result" if is_partial(request) else "reviews/batch_result.html"
    response = render(request, template, given)
    if is_partial(request):
        response["HX-Retarget"], response["HX-Reswap"] = "#dialog", "innerHTML"
    return response


@require_POST
@desk_page
def undo(request: HttpRequest) -> HttpResponse:
    """Take the whole batch back, as far as it is not released."""
    try:
        batch = UUID(request.POST.get("batch", ""))
    except ValueError:
        raise Http404 from None
    results = retract_batch(batch=batch, by=by_of(request))
    if not results:
        raise Http404
    back = sum(result.result == "applied" for result in results)
    left = len(results) - back
    words = f"{back} of {len(results)} wait again." + (f" {left} were released or had moved on." if left else "")
    if is_partial(request):
        return render(request, "reviews/partials/done.html", {"ref": "", "words": words, "gone": False, "back": True})
    messages.success(request, words)
    return see_other(safe_next(request, with_query("queue", q=request.POST.get("q", "")[:1000])))
