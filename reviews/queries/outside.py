"""Outside identities: by which providers people may come in, and what is tied to an account."""

from __future__ import annotations

from typing import NamedTuple

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.urls import reverse

from reviews.models import User


class Link(NamedTuple):
    name: str
    url: str
    callback: str


def provider_links() -> list[Link]:
    """Where each provider that is set up begins, and where it sends people back to."""
    apps = settings.SOCIALACCOUNT_PROVIDERS.get("openid_connect", {}).get("APPS", [])
    return [_link(app["provider_id"], app["name"]) for app in apps]


def _link(provider: str, name: str) -> Link:
    given = {"provider_id": provider}
    callback = settings.PUBLIC_URL + reverse("openid_connect_callback", kwargs=given)
    return Link(name, reverse("openid_connect_login", kwargs=given), callback)


def tied_to(user: User) -> list[SocialAccount]:
    """The outside identities of a person, oldest first."""
    return list(SocialAccount.objects.filter(user=user).order_by("date_joined"))
