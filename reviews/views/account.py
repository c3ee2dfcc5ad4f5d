"""Signing in and out, and a reader's own settings."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.views import LoginView, LogoutView
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from reviews.templatetags.desk import THEMES
from reviews.views.edge import desk_page, safe_next, see_other, signed_in


class SignIn(LoginView):
    """Equal answers to a wrong name and a wrong password; `next` only within this site."""

    redirect_authenticated_user = True


sign_in = sensitive_post_parameters("password")(never_cache(SignIn.as_view()))
sign_out = LogoutView.as_view()


@require_POST
@desk_page
def settings(request: HttpRequest) -> HttpResponse:
    """Theme and single-letter keys; what is not sent is off, since a browser sends no unticked box."""
    user = signed_in(request)
    theme = request.POST.get("theme", "")
    user.theme = theme if theme in THEMES else "system"
    user.character_keys = request.POST.get("character_keys") == "on"
    user.save(update_fields=["theme", "character_keys"])
    messages.success(request, "Saved.")
    return see_other(safe_next(request, "/"))
