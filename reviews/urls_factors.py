"""Second factors of one's own: allauth's forms under the desk's addresses and templates, never cached."""

from __future__ import annotations

from allauth.mfa.recovery_codes import views as codes
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as keys
from django.urls import path, reverse_lazy
from django.views.decorators.cache import never_cache
from django.views.generic import RedirectView

_BACK = never_cache(RedirectView.as_view(url=reverse_lazy("settings")))

urlpatterns = [
    path("", _BACK, name="mfa_index"),
    path("keys/", _BACK, name="mfa_list_webauthn"),
    path(
        "app/",
        never_cache(totp.ActivateTOTPView.as_view(template_name="account/totp_add.html")),
        name="mfa_activate_totp",
    ),
    path(
        "app/remove/",
        never_cache(totp.DeactivateTOTPView.as_view(template_name="account/totp_remove.html")),
        name="mfa_deactivate_totp",
    ),
    path(
        "keys/add/",
        never_cache(keys.AddWebAuthnView.as_view(template_name="account/key_add.html")),
        name="mfa_add_webauthn",
    ),
    path(
        "keys/<int:pk>/remove/",
        never_cache(keys.RemoveWebAuthnView.as_view(template_name="account/key_remove.html")),
        name="mfa_remove_webauthn",
    ),
    path(
        "codes/",
        never_cache(codes.ViewRecoveryCodesView.as_view(template_name="account/codes.html")),
        name="mfa_view_recovery_codes",
    ),
    path(
        "codes/new/",
        never_cache(codes.GenerateRecoveryCodesView.as_view(template_name="account/codes_new.html")),
        name="mfa_generate_recovery_codes",
    ),
]
