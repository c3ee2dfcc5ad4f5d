"""Pages of the installation itself: is it up, and what mail did it write."""

from __future__ import annotations

import re
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from config.context import notices

LETTER = re.compile(r"[0-9]{8}-[0-9]{6}-[0-9]+\.log")


@require_GET
@never_cache
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when this process can read the database, else 503; says what the installation does not protect."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return JsonResponse({"status": "no database", "retry_after": 5}, status=503, headers={"Retry-After": "5"})
    return JsonResponse({"status": "ok", "role": settings.DATABASE_ROLE, "notices": notices()})


@require_GET
@login_required
@never_cache
def outbox(request: HttpRequest) -> HttpResponse:
    """The mail that would have been sent, newest first: only where mail goes to files, only for staff."""
    folder = _outbox(request)
    names = sorted((p.name for p in folder.glob("*.log") if LETTER.fullmatch(p.name)), reverse=True)[:200]
    letters = [{"name": name, **_head(folder / name)} for name in names]
    return render(request, "config/outbox.html", {"letters": letters})


@require_GET
@login_required
@never_cache
def letter(request: HttpRequest, name: str) -> HttpResponse:
    """One letter as plain text."""
    folder = _outbox(request)
    if not LETTER.fullmatch(name) or not (folder / name).is_file():
        raise Http404
    return HttpResponse((folder / name).read_bytes(), content_type="text/plain; charset=utf-8")


def _outbox(request: HttpRequest) -> Path:
    if not request.user.is_staff:
        raise PermissionDenied
    if "filebased" not in settings.EMAIL_BACKEND:
        raise Http404
    return Path(settings.OUTBOX_DIR)


def _head(path: Path) -> dict[str, str]:
    message = message_from_bytes(path.read_bytes(), _class=EmailMessage, policy=policy.default)
    return {key.lower(): str(message.get(key, "")) for key in ("Date", "From", "To", "Subject")}
