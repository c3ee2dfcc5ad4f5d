"""Proving again who one is: a page to come by, and a field that any form may carry."""

from __future__ import annotations

from allauth.account.internal.flows.reauthentication import reauthenticate_by_password
from allauth.mfa.base.forms import ReauthenticateForm
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import ReauthenticateWebAuthnForm
from allauth.mfa.webauthn.internal.auth import begin_authentication
from django.contrib.auth import authenticate
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods

from audit import sessions
from reviews.errors import StepUpNeeded
from reviews.queries.factors import enrolled
from reviews.services import By
from reviews.services.proving import record_failed_step_up, record_step_up
from reviews.views.edge import by_of, desk_page, safe_next, see_other, signed_in

FIELD, KEY_FIELD = "confirm", "confirm_key"


def confirmed(request: HttpRequest) -> By:
    """Who acts; where the form carries a proof of identity, it is judged first. StepUpNeeded if it is wrong.

    A proof that is right stays with the session, even where the verb after it is refused.
    """
    if request.POST.get(FIELD) or request.POST.get(KEY_FIELD):
        prove(request)
    return by_of(request)


def prove(request: HttpRequest) -> None:
    """Judge what was given, record the outcome, and give the session a new key. StepUpNeeded if it is wrong."""
    purpose = (request.resolver_match.url_name if request.resolver_match else "") or ""
    factors = enrolled(signed_in(request))
    method = _by_factor(request) if factors else _by_password(request)
    if not method:
        record_failed_step_up(by=by_of(request), method="factor" if factors else "password", purpose=purpose)
        raise StepUpNeeded("that is not right; nothing was changed, try again")
    sessions.prove(request.session, method)
    request.session.cycle_key()
    record_step_up(by=by_of(request), purpose=purpose)


def _by_password(request: HttpRequest) -> str:
    """By the password, whose failures count towards the lock-out of sign-in."""
    user = signed_in(request)
    found = authenticate(request, username=user.get_username(), password=request.POST.get(FIELD, ""))
    if found is None or found.pk != user.pk:
        return ""
    reauthenticate_by_password(request)
    return "password"


def _by_factor(request: HttpRequest) -> str:
    """By a code or a key, whose failures allauth counts. Whoever has one proves it with no less."""
    user = signed_in(request)
    if credential := request.POST.get(KEY_FIELD):
        form = ReauthenticateWebAuthnForm(data={"credential": credential}, user=user)
        if not form.is_valid():
            return ""
        form.save()
        return str(Authenticator.Type.WEBAUTHN)
    form = ReauthenticateForm(data={"code": request.POST.get(FIELD, "")}, user=user)
    if not form.is_valid():
        return ""
    form.save()
    return str(form.authenticator.type)


@sensitive_post_parameters(FIELD)
@require_http_methods(["GET", "POST"])
@desk_page
def confirm(request: HttpRequest) -> HttpResponse:
    """The page of its own: for links, and for forms that cannot carry the field, which open it in a tab beside them."""
    onward = safe_next(request, "")
    if request.method == "GET":
        return render(request, "account/confirm.html", {"next": onward})
    try:
        prove(request)
    except StepUpNeeded as refusal:
        return render(request, "account/confirm.html", {"next": onward, "refusal": refusal}, status=refusal.status)
    return see_other(onward) if onward else render(request, "account/confirm.html", {"done": True})


@require_GET
@desk_page
def options(request: HttpRequest) -> HttpResponse:
    """What a security key is asked; the challenge waits in the session."""
    return JsonResponse(dict(begin_authentication(signed_in(request))))
