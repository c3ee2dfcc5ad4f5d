"""Is this installation up, and what does it not protect."""

from __future__ import annotations

from django.conf import settings
from django.db import DatabaseError
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from agents.queries import health as work_health
from audit.queries import health
from config.context import notices


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
