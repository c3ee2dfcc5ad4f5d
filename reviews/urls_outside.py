"""The way in by an OpenID Connect provider; where none is set up, only the names that allauth asks for."""

from __future__ import annotations

from django.apps import apps
from django.urls import URLPattern, URLResolver, include, path

from reviews.views import account, proving, settings

urlpatterns: list[URLPattern | URLResolver] = [
    path("outside/", account.not_tied, name="socialaccount_signup"),
    path("outside/error/", account.not_tied, name="socialaccount_login_error"),
    path("outside/cancelled/", account.not_tied, name="socialaccount_login_cancelled"),
    path("confirm/again/", proving.confirm, name="account_reauthenticate"),
    path("outside/remove/", settings.untie, name="outside_remove"),
]
if apps.is_installed("allauth.socialaccount.providers.openid_connect"):
    urlpatterns.append(path("", include("allauth.socialaccount.providers.openid_connect.urls")))
