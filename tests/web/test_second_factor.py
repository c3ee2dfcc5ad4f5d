"""Codes beside the password: added by somebody who proved who they are, asked for at sign-in and before high risk."""

from __future__ import annotations

import re
import time

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.test import override_settings

from audit.models import Event
from tests import build
from tests.governance import REASON, last_leaf, leaf_of
from tests.logins import as_role, connected
from tests.web.pages import Browser, Page

HERE, PASSWORD = "/settings/factors/app/", "secret"


def code_of(secret: str, later: int = 0) -> str:
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + later))


def enrol(browser: Browser) -> tuple[str, list[str]]:
    """The secret of a new authenticator app, and the recovery codes that came with it."""
    browser.post("/confirm/", {"confirm": "secret"})
    secret = re.findall(r"<code class=\"break\">([A-Z2-7]+)</code>", browser.get(HERE).text)[0]
    assert browser.post(HERE, {"code": code_of(secret, -1)}).status == 302
    codes = re.findall(r"<li><code>([^<]+)</code>", browser.get("/settings/factors/codes/").text)
    return secret, codes


def arrive(username: str = "ada", password: str = PASSWORD) -> tuple[Browser, Page]:
    stranger = Browser()
    return stranger, stranger.post("/sign-in/", {"username": username, "password": password, "next": "/settings/"})


def second(stranger: Browser, code: str) -> Page:
    page = stranger.get("/sign-in/code/")
    form = {"code": code, "csrfmiddlewaretoken": page.field("csrfmiddlewaretoken")}
    return stranger.post("/sign-in/code/", form, token=False)


def test_app_is_added_only_after_proving_who_one_is(house: build.House, ada: Browser) -> None:
    session = ada.client.session
    session["proved"] = ["password", time.time() - 301]
    session.save()
    assert ada.get(HERE).location.startswith("/confirm/?next=")
    secret, codes = enrol(ada)
    assert len(codes) == 10
    told = [leaf_of(n)["data"].get("after") for n in Event.objects.order_by("n").values_list("n", flat=True)]
    assert {"factor": "totp added"} in told
    page = ada.get("/settings/")
    assert "Authenticator app" in page.plain and "Recovery codes, 10 left" in page.plain
    assert ada.get("/settings/factors/codes/").plain.count(codes[0]) == 0, "shown once"
    kept = str(list(Authenticator.objects.values_list("data", flat=True)))
    assert secret not in kept and codes[0] not in kept


def test_password_alone_does_not_sign_in_any_more(house: build.House, ada: Browser) -> None:
    secret, codes = enrol(ada)
    stranger, answer = arrive()
    assert answer.location == "/sign-in/code/"
    assert stranger.get("/queue/").status == 302
    assert second(stranger, "000000").status == 200
    assert last_leaf()["data"]["reason_code"] == "invalid_login"
    assert second(stranger, code_of(secret)).location == "/settings/"
    assert last_leaf()["data"] == {"method": "totp"}
    again, _ = arrive()
    assert second(again, code_of(secret)).status == 200, "a code works once"
    assert second(again, codes[0]).location == "/settings/"
    assert last_leaf()["data"] == {"method": "recovery_codes"}


def test_high_risk_asks_for_the_code_not_the_password(house: build.House, ada: Browser) -> None:
    secret, _ = enrol(ada)
    item = build.pending(house, "files.delete")
    session = ada.client.session
    session["proved"] = ["password", time.time() - 400]
    session.save()
    words = {"verdict": "approve", "reason_code": "checked"}
    asked = ada.send(item, "decide", **words)
    assert "Code from your authenticator app" in asked.plain
    assert ada.send(item, "decide", **words, confirm="secret").status == 422
    assert ada.send(item, "decide", **words, confirm=code_of(secret)).status == 303
    assert last_leaf()["actor"]["auth"] == "totp"


def test_administrator_takes_lost_factors_away(house: build.House, ada: Browser) -> None:
    enrol(ada)
    root, url = Browser(house.root), f"/people/{house.ada.pseudonym}/"
    assert Browser(house.lin).post(f"{url}factors/", {"reset-reason": REASON}).status == 403
    assert root.post(f"{url}factors/", {"reset-reason": "short"}).status == 422
    assert root.post(f"{url}factors/", {"reset-reason": REASON}).location == url
    assert ada.get("/queue/").status == 302
    assert arrive()[1].location == "/settings/"


def test_guessing_codes_is_stopped_for_this_account_alone(house: build.House, ada: Browser) -> None:
    secret, _ = enrol(ada)
    stranger, _ = arrive()
    for _ in range(11):
        second(stranger, "123123")
    assert second(stranger, code_of(secret)).status == 200
    assert arrive("grace")[1].location == "/settings/"


def test_another_key_of_the_installation_opens_no_secret(house: build.House, ada: Browser) -> None:
    secret, _ = enrol(ada)
    row = Authenticator.objects.get(type="totp")
    with override_settings(SECRET_KEY="another" * 10):
        assert not row.wrap().validate_code(code_of(secret))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("role", ["auditor", "router", "executor", "agent", "sequencer"])
def test_only_web_reads_secrets_of_factors(role: str) -> None:
    with connected(role) as connection:
        for table in ("mfa_authenticator", "desk_cache", "socialaccount_socialapp", "socialaccount_socialtoken"):
            found = connection.execute("SELECT has_table_privilege(%s, 'SELECT')", [table]).fetchone()
            assert found == (False,), table


@override_settings(AXES_ENABLED=True, AXES_FAILURE_LIMIT=3)
def test_wrong_passwords_stop_one_name_from_one_address_alone(house: build.House, ada: Browser) -> None:
    answers = [arrive("ada", "wrong")[1].status for _ in range(3)]
    assert answers == [200, 200, 429]
    assert arrive()[1].status == 429
    assert arrive("grace")[1].status == 302
    elsewhere = Browser()
    elsewhere.client.defaults["REMOTE_ADDR"] = "198.51.100.7"
    form = {"username": "ada", "password": PASSWORD}
    assert elsewhere.post("/sign-in/", form).status == 302, "nobody locks a colleague out from elsewhere"
    assert ada.post("/confirm/", {"confirm": PASSWORD}).status == 429, "guessing goes on in no other form"


@override_settings(AXES_ENABLED=True, AXES_FAILURE_LIMIT=3, PROXY_COUNT=1)
def test_behind_a_proxy_an_address_is_what_the_proxy_saw_and_not_what_was_claimed(house: build.House) -> None:
    form = {"username": "ada", "password": "wrong"}
    told = [{"X-Forwarded-For": f"198.51.100.{n}, 203.0.113.5"} for n in range(3)]
    assert [Browser().post("/sign-in/", form, **headers).status for headers in told] == [200, 200, 429]
    right = {"username": "ada", "password": PASSWORD}
    assert Browser().post("/sign-in/", right, **told[0]).status == 429
    for header in ("203.0.113.9", "203.0.113.5, 203.0.113.9", "no address"):
        assert Browser().post("/sign-in/", right, **{"X-Forwarded-For": header}).status == 302, header


def test_sign_in_page_answers_strangers_alike(house: build.House) -> None:
    with as_role("web"):
        house.grace.is_active = False
        house.grace.save()
    pages = [arrive(*who)[1] for who in (("ada", "wrong"), ("nobody", "wrong"), ("grace", "secret"))]
    assert {page.status for page in pages} == {200}
    assert len({page.alert for page in pages}) == 1
