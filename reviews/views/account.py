"""Signing in and out, and a reader's own settings."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from reviews.services.signing_in import record_refusal, record_sign_in
from reviews.templatetags.desk import THEMES
from reviews.views.edge import by_of, desk_page, safe_next, see_other, signed_in


class SignIn(LoginView):
    """Equal answers to a wrong name and a wrong password; `next` only within this site."""

    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponse:
        answer = super().form_valid(form)
        record_sign_in(by=by_of(self.request))
        return answer

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        codes = sorted(error.code or "" for error in form.non_field_errors().as_data())
        record_refusal(reason_code=",".join(codes) or "incomplete", request=getattr(self.request, "id", ""))
        return super().form_invalid(form)


sign_in = sensitive_post_parameters("password")(never_cache(SignIn.as_view()))
sign_out = LogoutView.as_view()


@require_POST
@desk_page
def settings(request: HttpRequest) -> HttpResponse:
    """Theme and single-letter keys; what is not sent is off, since a browser sends no unticked box."""
    user = signed_in(request)
    theme = request.POST.get("theme", "")
    user.preferences["theme"] = theme if theme in THEMES else "system"
    user.preferences["character_keys"] = request.POST.get("character_keys") == "on"
    user.save(update_fields=["preferences"])
    messages.success(request, "Saved.")
    return see_other(safe_next(request, "/"))
