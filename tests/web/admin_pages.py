"""A browser without JavaScript for admin tests: reads the token off the page, posts as the web login."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpResponse
from django.test import Client

from reviews.models import User
from tests.logins import as_role

_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Browser:
    """One signed-in person. Every request runs as database login `web`, with CSRF enforced."""

    def __init__(self, user: User) -> None:
        self.client = Client(enforce_csrf_checks=True)
        with as_role("web"):
            self.client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    def get(self, url: str) -> Any:
        with as_role("web"):
            return _done(self.client.get(url))

    def post(self, url: str, data: dict[str, Any], *, page: str = "") -> Any:
        """Open `page` (or the address itself), then send its form."""
        with as_role("web"):
            shown = _done(self.client.get(page or url)).content.decode()
            token = _TOKEN.search(shown)
            assert token, f"no form on {page or url}"
            return _done(self.client.post(url, {**data, "csrfmiddlewaretoken": token[1]}))

    def post_without_token(self, url: str, data: dict[str, Any]) -> Any:
        with as_role("web"):
            return _done(self.client.post(url, data))


def _done(response: HttpResponse) -> Any:
    """Templates of admin render late; do it while the login is still the web's."""
    if hasattr(response, "render") and not response.is_rendered:
        response.render()
    return response


def text(response: Any) -> str:
    """The page's words, tags and repeated blanks taken out."""
    found = re.sub(r"<(script|style).*?</\1>|<[^>]+>", " ", response.content.decode(), flags=re.S)
    return re.sub(r"\s+", " ", found)
