"""The outbox: the letters that the demo would have sent, for staff."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from agents import outbox


@login_required
@never_cache
@require_GET
def letters(request: HttpRequest) -> HttpResponse:
    """All letters, newest first."""
    _demand_staff(request)
    return render(request, "agents/outbox.html", {"letters": outbox.letters()})


@login_required
@never_cache
@require_GET
def letter(request: HttpRequest, name: str) -> HttpResponse:
    """One letter: its heads, its text, the names of what is attached."""
    _demand_staff(request)
    found = outbox.letter(name)
    if found is None:
        raise Http404
    return render(request, "agents/letter.html", {"letter": found})


def _demand_staff(request: HttpRequest) -> None:
    if not request.user.is_staff:
        raise PermissionDenied("Leads and administrators read the outbox.")
    if not outbox.in_use():
        raise Http404
