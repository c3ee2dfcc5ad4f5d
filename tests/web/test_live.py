"""What an open page of the queue is told: rows that changed or went, how many are new, and nothing it may not know."""

from __future__ import annotations

import html
import re
import time
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from reviews import services
from reviews.services.tags import tag
from tests import build
from tests.logins import as_role
from tests.web.pages import HX, Browser, Page


def shown(page: Page) -> str:
    """What a page says of its rows when it asks."""
    marks = re.findall(r'data-ref="ACT-(\d+)" data-mark="([0-9a-f]+)"', page.text)
    return ",".join(f"{ref}.{mark}" for ref, mark in marks)


def since(page: Page) -> str:
    found = re.search(r'data-since="([0-9.]+)"', page.text)
    assert found is not None
    return found.group(1)


def ask(browser: Browser, page: Page, query: str = "", **more: str) -> Page:
    return browser.get(f"/queue/live/?since={since(page)}{query}", **HX, **{"Desk-Rows": shown(page), **more})


def test_rows_that_look_otherwise_come_whole_and_no_others(house: build.House, ada: Browser) -> None:
    items = [build.pending(house) for _ in range(4)]
    page = ada.get("/queue/")
    assert ask(ada, page).refs == []
    with as_role("web"):
        services.claim(item=items[0].id, by=house.by("grace"))
        tag(items=[items[1].id], add=("vip",), by=house.by("grace"))
    build.decide(house, items[2], name="grace")
    news = ask(ada, page)
    assert sorted(news.refs) == sorted(f"ACT-{item.ref}" for item in items[:2])
    assert "claimed by grace" in news.plain and "vip" in news.plain
    assert f'<li data-ref="ACT-{items[2].ref}" data-state="approved" data-by="grace">' in news.text
    assert f"ACT-{items[3].ref}" not in news.text


def test_new_rows_are_counted_wherever_in_the_order_they_stand(house: build.House, ada: Browser) -> None:
    for _ in range(3):
        build.proposed(house, "files.delete")
    build.route()
    page = ada.get("/queue/?rows=2")
    assert 'data-fresh="0"' in ask(ada, page, "&rows=2").text
    for _ in range(4):  # of low risk: far behind the first two
        build.proposed(house, "mail.send")
    build.route()
    assert 'data-fresh="4"' in ask(ada, page, "&rows=2").text
    assert 'data-fresh="0"' in ask(ada, page, "&rows=2&q=risk:high").text
    assert 'data-fresh="4"' in ask(ada, page, "&rows=2&q=risk:low").text


def test_more_changes_than_a_page_can_follow_are_only_said(
    house: build.House, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reviews.views.live.MOST_CHANGED", 2)
    items = [build.pending(house) for _ in range(3)]
    page = ada.get("/queue/")
    for item in items:
        build.decide(house, item, name="grace")
    news = ask(ada, page)
    assert "data-many" in news.text
    assert "<li data-ref=" not in news.text


def test_marks_of_others_and_nonsense_tell_nothing(house: build.House, mallory: Browser) -> None:
    item = build.pending(house, "refund.issue")
    page = mallory.get("/queue/")
    for rows in (f"{item.ref}.0", "x,,1.2.3,99999999999999999999,-1", "ACT-", "." * 3000):
        news = ask(mallory, page, **{"Desk-Rows": rows})
        assert news.status == 200
        assert news.refs == []
        assert "8812" not in news.text
    for moment in ("nan", "inf", "-1e30", "x", "0"):
        assert mallory.get(f"/queue/live/?since={moment}", **HX).status == 200


def test_counts_on_the_tabs_come_along(house: build.House, ada: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reviews.views.tabs.FRESH", 0)
    item = build.pending(house)
    page = ada.get("/queue/")
    with as_role("web"):
        services.assign(item=item.id, assignee=house.ada, by=house.by("lin"))
    assert '<li data-view="mine">1</li>' in ask(ada, page).text


def parts(page: Page) -> list[Any]:
    return re.findall(r"<td role=\"gridcell\" class=\"c-(\w+)", page.text)


def test_row_reads_in_the_order_of_a_reviewers_questions(house: build.House, ada: Browser) -> None:
    item = build.pending(house, "refund.issue", confidence=0.86)
    page = ada.get("/queue/")
    assert parts(page) == ["pick", "risk", "ask", "agent", "conf", "amount", "wait", "who", "why"]
    row = page.plain[page.plain.index("medium Refund") :]
    assert re.search(
        rf"medium Refund 129.50 EUR to 8812 ACT-{item.ref} helper 1 0.86 , not calibrated 129.50 EUR \d+ s , .* left",
        row,
    ), row[:200]


def news(browser: Browser, page: Page, item: Any, **more: str) -> Page:
    """What the open page of an item is told when it asks."""
    mark, since = (re.search(rf'data-{name}="([^"]+)"', page.text) for name in ("mark", "since"))
    assert mark is not None and since is not None
    return browser.get(f"/a/ACT-{item.ref}/news/?mark={mark[1]}&since={since[1]}", **HX, **more)


def test_open_item_is_told_what_changed_and_by_whom(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    page = ada.open(item)
    quiet = news(ada, page, item)
    assert (quiet.status, quiet.text) == (204, "")
    assert news(ada, page, item, **{"If-None-Match": quiet.response["ETag"]}).status == 304
    with as_role("web"):
        services.claim(item=item.id, by=house.by("grace"))
    assert news(ada, page, item).status == 204  # a claim changes nothing of what is decided
    with as_role("web"):
        services.comment(item=item.id, text="look at the order", by=house.by("grace"))
    assert news(ada, page, item).plain.strip() == "changed by Grace"
    build.decide(house, item, name="lin")
    assert news(ada, page, item).plain.strip() == "approved by Lin"


def test_open_item_is_told_nothing_of_a_first_vote_nor_of_what_is_out_of_reach(
    house: build.House, ada: Browser, mallory: Browser
) -> None:
    item = build.pending(house, "files.delete")
    page = ada.open(item)
    build.decide(house, item, name="grace")
    assert news(ada, page, item).status == 204
    assert mallory.get(f"/a/ACT-{item.ref}/news/?mark=0&since=0", **HX).status == 404


def test_open_item_that_nobody_named_changed_is_told_so(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    for asked in ("", "?mark=x&since=nan", "?mark=&since=99999999999"):
        answer = ada.get(f"/a/ACT-{item.ref}/news/{asked}", **HX)
        assert (answer.status, answer.plain.strip()) == (200, "changed meanwhile"), asked


def test_what_is_selected_elsewhere_is_told_of_once_it_is_decided(house: build.House, ada: Browser) -> None:
    gone, still = build.pending(house), build.pending(house)
    page = ada.get("/queue/?q=risk:high")
    build.decide(house, gone, name="grace")
    found = ask(ada, page, "&q=risk:high", **{"Desk-Picked": f"{gone.ref},{still.ref},x,-1"}).text
    assert f'data-ref="ACT-{gone.ref}" data-state="approved" data-by="grace">' in found
    assert f"ACT-{still.ref}" not in found


def test_how_many_are_found_comes_along(house: build.House, ada: Browser) -> None:
    items = [build.pending(house) for _ in range(2)]
    page = ada.get("/queue/?q=risk:low")
    build.decide(house, items[0])
    assert '<p id="found">1 found</p>' in ask(ada, page, "&q=risk:low").text
    assert 'id="found"' not in ask(ada, page).text


def test_what_was_put_off_stays_in_the_list_of_what_was(house: build.House, ada: Browser) -> None:
    later, back = build.pending(house), build.pending(house)
    until = timezone.now() + timedelta(minutes=1)
    with as_role("web"):
        services.defer(item=later.id, until=until, by=house.by("ada"))
        services.defer(item=back.id, until=until, by=house.by("ada"))
    deferred, usual = ada.get("/queue/?q=is:deferred"), ada.get("/queue/")
    assert len(deferred.refs) == 2 and usual.refs == []
    assert "<li data-ref=" not in ask(ada, deferred, "&q=is:deferred").text
    build.decide(house, back)
    told = ask(ada, deferred, "&q=is:deferred").text
    assert f'data-ref="ACT-{back.ref}" data-state="approved"' in told and f"ACT-{later.ref}" not in told


def test_a_later_page_is_compared_with_itself(house: build.House, ada: Browser) -> None:
    for _ in range(4):
        build.proposed(house)
    build.route()
    first = ada.get("/queue/?rows=2")
    after = re.search(r'rel="next" href="([^"]+)"', first.text)
    assert after is not None
    second = ada.get(html.unescape(after[1]))
    assert len(second.refs) == 2 and not set(second.refs) & set(first.refs)
    live = re.search(r'id="live" data-url="([^"]+)"', second.text)
    assert live is not None
    address = f"{html.unescape(live[1])}&since={since(second)}"
    assert 'data-fresh="0"' in ada.get(address, **HX, **{"Desk-Rows": shown(second)}).text


def test_page_that_only_stands_open_keeps_no_session_awake(house: build.House, ada: Browser) -> None:
    ada.get("/queue/")
    session = ada.client.session
    session["seen_at"] = before = int(time.time()) - 120
    session.save()
    ada.get("/queue/live/", **HX, **{"Desk-Idle": "1"})
    assert ada.client.session["seen_at"] == before
    ada.get("/queue/live/", **HX)
    assert ada.client.session["seen_at"] > before
