"""Signing in and out."""

from __future__ import annotations

from typing import Any

from allauth.account.views import LoginView
from allauth.mfa.base.views import AuthenticateView
from django.contrib.auth.views import LogoutView
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from reviews.forms_account import SignInForm
from reviews.services.signing_in import record_refusal
from reviews.views.edge import safe_next


class SignIn(LoginView):  # type: ignore[misc]  # allauth brings no types
    """Name and password; equal answers to a wrong name and a wrong password. A second factor may follow."""

    form_class = SignInForm
    template_name = "account/sign_in.html"

    def form_invalid(self, form: SignInForm) -> HttpResponse:
        _record_refusal(self.request, "password", form)
        answer: HttpResponse = super().form_invalid(form)
        return answer

    def get_context_data(self, **more: Any) -> dict[str, Any]:
        return {**super().get_context_data(**more), "next": safe_next(self.request, "")}


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


sign_in = sensitive_post_parameters("password")(never_cache(SignIn.as_view()))
second_factor = sensitive_post_parameters("code")(never_cache(SecondFactor.as_view()))
sign_out = LogoutView.as_view()
