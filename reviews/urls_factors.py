"""Second factors of one's own: allauth's forms under the desk's addresses and templates, never cached."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as keys
from django.db import transaction
from django.urls import path, reverse_lazy
from django.views.decorators.cache import never_cache
from django.views.generic import RedirectView


def _page(view: Callable[..., Any]) -> Callable[..., Any]:
    """Never cached; and what it changes commits together with the event that tells it."""
    return never_cache(transaction.atomic(view))


_BACK = never_cache(RedirectView.as_view(url=reverse_lazy("settings")))

urlpatterns = [
    path("", _BACK, name="mfa_index"),
    path("keys/", _BACK, name="mfa_list_webauthn"),
    path(
        "app/",
        _page(totp.ActivateTOTPView.as_view(template_name="account/totp_add.html")),
        name="mfa_activate_totp",
    ),
    path(
        "app/remove/",
        _page(totp.DeactivateTOTPView.as_view(template_name="account/totp_remove.html")),
        name="mfa_deactivate_totp",
    ),
    path(
        "keys/add/",
        _page(keys.AddWebAuthnView.as_view(template_name="account/key_add.html")),
        name="mfa_add_webauthn",
    ),
    path(
        "keys/<int:pk>/remove/",
        _page(keys.RemoveWebAuthnView.as_view(template_name="account/key_remove.html")),
        name="mfa_remove_webauthn",
    ),
    path(
        "codes/",
        _page(codes.ViewRecoveryCodesView.as_view(template_name="account/codes.html")),
        name="mfa_view_recovery_codes",
    ),
    path(
        "codes/new/",
        _page(codes.GenerateRecoveryCodesView.as_view(template_name="account/codes_new.html")),
        name="mfa_generate_recovery_codes",
    ),
]
