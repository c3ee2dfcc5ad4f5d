"""Receipts to keep: whoever made an event, or may read the record, downloads its signed receipt."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from audit import queries, receipts


@require_safe
@never_cache
@login_required
def receipt(request: HttpRequest, event: UUID) -> HttpResponse:
    """The promise that this event is in the log: one's own events, or any with the right to read the record."""
    found = queries.receipted(event)
    if found is None:
        raise Http404
    mine = found.actor_ref == getattr(request.user, "pseudonym", None)
    if not (mine or request.user.has_perm("audit.view_audit")):
        raise Http404
    text = found.note or receipts.kept([event])[0]
    name = f'attachment; filename="receipt-{event}.txt"'
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers={"Content-Disposition": name})
