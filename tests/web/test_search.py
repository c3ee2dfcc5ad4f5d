"""Search as a reviewer uses it: what each key finds among items that differ in it, and nothing besides."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlencode

import pytest
from django.db import connection

from reviews import services
from reviews.models import SearchText
from reviews.queries import listing
from reviews.schemas import EvidenceIn
from reviews.services.tags import tag
from tests import build
from tests.logins import as_role
from tests.web.pages import Browser, Page

DOUBT = EvidenceIn(kind="source", title="Rules", source="handbook", text="not so", conflict=True)


def search(browser: Browser, query: str, **more: str) -> Page:
    page = browser.get(f"/queue/?{urlencode({'q': query, **more})}")
    assert page.status == 200, page.text
    assert not page.alert, page.alert
    return page


def refund(customer: str, amount: int, note: str) -> dict[str, Any]:
    return {"customer": customer, "amount": amount, "note": note}


def test_each_key_finds_what_it_says_and_nothing_else(house: build.House, ada: Browser) -> None:
    made = {
        "mail": build.pending(house, "mail.send", confidence=0.95),
        "lamp": build.pending(house, "refund.issue", payload=refund("8812", 12_950, "a broken lamp"), confidence=0.62),
        "chair": build.pending(
            house, "refund.issue", payload=refund("Kim Lee", 4_450, "wrong chair"), confidence=0.7, evidence=(DOUBT,)
        ),
        "files": build.pending(house, "files.delete", confidence=None),
    }
    with as_role("web"):
        services.assign(item=made["lamp"].id, assignee=house.grace, by=house.by("lin"))
        services.claim(item=made["chair"].id, by=house.by("grace"))
        tag(items=[made["mail"].id], add=("vip",), by=house.by("ada"))
    names = {f"ACT-{item.ref}": name for name, item in made.items()}
    everything = "mail lamp chair files"
    for query, expected in {
        "customer:8812": "lamp", "customer:lee": "chair", "-customer:8812": "mail chair files",
        'customer:"kim lee"': "chair", "customer:none": "mail files",
        "payload.customer:8812": "lamp", "payload.amount:12950": "lamp", "payload.amount:>5000": "lamp",
        "payload.amount:4000..13000": "lamp chair", "payload.note:none": "mail files", "payload.nothing:1": "",
        "payload.note:>=b": "chair",
        "lamp": "lamp", "lam": "lamp", '"broken lamp"': "lamp", '"lamp broken"': "", "amp": "", "lamp,chair": "",
        "tag:vip": "mail", "tag:none": "lamp chair files", "-tag:vip": "lamp chair files", "tag:other": "",
        "flag:conflict": "chair", "flag:two_person": "files", "flag:edited": "", "flag:late,conflict": "chair",
        "reversible:no": "files", "-reversible:no": "mail lamp chair", "level:L0": everything, "level:L2": "",
        "assignee:grace": "lamp", "assignee:@me": "", "assignee:none": "mail chair files",
        "claimed:@grace": "chair", "claimed:none": "mail lamp files", "is:claimed": "chair",
        "-is:claimed": "mail lamp files",
        "escalated:none": everything, "escalated:@me": "", "currency:eur": "lamp chair", "currency:usd": "",
        "version:1": everything, "version:9": "", "created:<1h": everything, "created:>1h": "",
        "created:<2020-01-01": "",
        "age:<1h": everything, "due:<9d": everything, "due:>9d": "", "amount:44.50": "chair", "amount:>44.50": "lamp",
        "reason:cell": "lamp chair files", "reason:amount": "lamp chair", "reason:routine": "mail",
        "agent:helper": everything, "-agent:helper": "", "-type:refund.issue": "mail files",
        "sort:age risk:low": "mail",
    }.items():  # fmt: skip
        page = ada.get(f"/queue/?{urlencode({'q': query})}")
        page = ada.get(page.location) if page.status == 302 else page
        assert not page.alert, (query, page.alert)
        assert {names[ref] for ref in page.refs} == set(expected.split()), query
        counted = re.search(r'id="matches">([^<]*)<', page.text)
        assert counted is not None and counted.group(1) == f"{len(page.refs)} found", query


def test_history_is_found_by_who_decided_when_and_why(house: build.House, ada: Browser) -> None:
    items = [build.pending(house) for _ in range(3)]
    build.decide(house, items[0])
    build.decide(house, items[1], build.REJECT)
    ref = [f"ACT-{item.ref}" for item in items]
    assert search(ada, "is:decided").refs == [ref[1], ref[0]]
    assert search(ada, "is:rejected").refs == [ref[1]]
    assert search(ada, "decided:<1h by:@me order").refs == [ref[1], ref[0]]
    assert search(ada, "decided:>1h").refs == []
    assert search(ada, "is:open").refs == [ref[2]]
    assert search(ada, f"id:{items[0].ref},{items[2].ref}").refs == [ref[2], ref[0]]
    assert search(ada, ref[1]).refs == [ref[1]]


def test_why_a_routine_item_is_here_cannot_be_told_apart(house: build.House, ada: Browser) -> None:
    """Whatever brought it here beyond the action itself, all of it reads "routine"."""
    item = build.pending(house)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE reviews_action DISABLE TRIGGER USER")
        for name in ("qa_draw", "level", "type_minimum"):
            floors = f'[{{"name": "{name}", "value": "drawn", "outcome": "review"}}]'
            cursor.execute("UPDATE reviews_action SET outcome = 'review', floors = %s", [floors])
            assert search(ada, "reason:routine").refs == [f"ACT-{item.ref}"]
            assert search(ada, "-reason:routine").refs == []
            assert "is no reason known here" in ada.get(f"/queue/?q=reason:{name}").alert


def test_edit_changes_what_is_found_and_erasure_leaves_nothing(house: build.House, ada: Browser) -> None:
    item = build.pending(house, "refund.issue", payload=refund("8812", 12_950, "lamp"))
    shown = build.seen(item)
    with as_role("web"):
        services.edit(
            item=item.id, seen=shown, payload=refund("7741", 4_450, "chair"), reason_code="corrected",
            by=house.by("grace"),
        )  # fmt: skip
    ref = [f"ACT-{item.ref}"]
    assert search(ada, "customer:7741 chair").refs == ref
    assert search(ada, "customer:8812").refs == search(ada, "lamp").refs == []
    assert SearchText.objects.filter(action=item.action_id).count() == 2
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE reviews_searchtext DISABLE TRIGGER USER")
        cursor.execute("DELETE FROM reviews_searchtext")  # as an erasure leaves it
    assert search(ada, "customer:7741").refs == []
    assert ada.get("/queue/").refs == ref


@pytest.mark.parametrize(("few", "common"), [(0, 200_000), (10_000, 200_000), (10_000, -1)])
def test_few_or_many_candidates_give_the_same_pages(
    house: build.House, ada: Browser, monkeypatch: pytest.MonkeyPatch, few: int, common: int
) -> None:
    monkeypatch.setattr(listing, "FEW", few)
    monkeypatch.setattr(listing, "COMMON", common)
    monkeypatch.setattr("reviews.queries.counting.FEW", few)
    for number in range(7):
        build.proposed(house, "refund.issue", payload=refund(str(number), 500 + number, "lamp"), confidence=0.5)
    build.proposed(house, "refund.issue", payload=refund("x", 9_000, "chair"), confidence=0.5)
    build.route()
    for order in ("", "age", "-age", "due", "conf", "type", "-risk,age", "risk"):
        whole = search(ada, "lamp", sort=order).refs
        first = search(ada, "lamp", sort=order, rows="3")
        after = re.search(r'rel="next" href="[^"]*after=([^"&]+)', first.text)
        assert after is not None
        assert first.refs + search(ada, "lamp", sort=order, after=after.group(1)).refs == whole
        assert len(whole) == 7


def test_search_that_runs_out_of_time_shows_what_it_found_and_goes_on(
    house: build.House, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [build.proposed(house, "mail.send", confidence=0.9) for _ in range(6)]
    build.route()
    whole = ada.get("/queue/").refs
    real, calls = listing.try_run, []

    def slow(sql: str, values: dict[str, Any], seconds: float) -> Any:
        """The straight way takes too long, and of the blocks only the first two are in time."""
        if "block AS MATERIALIZED" not in sql:
            return real(sql, values, seconds) if "reviews_item_desk" not in sql or "FROM size" in sql else None
        calls.append(sql)
        return real(sql, values, seconds) if len(calls) < 3 else None

    monkeypatch.setattr(listing, "try_run", slow)
    monkeypatch.setattr(listing, "FIRST_BLOCK", 2)
    monkeypatch.setattr(listing, "MOST_BLOCK", 2)
    page = search(ada, "-flag:late")
    assert page.refs == whole[:4]
    assert "Searched the first 4 in one second." in page.plain
    onward = re.search(r'rel="next" href="([^"]+)"[^>]*>Search on', page.text)
    assert onward is not None
    monkeypatch.undo()
    rest = ada.get(onward.group(1).replace("&amp;", "&"))
    assert page.refs + rest.refs == whole
    assert len(made) == len(whole)


def test_wrong_search_leaves_the_list_of_the_page_before(house: build.House, ada: Browser) -> None:
    mail, files = build.pending(house, "mail.send"), build.pending(house, "files.delete")
    page = ada.get("/queue/?q=rsk:low", Referer="http://testserver/queue/?q=risk:low")
    assert "Unknown filter <code>rsk</code>. Did you mean <code>risk</code>?" in page.text
    assert page.refs == [f"ACT-{mail.ref}"]
    for elsewhere in (
        "",
        "http://evil.test/queue/?q=risk:low",
        "http://testserver/runs/?q=risk:low",
        "http://testserver/queue/?q=x:1",
    ):
        assert ada.get("/queue/?q=rsk:low", Referer=elsewhere).refs == [f"ACT-{files.ref}", f"ACT-{mail.ref}"]


def test_more_rows_grow_the_address_and_end_at_five_hundred(
    house: build.House, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reviews.views.queue.ROWS", 2)
    monkeypatch.setattr("reviews.views.listed.ROWS", 2)
    monkeypatch.setattr("reviews.views.queue.MOST_ROWS", 5)
    for _ in range(7):
        build.proposed(house)
    build.route()
    page = ada.get("/queue/?rows=2")
    part, grown = re.findall(r'hx-get="([^"]+)" hx-push-url="([^"]+)"', page.text)[0]
    assert grown == "/queue/?rows=4"
    more = ada.get(part.replace("&amp;", "&"), **{"HX-Request": "true"})
    assert page.refs + more.refs == ada.get(grown).refs
    assert "hx-push-url" not in more.text
    assert 'rel="next"' in more.text
