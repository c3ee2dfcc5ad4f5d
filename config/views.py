"""Is this installation up, and what does it not protect."""

from __future__ import annotations

from django.conf import settings
from django.core.exceptions import (
    BadRequest,
    DisallowedHost,
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from agents.queries import health as work_health
from audit.queries import health
from config.context import notices
from reviews.views.edge import htmx_of, words_of


class WrongKind(BadRequest):
    """What was sent is of a kind that no page takes; its text says why."""


# What Django gives up on before a view sees it: the status, and what the sender is told.
UNREAD: dict[type[Exception], tuple[int, str]] = {
    RequestDataTooBig: (413, f"It is too large: {settings.DATA_UPLOAD_MAX_MEMORY_SIZE // 2**20} MiB at most."),
    TooManyFieldsSent: (413, f"It has too many fields: {settings.DATA_UPLOAD_MAX_NUMBER_FIELDS:,} at most."),
    TooManyFilesSent: (413, f"It brings too many files: {settings.DATA_UPLOAD_MAX_NUMBER_FILES} at most."),
    MultiPartParserError: (400, "The form arrived broken: a part of it is missing or cannot be read."),
    DisallowedHost: (400, "This desk does not answer to the name in the request: see ASSENTRY_ALLOWED_HOSTS."),
}


@never_cache
def unread(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The page of a request that could not be read: what was wrong with it, and that nothing was changed.

    It holds no form: a token would ask for the fields once more.
    """
    status, words = UNREAD.get(type(exception), (400, "It could not be read."))
    if isinstance(exception, WrongKind):
        status, words = 415, str(exception)
    return render(request, "400.html", {"words": words}, status=status)


@never_cache
def stale_form(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A form from before the last sign-in, or from elsewhere: refused, with what was written to copy.

    A script's page is loaded anew, which brings it a token that holds; its drafts outlast that.
    """
    own = request.user.is_authenticated and not reason.startswith(("Origin", "Referer"))  # nobody else's words
    response = render(request, "403_csrf.html", {"kept": words_of(request) if own else ""}, status=403)
    if htmx_of(request):
        response["HX-Refresh"] = "true"
    return response


@require_safe
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when this process can read the database, else 503 with Retry-After; alarms, processes and backlog with it."""
    try:
        log, work = health(), work_health()
    except DatabaseError:
        return JsonResponse({"status": "no database"}, status=503, headers={"Retry-After": "5"})
    copies = [{"place": one.mark, "age_s": one.age_s, "overdue": one.overdue} for one in log.anchors]
    told = {"status": "ok", "role": settings.DATABASE_ROLE, "notices": notices(), "log_alarms": log.alarms, **work}
    return JsonResponse({**told, "log_copies": copies})
