"""Deciding many at once: a preview with every key fact, then one decision, told item by item."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from audit.ids import as_uuid
from reviews import forms
from reviews.errors import DeskError, InvalidDecision
from reviews.policy import batch_dwell
from reviews.queries.canaries import debriefs
from reviews.queries.chosen import ids_of, released_in
from reviews.queries.odd import odd_ones
from reviews.queries.precedents import items_against
from reviews.queries.reasons import offered_for
from reviews.queries.rows import rows
from reviews.schemas import ItemResult
from reviews.services import batch_decide, retract_batch, shown_at, stamp_shown
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

AGAINST = "it goes against its precedents"


def previewed(items: Iterable[str], verdict: str = "approve", against: Iterable[str] = ()) -> str:
    """The subject of a preview's stamp: these very rows, so that having looked at some is no look at others.

    And the rows that the page named as going against their precedents, so that none of them is left unsaid. As JSON,
    so that two rows in one field of a form are not the same as two fields.
    """
    shown = json.dumps([verdict, sorted(items), sorted(against)])
    return f"batch:{hashlib.sha256(shown.encode()).hexdigest()}"


def _looked_at(request: HttpRequest) -> datetime | None:
    """When this person was shown the preview whose form this is; None where it is another's, or was changed."""
    given = request.POST
    subject = previewed(given.getlist("item"), given.get("verdict", ""), given.getlist("against"))
    return shown_at(given.get("opened", ""), signed_in(request), subject)


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
    chosen = _without_left_out(request, chosen)
    queues = reader_of(request).queues
    found = rows([ids[one.ref] for one in chosen if one.ref in ids], queues)
    items = [f"ACT-{one.ref}:{one.version}:{one.digest.hex()}" for one in chosen if one.ref in ids]
    told = items_against([row.id for row in found], verdict.value, list(queues))
    against = {row.ref: told[row.id] for row in found if row.id in told}
    given = {
        "verdict": verdict.value,
        "rows": found,
        "items": items,
        "odd": odd_ones(found),
        "notes": {f"ACT-{ref}": words for ref, words in forms.row_notes(request.POST).items()},
        "presets": offered_for({row.type for row in found}, verdict.value),
        "against": against,
        # Whoever looked at these rows among others has looked at them: the clock runs on.
        "opened": stamp_shown(user, previewed(items, verdict.value, against), _looked_at(request) or timezone.now()),
        "dwell": batch_dwell(len(found), settings.TIMINGS),
        "q": request.POST.get("q", "")[:1000],
        "kept": request.POST,
        "refusal": refusal,
    }
    template = "reviews/batch.html#form" if is_partial(request) else "reviews/batch.html"
    return render(request, template, given, status=refusal.status if refusal else 200)


def _without_left_out(request: HttpRequest, chosen: list[forms.Chosen]) -> list[forms.Chosen]:
    """The selection without the rows that the form named as going against their precedents, where that was asked."""
    if "leave_out" not in request.POST:
        return chosen
    left = set(request.POST.getlist("against"))
    kept = [one for one in chosen if f"ACT-{one.ref}" not in left]
    if not kept:
        raise InvalidDecision("all of them go against their precedents: give a reason, or decide them one by one")
    return kept


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
    verdict = _verdict(request)
    chosen, ids = _selection(request)
    named = set(request.POST.getlist("against"))  # the stamp answers for them
    result = batch_decide(
        items=[(ids[one.ref], one.version, one.digest) for one in chosen if one.ref in ids],
        decision=forms.decision(request.POST, verdict.value),
        by=by_of(request),
        opened_at=_looked_at(request),
        notes={ids[ref]: note for ref, note in forms.row_notes(request.POST).items() if ref in ids},
        against={ids[one.ref]: AGAINST for one in chosen if one.ref in ids and f"ACT-{one.ref}" in named},
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
    """Take the whole batch back, as far as it is not released; what is, is named with its reason."""
    batch = as_uuid(request.POST.get("batch", ""))
    if batch is None:
        raise Http404
    results = retract_batch(batch=batch, by=by_of(request))
    if not results:
        raise Http404
    left = [result for result in results if result.result != "applied"]
    back = len(results) - len(left)
    words = f"{back} of {len(results)} {'waits' if back == 1 else 'wait'} again."
    onward = safe_next(request, with_query("queue", q=request.POST.get("q", "")[:1000]))
    given = {"ref": "", "words": words, "gone": False, "back": True, "left": left, "onward": onward}
    if is_partial(request):
        return render(request, "reviews/partials/done.html", given)
    if left:
        return render(request, "reviews/batch_undone.html", given)
    messages.success(request, words)
    return see_other(onward)
