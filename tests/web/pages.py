"""Helpers of the page tests: a browser without JavaScript, signed in, under the web login."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import Any

from django.http import HttpResponse
from django.test import Client

from reviews.models import Item, User
from reviews.services import stamp_shown
from tests.build import long_ago, picture
from tests.logins import as_role

HX = {"HX-Request": "true"}


class Browser:
    """A client that enforces CSRF and runs every request as the web role."""

    def __init__(self, user: User | None = None) -> None:
        self.client = Client(enforce_csrf_checks=True)
        self.user = user
        if user is not None:
            with as_role("web"):
                self.client.force_login(user, "django.contrib.auth.backends.ModelBackend")

    def get(self, url: str, **headers: str) -> Page:
        with as_role("web"):
            return Page(self.client.get(url, headers=headers or None))

    def post(self, url: str, data: dict[str, Any], *, token: bool = True, **headers: str) -> Page:
        if token:
            data = {"csrfmiddlewaretoken": self._token(), **data}
        with as_role("web"):
            return Page(self.client.post(url, data, headers=headers or None))

    def download(self, url: str, posted: dict[str, Any] | None = None) -> str:
        """A streamed file, read to its end under the web login; empty if it is not given."""
        if posted:
            data = {"csrfmiddlewaretoken": self._token(), **posted}
        with as_role("web"):
            answer = self.client.post(url, data) if posted else self.client.get(url)
            return b"".join(answer.streaming_content).decode() if answer.streaming else ""

    def _token(self) -> str:
        page = self.get("/queue/?view=all")
        return page.field("csrfmiddlewaretoken") or self.get("/sign-in/").field("csrfmiddlewaretoken")

    def open(self, item: Item) -> Page:
        return self.get(f"/a/ACT-{item.ref}/")

    def form(self, item: Item, **more: Any) -> dict[str, Any]:
        """What the item's page would send after a long look, and what was typed."""
        assert self.user is not None
        opened = stamp_shown(self.user, str(item.id), long_ago())
        return {**self.open(item).hidden(), "opened": opened, **more}

    def send(self, item: Item, verb: str, **more: Any) -> Page:
        return self.post(f"/a/ACT-{item.ref}/{verb}/", self.form(item, **more))


class Page:
    """An answer, read the way a person without a script reads it."""

    def __init__(self, response: HttpResponse) -> None:
        self.response = response
        self.status = response.status_code
        self.text = response.content.decode() if not response.streaming else ""

    @property
    def location(self) -> str:
        return str(self.response["Location"])

    @property
    def refs(self) -> list[str]:
        """The rows of a list, in order."""
        return re.findall(r'<tr id="row-(ACT-\d+)"', self.text)

    def field(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        return unescape(found.group(1)) if found else ""

    def hidden(self) -> dict[str, str]:
        names = ("csrfmiddlewaretoken", "opened", "version", "digest", "evidence", "message", "q")
        return {name: self.field(name) for name in names}

    @property
    def plain(self) -> str:
        """Its words, without markup."""
        return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", self.text)))

    @property
    def alert(self) -> str:
        """What is announced to somebody who cannot see the page, from the first alert on."""
        _, _, rest = self.text.partition('role="alert"')
        words = unescape(re.sub(r"<[^>]+>", " ", rest.partition(">")[2]))
        return re.sub(r"\s+", " ", words).strip()


@contextmanager
def nothing_changes() -> Iterator[None]:
    """The rows before are the rows after."""
    before = picture()
    yield
    assert picture() == before
