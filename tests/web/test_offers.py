"""What the search field offers: every key has something, and nobody is offered what they do not reach."""

from __future__ import annotations

import html
import json
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from reviews.queries.grammar import KEYS
from reviews.services.tags import tag
from tests import build
from tests.logins import as_role
from tests.web.pages import Browser

WITHOUT = {"id"}  # a number is not offered, it is known


def offered(browser: Browser, key: str, begun: str = "") -> list[str]:
    page = browser.get(f"/queue/offers/?{urlencode({'key': key, 'begun': begun})}")
    assert page.status == 200
    found: list[str] = json.loads(page.text)["values"]
    return found


def words(browser: Browser) -> dict[str, Any]:
    found = re.search(r'id="search-words"[^>]*data-words="([^"]+)"', browser.get("/queue/").text)
    assert found is not None
    known: dict[str, Any] = json.loads(html.unescape(found[1]))
    return known


def test_every_key_of_the_search_offers_values(house: build.House, ada: Browser) -> None:
    item = build.pending(house, "refund.issue")
    with as_role("web"):
        tag(items=[item.id], add=("vip",), by=house.by("ada"))
    known = words(ada)
    assert set(known) == set(KEYS)
    silent = {k for k, offer in known.items() if not offer["values"] and not (offer["more"] and offered(ada, k))}
    assert silent == WITHOUT


def test_values_that_come_with_the_page_are_understood(house: build.House, ada: Browser) -> None:
    build.pending(house, "refund.issue")
    for key, offer in words(ada).items():
        for value in offer["values"]:
            page = ada.get(f"/queue/?{urlencode({'q': f'{key}:{value}'})}")
            assert not page.alert, (key, value, page.alert)


def test_people_and_teams_are_those_who_see_a_queue_of_the_readers(
    house: build.House, ada: Browser, mallory: Browser
) -> None:
    for key in ("assignee", "claimed", "by"):
        assert offered(ada, key, "g") == ["grace"]
        assert offered(ada, key, "G") == ["grace"]
        assert offered(ada, key, "mal") == []
    assert "mallory" in offered(mallory, "by") and "ada" not in offered(mallory, "by")
    assert offered(ada, "escalated", "lea") == ["leads"]
    assert offered(mallory, "escalated", "lea") == []
    assert offered(ada, "assignee", "%") == offered(ada, "assignee", "_") == []


def test_tags_are_those_that_hang_within_reach(house: build.House, ada: Browser, mallory: Browser) -> None:
    items = [build.pending(house) for _ in range(2)]
    with as_role("web"):
        tag(items=[one.id for one in items], add=("fraud", "vip"), by=house.by("ada"))
        tag(items=[items[0].id], add=("freight", "gone"), by=house.by("ada"))
        tag(items=[items[0].id], remove=("gone",), by=house.by("ada"))
    assert offered(ada, "tag", "fr") == ["fraud", "freight"]
    assert offered(ada, "tag") == ["fraud", "freight", "vip"]
    assert offered(ada, "tag", "g") == []
    assert offered(mallory, "tag") == []


def test_fields_versions_and_reasons_are_offered(house: build.House, ada: Browser, mallory: Browser) -> None:
    build.pending(house, "refund.issue")
    assert offered(ada, "payload", "cust") == ["customer"]
    assert offered(mallory, "payload", "cust") == []
    assert offered(ada, "version", "1") == ["1"]
    assert "policy" in offered(ada, "reason", "pol")


@pytest.mark.parametrize("key", ["", "nothing", "id", "customer", "assignee", "tag", "payload"])
def test_nonsense_offers_nothing(house: build.House, ada: Browser, key: str) -> None:
    build.pending(house, "refund.issue")
    assert offered(ada, key, "'; -- \u202e" + "x" * 5000) == []


def test_a_stranger_is_offered_nothing(db: None) -> None:
    assert Browser().get("/queue/offers/?key=by").status == 302


@pytest.mark.parametrize("key", ["assignee", "escalated", "tag", "version", "payload", "reason", "type"])
def test_what_is_offered_costs_a_few_queries(house: build.House, ada: Browser, key: str) -> None:
    build.pending(house)
    with CaptureQueriesContext(connection) as queries:
        offered(ada, key)
    mine = [q for q in queries.captured_queries if not re.search("AUTHORIZATION|CONSTRAINTS|SAVEPOINT", q["sql"])]
    assert len(mine) <= 8, [q["sql"] for q in mine]
