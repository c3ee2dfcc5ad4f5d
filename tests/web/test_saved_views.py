"""Views of the queue: kept, ordered, shared, opened with, deleted and brought back, all without a script."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest
from django.core.cache import caches
from django.utils import timezone

from reviews.models import DefaultView, Reach, SavedView
from reviews.services import assign
from tests import build
from tests.logins import as_role
from tests.web.pages import Browser, Page


@pytest.fixture(autouse=True)
def counted_anew() -> None:
    caches["memory"].clear()


def keep(browser: Browser, name: str, query: str, **more: str) -> Page:
    return browser.post("/views/new/", {"name": name, "q": query, "sort": "prio", **more})


def tabs(page: Page) -> dict[str, tuple[str, str]]:
    """Name of each tab: its key after g, and its count."""
    found = re.findall(
        r'<a class="chip" href="[^"]*" data-view="[^"]*"(?: data-view-key="(\d)")?[^>]*>(.*?)</a>', page.text
    )
    words = [(digit, re.sub(r"<[^>]+>", "|", rest)) for digit, rest in found]
    return {rest.partition("|")[0].strip(): (digit, rest.split("|")[1]) for digit, rest in words}


def test_what_is_searched_for_is_kept_and_gone_to_by_its_key(house: build.House, ada: Browser) -> None:
    mail = build.pending(house, "mail.send")
    build.pending(house, "refund.issue")
    page = ada.get("/queue/?q=risk:low&sort=-age")
    assert 'href="/views/new/?q=risk:low&amp;sort=-age">Keep this view' in page.text
    kept = keep(ada, "  Quick   ones ", "risk:low", sort="-age")
    assert kept.status == 303
    shown = ada.get(kept.location)
    assert shown.refs == [f"ACT-{mail.ref}"]
    assert parse_qs(urlsplit(kept.location).query)["sort"] == ["-age"]
    assert tabs(shown)["Quick ones"] == ("1", "1")
    assert tabs(shown)["Mine"] == ("2", "0")
    assert tabs(shown)["Waiting"] == ("", "2")
    assert re.search(r'data-view-key="1"[^>]*aria-current="page">Quick ones', shown.text)


def test_counts_are_exact_and_bound(house: build.House, ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    items = [build.pending(house, name) for name in ("mail.send", "refund.issue", "files.delete", "call.place")]
    with as_role("web"):
        assign(item=items[0].id, assignee=house.ada, by=house.by("lin"))
    build.decide(house, items[3])
    monkeypatch.setattr("reviews.queries.counting.MOST", 2)
    found = {name: count for name, (_, count) in tabs(ada.get("/queue/")).items()}
    assert found["Mine"] == "1"
    assert found["High risk"] == "1"
    assert found["Unclaimed"] == "2+"
    assert found["Decided by me"] == "1"
    assert found["Clarifying"] == found["In doubt"] == found["Escalated to me"] == "0"


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"name": ""}, "give it a name"),
        ({"name": "x" * 61}, "give it a name"),
        ({"name": "a\u202eb"}, "characters that cannot be seen"),
        ({"q": "rsk:high"}, "Unknown filter rsk . Did you mean risk ?"),
        ({"q": "type:not.there"}, "is no action type here"),
        ({"sort": "colour"}, "is no order of the queue"),
        ({"name": "Taken"}, "you have a view called Taken already"),
        ({"team": "1"}, "a lead may share a view"),
        ({"team": "x"}, "a lead may share a view"),
    ],
)
def test_view_that_cannot_be_kept_is_said_and_what_was_typed_stays(
    house: build.House, ada: Browser, sent: dict[str, str], said: str
) -> None:
    keep(ada, "Taken", "risk:high")
    page = ada.post("/views/new/", {"name": "Mornings", "q": "age:>2h", "sort": "prio", **sent})
    assert page.status in (403, 422)
    assert said in page.alert
    assert 'value="age:&gt;2h"' in page.text or "q" in sent
    assert [view.name for view in SavedView.objects.all()] == ["Taken"]


def test_view_of_somebody_else_is_not_there(house: build.House, ada: Browser, grace: Browser) -> None:
    key = parse_qs(urlsplit(keep(ada, "Private", "risk:high customer:8812").location).query)["view"][0]
    for page in (
        grace.get(f"/queue/?view={key}"),
        grace.get(f"/views/{key}/"),
        grace.post(f"/views/{key}/", {"name": "Mine now", "q": ""}),
        grace.post(f"/views/{key}/delete/", {}),
        grace.post(f"/views/{key}/restore/", {}),
        grace.post(f"/views/{key}/move/", {"to": "up"}),
        grace.post("/views/default/", {"view": key}),
        grace.get(f"/queue/?view={uuid4()}"),
    ):
        assert page.status == 404
    assert "Private" not in grace.get("/queue/").text + grace.get("/views/").text
    assert SavedView.objects.get().name == "Private"
    assert not DefaultView.objects.exists()


def test_lead_shares_with_a_team_and_reach_still_limits_the_rows(
    house: build.House, ada: Browser, mallory: Browser
) -> None:
    item = build.pending(house, "files.delete")
    lin = Browser(house.lin)
    assert 'name="team"' not in ada.get("/views/new/").text
    page = lin.get("/views/new/?q=risk:high")
    assert f'<option value="{house.reviewers.pk}">reviewers' in page.text
    assert "others" not in page.text
    kept = keep(lin, "Dangerous", "risk:high", team=str(house.reviewers.pk))
    assert kept.status == 303
    assert tabs(ada.get("/queue/"))["Dangerous"] == ("1", "1")
    key = parse_qs(urlsplit(kept.location).query)["view"][0]
    followed = ada.get(f"/queue/?view={key}")
    assert followed.status == 302
    assert ada.get(followed.location).refs == [f"ACT-{item.ref}"]
    assert ada.post(f"/views/{key}/delete/", {}).status == 404
    assert "Dangerous" not in mallory.get("/queue/").text
    house.mallory.groups.add(house.reviewers.pk)
    Reach.objects.filter(group=house.reviewers).delete()
    assert "Dangerous" in Browser(house.mallory).get("/queue/").text
    assert Browser(house.mallory).get(f"/queue/?q=risk:high&view={key}").refs == []


def test_own_views_are_ordered_and_the_order_is_that_of_the_keys(house: build.House, ada: Browser) -> None:
    for name in ("One", "Two", "Three"):
        keep(ada, name, "risk:high")
    three = SavedView.objects.get(name="Three")
    assert ada.post(f"/views/{three.id}/move/", {"to": "up"}).status == 303
    found = tabs(ada.get("/queue/"))
    assert {name: found[name][0] for name in ("One", "Three", "Two")} == {"One": "1", "Three": "2", "Two": "3"}
    for _ in range(3):
        ada.post(f"/views/{three.id}/move/", {"to": "up"})
    assert tabs(ada.get("/queue/"))["Three"][0] == "1"


def test_default_view_is_what_the_queue_opens_with(house: build.House, ada: Browser, grace: Browser) -> None:
    assert ada.get("/queue/").status == 200
    ada.post("/views/default/", {"view": "high"})
    assert ada.get("/queue/").location == "/queue/?q=risk:high,critical&view=high"
    assert ada.get("/queue/?view=all").status == 200
    assert ada.get("/queue/?q=").status == 200
    assert grace.get("/queue/").status == 200
    key = parse_qs(urlsplit(keep(ada, "Mornings", "age:>2h").location).query)["view"][0]
    ada.post("/views/default/", {"view": key})
    assert f"view={key}" in ada.get("/queue/").location
    assert DefaultView.objects.count() == 1
    ada.post(f"/views/{key}/delete/", {})
    assert ada.get("/queue/").status == 200
    ada.post(f"/views/{key}/restore/", {})
    assert f"view={key}" in ada.get("/queue/").location
    ada.post("/views/default/", {"view": "all"})
    assert ada.get("/queue/").status == 200


def test_view_of_everything_is_its_own_address(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    address = keep(ada, "All of it", "").location
    assert ada.get(address).refs == [f"ACT-{item.ref}"]
    ada.post("/views/default/", {"view": parse_qs(urlsplit(address).query)["view"][0]})
    assert ada.get(ada.get("/queue/").location).refs == [f"ACT-{item.ref}"]


def test_deleted_view_is_brought_back_unless_its_name_is_taken(house: build.House, ada: Browser) -> None:
    keep(ada, "Mornings", "age:>2h")
    view = SavedView.objects.get()
    gone = ada.post(f"/views/{view.id}/delete/", {})
    page = ada.get(gone.location)
    assert "Mornings is deleted." in page.plain
    assert f'action="/views/{view.id}/restore/"' in page.text
    assert "Mornings" not in tabs(ada.get("/queue/"))
    keep(ada, "Mornings", "age:<2h")
    assert ada.post(f"/views/{view.id}/restore/", {}).status == 422
    SavedView.objects.exclude(id=view.id).update(name="Evenings")
    assert ada.post(f"/views/{view.id}/restore/", {}).status == 303
    assert set(tabs(ada.get("/queue/"))) >= {"Mornings", "Evenings"}
    SavedView.objects.filter(id=view.id).update(deleted_at=timezone.now() - timedelta(days=31))
    ada.post(f"/views/{SavedView.objects.get(name='Evenings').id}/delete/", {})
    assert not SavedView.objects.filter(id=view.id).exists()


def test_view_is_changed_on_a_page(house: build.House, ada: Browser) -> None:
    keep(ada, "Mornings", "age:>2h")
    view = SavedView.objects.get()
    assert 'value="Mornings"' in ada.get(f"/views/{view.id}/").text
    sent: dict[str, Any] = {"name": "Long waits", "q": "age:>4h risk:low", "sort": "age"}
    assert ada.post(f"/views/{view.id}/", sent).status == 303
    view.refresh_from_db()
    assert (view.name, view.query, view.order) == ("Long waits", "age:>4h risk:low", "age")
    assert ada.post(f"/views/{view.id}/", {**sent, "q": "age:soon"}).status == 422
    view.refresh_from_db()
    assert view.query == "age:>4h risk:low"


def test_samples_have_a_place_that_says_what_is_missing_and_only_leads_see_it(house: build.House, ada: Browser) -> None:
    assert "nothing is sampled yet" in Browser(house.lin).get("/queue/").plain
    assert "QA" not in ada.get("/queue/").plain
