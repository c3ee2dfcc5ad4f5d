"""The frame around every page: who is signed in, their settings, what they may open, what stands still."""

from __future__ import annotations

import pytest

from reviews.models import User
from reviews.services.stops import place_stop
from tests import build
from tests.logins import as_role
from tests.web.pages import Browser


def test_theme_and_keys_are_a_readers_own(house: build.House, ada: Browser) -> None:
    assert 'data-theme="system"' in ada.get("/queue/").text
    assert ada.post("/settings/", {"theme": "dark", "next": "/queue/?q=a"}).location == "/queue/?q=a"
    page = ada.get("/queue/")
    assert 'data-theme="dark"' in page.text
    assert "&quot;character_keys&quot;: false" in page.text
    assert User.objects.get(username="grace").preferences == {}


def test_theme_that_does_not_exist_is_the_systems(house: build.House, ada: Browser) -> None:
    ada.post("/settings/", {"theme": '"><script>'})
    assert 'data-theme="system"' in ada.get("/queue/").text


@pytest.mark.parametrize("url", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_settings_lead_nowhere_else(house: build.House, ada: Browser, url: str) -> None:
    assert ada.post("/settings/", {"theme": "dark", "next": url}).location == "/"


def test_signing_out_ends_the_session_and_needs_a_post(house: build.House, ada: Browser) -> None:
    assert ada.get("/sign-out/").status == 405
    assert ada.post("/sign-out/", {}).status == 302
    assert ada.get("/queue/").status == 302


def test_reviewer_is_not_shown_what_only_staff_may_open(house: build.House, ada: Browser) -> None:
    assert "Admin" not in ada.get("/queue/").plain
    assert "Admin" in Browser(house.lin).get("/queue/").plain


def test_standing_stop_is_said_on_every_page(house: build.House, ada: Browser) -> None:
    with as_role("web"):
        place_stop(reason="the provider is down for the night", by=house.by("lin"))
    for url in ("/queue/", "/insights/"):
        page = ada.get(url)
        assert "Stopped: everything." in page.plain
        assert "the provider is down for the night" in page.plain


def test_footer_says_what_the_installation_does_not_protect(house: build.House, ada: Browser) -> None:
    assert "share one OS user" in ada.get("/queue/").plain


@pytest.mark.django_db
def test_missing_page_is_the_same_for_strangers() -> None:
    page = Browser().get("/nowhere/")
    assert page.status == 404
    assert "Nothing here" in page.plain
