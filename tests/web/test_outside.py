"""An identity from outside opens the account that its owner tied it to, by issuer and subject, and no other."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
import pytest
from allauth.socialaccount import providers
from allauth.socialaccount.models import SocialAccount
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider

from config.env import BadSettings, load
from config.outside import APP, apps, identity_of
from config.outside import providers as providers_of
from reviews.models import User
from tests import build
from tests.governance import last_leaf
from tests.web.pages import Browser

KEY = "only the test's provider knows this key, and nobody asks"


class Provider(BaseHTTPRequestHandler):
    """A provider that vouches for whoever the test says."""

    vouched: dict[str, Any] = {}

    def do_GET(self) -> None:
        base = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.answer({
            "issuer": base, "authorization_endpoint": f"{base}/authorize", "token_endpoint": f"{base}/token",
            "jwks_uri": f"{base}/keys", "token_endpoint_auth_methods_supported": ["client_secret_post"],
        })  # fmt: skip

    def do_POST(self) -> None:
        sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        assert sent["code_verifier"] and sent["client_secret"] == ["hush"]
        now = int(time.time())
        told = {"iat": now, "exp": now + 60, "email": "grace@example.org", "email_verified": True, **self.vouched}
        self.answer({"access_token": "a", "token_type": "Bearer", "id_token": jwt.encode(told, KEY, "HS256")})

    def answer(self, value: dict[str, Any]) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        """Not a word."""


@pytest.fixture
def issuer(settings: Any) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    Thread(target=server.serve_forever, daemon=True).start()
    found = f"http://127.0.0.1:{server.server_address[1]}"
    env = load({
        "DATABASE_URL": "postgresql://127.0.0.1:1/x", "ASSENTRY_ROLE": "web", "ASSENTRY_OIDC_ISSUER": found,
        "ASSENTRY_OIDC_CLIENT_ID": "desk", "ASSENTRY_OIDC_CLIENT_SECRET": "hush", "ASSENTRY_OIDC_NAME": "the house",
    })  # fmt: skip
    assert apps(env) == (APP,)
    settings.SOCIALACCOUNT_PROVIDERS = providers_of(env)
    settings.ROOT_URLCONF = "tests.web.urls_outside"
    providers.registry.register(OpenIDConnectProvider)
    yield found
    server.shutdown()
    server.server_close()


def come(browser: Browser, issuer: str, subject: str, how: str = "", **more: Any) -> Any:
    """To the provider and back, with what it says about the person."""
    Provider.vouched = {"iss": issuer, "aud": "desk", "sub": subject, **more}
    base = f"/oidc/{identity_of(issuer)}/login/"
    asked = urlsplit(browser.get(f"{base}{how}", **{"Sec-Fetch-Site": "same-origin"}).location)
    assert f"{asked.scheme}://{asked.netloc}" == issuer
    return browser.get(f"{base}callback/?code=x&state={parse_qs(asked.query)['state'][0]}")


def test_tied_identity_opens_its_account_and_no_other(house: build.House, ada: Browser, issuer: str) -> None:
    assert "Sign in with the house" in Browser().get("/sign-in/").plain
    assert come(ada, issuer, "s-1", "?process=connect").location == "/settings/"
    assert last_leaf()["data"]["after"] == {"factor": "sso added"}
    assert "s-1" in ada.get("/settings/").plain
    stranger = Browser()
    assert come(stranger, issuer, "s-1").location == "/"
    assert last_leaf()["data"] == {"method": "sso"}
    assert "Ada" in stranger.get("/queue/").plain
    for subject in ("s-2", "S-1"):
        assert come(Browser(), issuer, subject).location == "/sign-in/"


def test_stranger_with_a_colleagues_address_stays_outside(house: build.House, issuer: str) -> None:
    stranger = Browser()
    assert come(stranger, issuer, "s-9").location == "/sign-in/"
    assert "opens no account here" in stranger.get("/sign-in/").plain
    assert last_leaf()["data"] == {"method": "sso", "reason_code": "not_tied", "token": None}
    assert stranger.get("/queue/").status == 302
    assert "grace@example.org" not in str(dict(stranger.client.session))
    assert User.objects.count() == 6


@pytest.mark.parametrize("wrong", [{"iss": "https://elsewhere.example"}, {"aud": "another"}, {"exp": 1}])
def test_word_of_somebody_else_or_for_somebody_else_is_not_believed(
    house: build.House, ada: Browser, issuer: str, wrong: dict[str, Any]
) -> None:
    come(ada, issuer, "s-1", "?process=connect")
    stranger = Browser()
    assert come(stranger, issuer, "s-1", **wrong).location == "/sign-in/"
    assert stranger.get("/queue/").status == 302


def test_tying_and_untying_need_a_fresh_proof(house: build.House, ada: Browser, issuer: str) -> None:
    come(ada, issuer, "s-1", "?process=connect")
    session = ada.client.session
    session["proved"] = ["password", time.time() - 301]
    session.save()
    assert come(ada, issuer, "s-2", "?process=connect").location.startswith("/confirm/")
    assert ada.post("/outside/remove/", {"identity": str(SocialAccount.objects.get().pk)}).status == 422
    assert SocialAccount.objects.count() == 1
    ada.post("/confirm/", {"confirm": "secret"})
    assert ada.post("/outside/remove/", {"identity": "0"}).status == 404
    assert ada.post("/outside/remove/", {"identity": str(SocialAccount.objects.get().pk)}).location == "/settings/"
    assert come(Browser(), issuer, "s-1").location == "/sign-in/"


@pytest.mark.parametrize("stands", ["cross-site", "same-site", "none", ""])
def test_a_link_on_a_foreign_page_ties_nothing(house: build.House, ada: Browser, issuer: str, stands: str) -> None:
    link = f"/oidc/{identity_of(issuer)}/login/?process=connect"
    assert ada.get(link, **{"Sec-Fetch-Site": stands}).location == "/settings/"
    assert "stands elsewhere" in ada.get("/settings/").plain
    assert SocialAccount.objects.count() == 0


def test_half_a_provider_is_refused_at_start_and_other_processes_know_none() -> None:
    given = {"DATABASE_URL": "postgresql://127.0.0.1:1/x", "ASSENTRY_OIDC_ISSUER": "https://id.example.org/"}
    with pytest.raises(BadSettings):
        load({**given, "ASSENTRY_ROLE": "web"})
    with pytest.raises(BadSettings):
        load({**given, "ASSENTRY_OIDC_ISSUER": "http://id.example.org", "ASSENTRY_ROLE": "router"})
    assert apps(load({**given, "ASSENTRY_ROLE": "router"})) == ()
