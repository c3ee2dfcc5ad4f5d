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


def of_provider() -> list[URLPattern | URLResolver]:
    """allauth's addresses; where one ties an identity to an account, the way begins on a page of this desk."""
    from allauth.socialaccount.providers.openid_connect.views import login  # noqa: PLC0415  # slow to import, seldom used

    return [
        path("oidc/<str:provider_id>/login/", account.begun_here(login)),
        path("", include("allauth.socialaccount.providers.openid_connect.urls")),
    ]


if apps.is_installed("allauth.socialaccount.providers.openid_connect"):
    urlpatterns += of_provider()
