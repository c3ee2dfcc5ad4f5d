"""What changed since a page was made: nothing (304, from the stamps alone), or counts and the rows concerned."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.views.decorators.http import require_GET

from reviews.models import QueueStamp
from reviews.queries.filters import REF
from reviews.queries.live import moved
from reviews.views.edge import desk_page, reader_of
from reviews.views.listed import listing_of
from reviews.views.queue import strip_context

MOST_REFS = 500


@require_GET
@desk_page
def live(request: HttpRequest) -> HttpResponse:
    """Compared for equality only. `refs`: the rows on the page; `top`: how many new ones it knows of."""
    reader = reader_of(request)
    stamps = QueueStamp.objects.filter(queue__in=list(reader.queues)).order_by("queue")
    etag = '"' + "-".join(f"{queue}.{n}" for queue, n in stamps.values_list("queue", "n")) + '"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponseNotModified(headers={"ETag": etag})
    found = listing_of(request)
    refs = _refs(request.GET.get("refs", ""))
    shown = moved(refs, reader)
    fresh = (
        [row for row in found.rows if row.ref not in {f"ACT-{ref}" for ref in refs}]
        if refs or not found.problem
        else []
    )
    given = {**strip_context(request, found), "moved": shown, "fresh": len(fresh)}
    response = render(request, "reviews/partials/live.html", given)
    response["ETag"] = etag
    return response


def _refs(text: str) -> list[int]:
    matches = [REF.fullmatch(part) for part in text.split(",")[:MOST_REFS]]
    return [int(match.group(1)) for match in matches if match]
