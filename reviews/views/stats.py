"""The last seven days per type: real counts, and what they cannot tell yet."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from reviews.queries import stats
from reviews.views.edge import desk_page, reader_of


@require_GET
@desk_page
def insights(request: HttpRequest) -> HttpResponse:
    reader = reader_of(request)
    given = {"week": stats.week(tuple(reader.queues)), "hand_set": stats.hand_set(tuple(reader.types))}
    return render(request, "reviews/insights.html", given)
