"""What changed since a page was made: nothing (304, from the stamps alone), or counts and the rows concerned."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render
from django.views.decorators.http import require_GET

from reviews.queries.filters import REF
from reviews.queries.history import latest
from reviews.queries.live import MOST_CHANGED, changed, fresh, moved, stamp
from reviews.views.detail import find
from reviews.views.edge import desk_page, reader_of
from reviews.views.listed import Listing, listing_of
from reviews.views.queue import strip_context
from reviews.views.tabs import tabs_of

MOST_REFS = 500
ROWS = "Desk-Rows"  # too long for an address: reference and mark of each row on the page
PICKED = "Desk-Picked"  # references of what is selected and not on the page


@require_GET
@desk_page
def live(request: HttpRequest) -> HttpResponse:
    """Compared for equality only. The page says which rows it shows, how they look, and when it was made."""
    etag = f'"{stamp(reader_of(request).queues)}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponseNotModified(headers={"ETag": etag})
    found = listing_of(request)
    response = render(request, "reviews/partials/live.html", _news(request, found))
    response["ETag"] = etag
    return response


def _news(request: HttpRequest, found: Listing) -> dict[str, Any]:
    marks = _marks(request.headers.get(ROWS) or request.GET.get("refs", ""))
    elsewhere = _marks(request.headers.get(PICKED, ""))
    states = moved([int(ref.removeprefix("ACT-")) for ref in {**marks, **elsewhere}], found.reader)
    gone = [each for each in states if each.gone(found.wanted.scope)]
    differ = changed([each for each in states if each not in gone], marks, found.reader)
    many = len(differ) + len(gone) > MOST_CHANGED
    return {
        **strip_context(request, found),
        "tabs": tabs_of(found),
        "moved": [] if many else gone,
        "rows": [] if many else differ,
        "many": many,
        "fresh": _fresh(request, found, marks),
        "matches": str(found.found) if found.query and not found.problem else "",
        "unread": found.unread,
        "detail_query": found.detail_query,
    }


@require_GET
@desk_page
def item_news(request: HttpRequest, ref: str) -> HttpResponse:
    """Whether the open page of an item is still true: 304 and 204, or in words what was changed, and by whom."""
    reader = reader_of(request)
    etag = f'"{stamp(reader.queues)}"'
    if request.headers.get("If-None-Match") == etag:
        return HttpResponseNotModified(headers={"ETag": etag})
    found = find(request, ref)
    if request.GET.get("mark") == found.mark:
        return HttpResponse(status=204, headers={"ETag": etag})
    last = latest(found, _since(request.GET.get("since", "")))
    response = render(request, "reviews/partials/item_news.html", {"found": found, "last": last})
    response["ETag"] = etag
    return response


def _fresh(request: HttpRequest, found: Listing, marks: dict[str, str]) -> int:
    """New matches: those that came since, or, where the page does not say since when, those its first rows lack."""
    if found.problem or found.wanted.scope != "waiting":
        return 0
    missing = sum(row.ref not in marks for row in found.rows)
    since = _since(request.GET.get("since", ""))
    if since is None:
        return missing
    shown = [int(ref.removeprefix("ACT-")) for ref in marks]
    return max(missing, fresh(found.wanted, found.cells, since=since, shown=shown))


def _since(text: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(float(text), UTC)
    except (ValueError, OverflowError, OSError):
        return None


def _marks(text: str) -> dict[str, str]:
    """Each row's reference with the mark of how it looked; a row may come without one."""
    parts = [part.strip().partition(".") for part in text.split(",")[:MOST_REFS]]
    return {f"ACT-{match.group(1)}": mark[:8] for ref, _, mark in parts if (match := REF.fullmatch(ref))}
