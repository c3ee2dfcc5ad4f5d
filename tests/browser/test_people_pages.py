"""Settings, security keys and the people's pages in a real browser, under the strict content policy."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.sessions.models import Session

from reviews.models import Decision
from tests import build
from tests.browser import chrome, scene
from tests.browser.eyes import PHONE, SMALL, TARGETS, THEMES, violations
from tests.browser.site import Site, site

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.skipif(not chrome.path(), reason=chrome.INSTALL)]
KEY = {
    "protocol": "ctap2", "transport": "usb", "hasUserVerification": True, "isUserVerified": True,
    "automaticPresenceSimulation": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def desk(django_db_setup: None, django_db_blocker: Any) -> Iterator[tuple[Site, build.House]]:
    with django_db_blocker.unblock(), site("people") as found:
        yield found, scene.furnish()


@pytest.fixture
def lin(desk: tuple[Site, build.House], chromium: Any) -> Iterator[Any]:
    """A lead at localhost, the one address beside https at which browsers allow keys."""
    url = desk[0].url.replace("127.0.0.1", "localhost")
    context = chromium.new_context(base_url=url, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.set_default_timeout(15_000)
    page.refused = []
    page.on("console", lambda m: page.refused.append(m.text) if m.type == "error" else None)
    yield page
    context.close()


def sign_in(page: Any, onward: str) -> None:
    page.goto(f"/sign-in/?next={onward}")
    page.fill("#id_username", "lin")
    page.fill("#id_password", "secret")
    page.click("button[type=submit]")


def grow_old() -> None:
    """Every session's last proof lies six minutes back."""
    for row in Session.objects.all():
        data = row.get_decoded()
        if "proved" in data:
            data["proved"][1] = time.time() - 360
            Session.objects.filter(pk=row.pk).update(session_data=Session.objects.encode(data))


def test_key_is_added_signs_in_and_approves_high_risk(desk: tuple[Site, build.House], lin: Any) -> None:
    item = build.pending(desk[1], "files.delete")
    keys = lin.context.new_cdp_session(lin)
    keys.send("WebAuthn.enable")
    keys.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    sign_in(lin, "/settings/")
    grow_old()
    lin.click("text=Add a security key")
    lin.fill("#confirm", "secret")
    lin.click("main button.button-primary")
    lin.click("button[data-passkey=create]")
    lin.wait_for_url("**/settings/factors/codes/")
    assert lin.locator(".codes li").count() == 10
    lin.context.clear_cookies()
    sign_in(lin, f"/a/ACT-{item.ref}/")
    lin.click("text=Use your security key")
    lin.wait_for_url(f"**/a/ACT-{item.ref}/")
    grow_old()
    lin.reload()
    lin.wait_for_timeout(300)
    lin.click("[data-verb=approve]")
    lin.click("dialog label:has(input[name=reason_code])")
    lin.fill("dialog #rationale", "I read the path twice.")
    lin.click("dialog button[data-passkey=step-up]")
    lin.wait_for_url("**/queue/**")
    assert Decision.objects.get(item=item.id).reviewer == desk[1].lin
    # A claim under way while the proof gives the session a new key comes with the old one: 403, and nothing is lost.
    assert [text for text in lin.refused if "422" not in text and "403" not in text] == []


@pytest.mark.slow
def test_pages_of_people_are_readable_for_everybody(desk: tuple[Site, build.House], lin: Any, tmp_path: Path) -> None:
    from allauth.mfa.models import Authenticator

    Authenticator.objects.all().delete()
    pages = ["/sign-in/", "/forgotten/"]
    inside = ["/settings/", "/people/", f"/people/{desk[1].ada.pseudonym}/", "/confirm/", "/settings/factors/app/"]
    for path in pages:
        _look(lin, path)
    sign_in(lin, "/confirm/")
    lin.fill("#confirm", "secret")
    lin.click("main button.button-primary")
    for path in inside:
        _look(lin, path)
    assert lin.locator(".qr svg path").count() >= 1


def _look(page: Any, path: str) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    for theme, rules in THEMES:
        page.emulate_media(color_scheme=theme)
        page.goto(path)
        assert page.refused == [], path
        assert violations(page, rules) == [], (path, theme)
        page.refused.clear()  # axe measures with styles of its own
    page.set_viewport_size(PHONE)
    page.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
    assert page.locator(TARGETS).evaluate_all(SMALL) == [], path
