"""How django-allauth signs people in here: accounts are invited, axes counts refusals, secrets lie encrypted."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import authenticate
from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from audit.sessions import is_fresh, last_proof
from config.middleware import client_address
from reviews.services.signing_in import record_sign_in
from reviews.sign_ins import forget_expired
from reviews.views.account import refuse_outsider
from reviews.views.edge import by_of
from reviews.views.people import welcome


class Accounts(DefaultAccountAdapter):  # type: ignore[misc]  # allauth brings no types
    """Nobody signs up by themselves; what a sign-in needs beyond a password is allauth's business."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def authenticate(self, request: HttpRequest, **credentials: Any) -> AbstractBaseUser | None:
        """By Django's backends alone: axes counts by name and address, so that no stranger locks a name out."""
        return authenticate(request, **credentials)

    def get_client_ip(self, request: HttpRequest) -> str:
        """As axes counts it, so that behind a proxy not everybody is one address."""
        return client_address(request) or "unknown"

    def post_login(self, request: HttpRequest, user: Any, **hooks: Any) -> HttpResponse:
        """After the last stage: the record tells who came in, and how."""
        answer: HttpResponse = super().post_login(request, user, **hooks)
        record_sign_in(by=by_of(request))
        forget_expired()
        if words := welcome(user):
            messages.info(request, words)
        return answer

    def respond_user_inactive(self, request: HttpRequest, user: Any) -> HttpResponse:
        """The same page as for a stranger."""
        return HttpResponseRedirect(reverse("sign_in"))

    def is_reauthentication_required(self, *, app: str, **more: Any) -> bool:
        """Before second factors and outside identities are changed, as before everything else that needs it."""
        return not is_fresh(last_proof(context.request.session).at)

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, str]]:
        """One page asks again, and it knows by which means."""
        return [{"id": "confirm", "description": "", "url": reverse("confirm")}] if user.is_authenticated else []

    def is_safe_url(self, url: str) -> bool:
        """Paths of this site; nothing that names a host, even its own."""
        return url.startswith("/") and not url.startswith(("//", "/\\"))

    def add_message(self, request: HttpRequest, level: int, *args: Any, message: str = "", **others: Any) -> None:
        """What allauth says in its own words; its templates of messages are not ours."""
        if message:
            messages.add_message(request, level, message)


class Factors(DefaultMFAAdapter):  # type: ignore[misc]  # allauth brings no types
    """Second factors: their secrets are of no use to whoever has the database but not the installation's key."""

    def encrypt(self, text: str) -> str:
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Nothing, which fits no code, where the installation's key has changed since."""
        try:
            return _box().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            return ""

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        return {**super().get_public_key_credential_rp_entity(), "name": "Assentry"}

    def get_totp_issuer(self) -> str:
        return "Assentry"


def _box() -> Fernet:
    key = hashlib.sha256(b"second factors\0" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))


class Outside(DefaultSocialAccountAdapter):  # type: ignore[misc]  # allauth brings no types
    """Identities of an OpenID provider: known by issuer and subject, tied by the person themselves, never by e-mail."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        return False

    def get_connect_redirect_url(self, request: HttpRequest, socialaccount: Any) -> str:
        return reverse("settings")

    def on_authentication_error(self, request: HttpRequest, provider: Any, **others: Any) -> None:
        """Whatever went wrong between provider and desk, the person is told the same and stays outside."""
        raise ImmediateHttpResponse(refuse_outsider(request, "provider"))

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Nobody comes in by an identity that nobody tied to an account."""
        if not sociallogin.is_existing and sociallogin.state.get("process") != "connect":
            raise ImmediateHttpResponse(refuse_outsider(request, "not_tied"))
