"""One Chromium for all browser tests, and a desk with the timings of production for those of the reviewers' pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

import pytest
from django.conf import settings
from django.test import Client

from reviews import services
from reviews.ids import new_id
from reviews.models import Decision, Item, User
from reviews.schemas import Proposal
from tests import build
from tests.browser import chrome, scene
from tests.browser.site import Site, site
from tests.logins import as_role


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        browser = play.chromium.launch(**chrome.options())
        yield browser
        browser.close()


@dataclass
class Shop:
    """A running desk and its people. Each test works on items that hold a word of its own."""

    site: Site
    house: build.House

    def items(self, count: int, kind: str = "mail.send", **more: Any) -> tuple[str, list[Item]]:
        """The word, and so many items that hold it, in the order of the list."""
        word = token_hex(4)
        field = {"mail.send": "subject", "call.place": "text", "refund.issue": "note", "files.delete": "path"}[kind]
        made = [self._propose(kind, {field: f"{word} {n}"}, **more) for n in range(count)]
        build.route()
        return word, [build.item_of(action) for action in made]

    def add(self, word: str, rest: str) -> None:
        """One more of them, which comes while somebody is looking."""
        self._propose("mail.send", {"subject": f"{word} {rest}"})
        build.route()

    def _propose(self, kind: str, changed: dict[str, Any], **more: Any) -> Any:
        payload = {**build.PAYLOADS[kind], **changed}
        proposal = Proposal(type=kind, payload=payload, dedup_key=str(new_id()), confidence=0.8, **more)
        with as_role("web"):
            return services.propose(proposal=proposal, principal=self.house.agent.id).id


@pytest.fixture(scope="module")
def shop(django_db_setup: None, django_db_blocker: Any, request: Any) -> Iterator[Shop]:
    name = request.module.__name__.rpartition(".")[2].removeprefix("test_")
    with django_db_blocker.unblock(), site(name, profile="normal") as found:
        yield Shop(found, scene.furnish())


@pytest.fixture
def sign_in(shop: Shop, chromium: Any) -> Iterator[Callable[..., Any]]:
    """`sign_in("ada")` is an empty page in a browser of her own; options go to the browser's context."""
    contexts = []

    def arrive(name: str, **options: Any) -> Any:
        given: dict[str, Any] = {"viewport": {"width": 1400, "height": 900}, "base_url": shop.site.url, **options}
        context = chromium.new_context(**given)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.complaints = []
        page.on("console", lambda m: page.complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        context.add_cookies([_session(getattr(shop.house, name), shop.site.url)])
        return page

    yield arrive
    for context in contexts:
        context.close()


def _session(user: User, url: str) -> dict[str, str]:
    """The cookie of somebody who has signed in; that signing in works is a test of its own."""
    client = Client()
    user.refresh_from_db()  # its password was set anew, and the session is bound to it
    client.force_login(user, "django.contrib.auth.backends.ModelBackend")
    name = settings.SESSION_COOKIE_NAME
    return {"name": name, "value": client.cookies[name].value, "url": url}


def decided(items: list[Item]) -> list[Decision]:
    """The live votes on these items, in the order they were cast."""
    actions = [item.action_id for item in items]
    return list(Decision.objects.filter(action__in=actions, retraction=None).order_by("created_at"))
