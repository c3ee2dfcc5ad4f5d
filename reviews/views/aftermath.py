"""What may still be done once an item is no longer pending; by the action's id, since policy's own have no item."""

from __future__ import annotations

from uuid import UUID

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from reviews import forms
from reviews.errors import InvalidDecision
from reviews.queries.detail import Detail
from reviews.services import propose_again, reverse, settle, withdraw
from reviews.views.edge import by_of, desk_page, signed_in
from reviews.views.verb_form import done, found_at, verb_view


def _settle(request: HttpRequest, found: Detail) -> HttpResponse:
    happened = request.POST.get("happened", "")
    if happened not in ("0", "1"):
        raise InvalidDecision("say whether it happened")
    settle(action=found.action.id, happened=happened == "1", note=forms.note(request.POST, "note"), by=by_of(request))
    words = "It happened: recorded as succeeded." if happened == "1" else "It did not happen: recorded as failed."
    return done(request, found, words, reload=True)


def _withdraw(request: HttpRequest, found: Detail) -> HttpResponse:
    withdraw(action=found.action.id, reason=forms.note(request.POST, "reason"), by=by_of(request))
    return done(request, found, "Withdrawn: it will not be carried out.", gone=True)


def _reverse(request: HttpRequest, found: Detail) -> HttpResponse:
    reason = forms.note(request.POST, "reason")
    if not reason:
        raise InvalidDecision("say why it should be reversed")
    reverse(action=found.action.id, reason=reason, by=by_of(request))
    return done(request, found, "The reversal is proposed; it goes through the desk like anything else.", reload=True)


@require_POST
@desk_page
def again(request: HttpRequest, action: UUID) -> HttpResponse:
    found = found_at(request, action=action)
    if not signed_in(request).is_active:
        raise PermissionDenied
    propose_again(action=action, by=by_of(request))
    return done(request, found, "Proposed again: a new action with the same bytes, linked to this one.", reload=True)


settle_view = verb_view("settle", _settle)
withdraw_view = verb_view("withdraw", _withdraw)
reverse_view = verb_view("reverse", _reverse)
