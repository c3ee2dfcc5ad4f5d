"""Signing in and out."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.views import LoginView
from allauth.core import context
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.models import Authenticator
from allauth.socialaccount.signals import social_account_added
from django.contrib import messages
from django.contrib.auth.views import LogoutView
from django.db.models.signals import post_delete, post_save
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from reviews.forms_account import SignInForm
from reviews.queries.outside import provider_links
from reviews.services.passwords import note_factor
from reviews.services.signing_in import record_refusal
from reviews.views.edge import by_of, safe_next, see_other


class SignIn(LoginView):  # type: ignore[misc]  # allauth brings no types
    """Name and password; equal answers to a wrong name and a wrong password. A second factor may follow."""

    form_class = SignInForm
    template_name = "account/sign_in.html"

    def form_invalid(self, form: SignInForm) -> HttpResponse:
        _record_refusal(self.request, "password", form)
        answer: HttpResponse = super().form_invalid(form)
        return answer

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        return {**super().get_context_data(**more), "next": safe_next(self.request, ""), "outside": provider_links()}


class SecondFactor(AuthenticateView):  # type: ignore[misc]  # allauth brings no types
    """The code or the key of who has given the right password."""

    template_name = "account/second_factor.html"

    def form_invalid(self, form: Any) -> HttpResponse:
        _record_refusal(self.request, "webauthn" if "credential" in self.request.POST else "code", form)
        answer: HttpResponse = super().form_invalid(form)
        return answer


def _record_refusal(request: HttpRequest, method: str, form: Any) -> None:
    told = {error.code or "" for errors in form.errors.as_data().values() for error in errors}
    reason = "incomplete" if told <= {"required"} else "invalid_login"
    if getattr(request, "axes_locked_out", False):
        reason = "locked_out"
    record_refusal(method=method, reason_code=reason, request=getattr(request, "id", ""))


def refuse_outsider(request: HttpRequest, reason_code: str) -> HttpResponse:
    """Told in the record, and to the person without saying why."""
    record_refusal(method="sso", reason_code=reason_code, request=getattr(request, "id", ""))
    return not_tied(request)


def not_tied(request: HttpRequest) -> HttpResponse:
    """The end of every way in from outside that leads to no account."""
    messages.error(
        request, "That identity opens no account here. Sign in with your password once and tie it in the settings."
    )
    return see_other(reverse("settings" if request.user.is_authenticated else "sign_in"))


def begun_here(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Tying an identity is a link, as a provider may not be the target of a form; only this site's own link does it.

    A link on a foreign page could tie whoever the browser is at the provider: browsers tell where it stood.
    """

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.GET.get("process", "login") != "login" and request.headers.get("Sec-Fetch-Site") != "same-origin":
            messages.error(request, "Tie an identity from this page: the link you followed stands elsewhere.")
            return see_other(reverse("settings"))
        return view(request, *args, **kwargs)

    return guarded


def note_factors() -> None:
    """Called once: second factors and outside identities that come and go are told in their owner's chain.

    Within the transaction of the change: the pages of factors are atomic.
    """
    post_save.connect(_factor_came, sender=Authenticator, dispatch_uid="factor came")
    post_delete.connect(_factor_went, sender=Authenticator, dispatch_uid="factor went")
    social_account_added.connect(_tied, dispatch_uid="identity tied")


def _factor_came(instance: Authenticator, created: bool, **others: object) -> None:  # noqa: FBT001  Django's signal
    if created:
        note_factor(user=instance.user, what=f"{instance.type} added", by=by_of(context.request))


def _factor_went(instance: Authenticator, **others: object) -> None:
    note_factor(user=instance.user, what=f"{instance.type} removed", by=by_of(context.request))


def _tied(request: HttpRequest, sociallogin: Any, **others: object) -> None:
    note_factor(user=sociallogin.user, what="sso added", by=by_of(request))


note_factors()
sign_in = sensitive_post_parameters("password")(never_cache(SignIn.as_view()))
second_factor = sensitive_post_parameters("code")(never_cache(SecondFactor.as_view()))
sign_out = LogoutView.as_view()
