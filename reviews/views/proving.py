"""Proving again who one is: a page to come by, and a field that any form may carry."""

from __future__ import annotations

from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from audit import sessions
from reviews.errors import StepUpNeeded
from reviews.services import By
from reviews.services.proving import record_failed_step_up, record_step_up
from reviews.views.edge import by_of, desk_page, safe_next, see_other, signed_in

FIELD = "confirm"


def confirmed(request: HttpRequest) -> By:
    """Who acts; where the form carries a proof of identity, it is judged first. StepUpNeeded if it is wrong.

    A proof that is right stays with the session, even where the verb after it is refused.
    """
    if FIELD in request.POST:
        prove(request)
    return by_of(request)


def prove(request: HttpRequest) -> None:
    """Judge what was typed, record the outcome, and give the session a new key. StepUpNeeded if it is wrong."""
    purpose = request.resolver_match.url_name if request.resolver_match else ""
    method = _method_of(request, request.POST.get(FIELD, ""))
    if not method:
        record_failed_step_up(by=by_of(request), method="password", purpose=purpose or "")
        raise StepUpNeeded("that is not right; nothing was changed, try again")
    sessions.prove(request.session, method)
    request.session.cycle_key()
    record_step_up(by=by_of(request), purpose=purpose or "")


def _method_of(request: HttpRequest, typed: str) -> str:
    """How the typed proof proves it, or an empty string. Failures count towards the lock-out of sign-in."""
    user = signed_in(request)
    found = authenticate(request, username=user.get_username(), password=typed)
    return "password" if found is not None and found.pk == user.pk else ""


@sensitive_post_parameters(FIELD)
@require_http_methods(["GET", "POST"])
@desk_page
def confirm(request: HttpRequest) -> HttpResponse:
    """The page of its own: for links, and for forms that cannot carry the field."""
    onward = safe_next(request, "/")
    if request.method == "GET":
        return render(request, "account/confirm.html", {"next": onward})
    try:
        prove(request)
    except StepUpNeeded as refusal:
        return render(request, "account/confirm.html", {"next": onward, "refusal": refusal}, status=refusal.status)
    return see_other(onward)
