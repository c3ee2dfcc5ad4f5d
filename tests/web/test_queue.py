"""The list: what it shows, to whom, in which order, and how it is asked for."""

from __future__ import annotations

import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from reviews.models import ActionType, QueueStamp
from reviews.services.levels import set_level
from reviews.states import Level, Status
from tests import build
from tests.logins import as_role
from tests.web.pages import HX, Browser, Page


def refs(*items: Any) -> list[str]:
    return [f"ACT-{item.ref}" for item in items]


def search(browser: Browser, query: str) -> Page:
    return browser.get(f"/queue/?{urlencode({'q': query})}")


def found(page: Page) -> set[str]:
    assert page.status == 200, page.text
    return set(page.refs)


@pytest.mark.django_db
def test_stranger_is_sent_to_sign_in_and_back() -> None:
    page = Browser().get("/queue/?q=risk:high")
    assert page.status == 302
    assert page.location == "/sign-in/?next=/queue/%3Fq%3Drisk%3Ahigh"


def test_list_shows_what_waits_most_urgent_first(house: build.House, ada: Browser) -> None:
    mail = build.pending(house, "mail.send")
    delete = build.pending(house, "files.delete")
    refund = build.pending(house, "refund.issue")
    page = ada.get("/queue/")
    assert page.refs == refs(delete, refund, mail)
    assert "Refund 129.50 EUR to 8812" in page.plain
    assert "Delete /srv/reports/2019" in page.plain


def test_what_is_out_of_reach_is_neither_listed_nor_counted(house: build.House, mallory: Browser) -> None:
    item = build.pending(house, "refund.issue")
    page = mallory.get("/queue/")
    assert page.refs == []
    assert "0 waiting" in page.plain
    assert "8812" not in page.text
    assert mallory.get(f"/queue/?q=id:ACT-{item.ref}").refs == []
    assert mallory.get("/queue/?q=is:open").refs == []
    assert "is no action type here" in mallory.get("/queue/?q=type:refund.issue").alert


def test_decided_items_leave_the_list_and_are_found_by_who_decided(
    house: build.House, ada: Browser, grace: Browser
) -> None:
    item = build.pending(house)
    build.decide(house, item)
    assert ada.get("/queue/").refs == []
    assert ada.get("/queue/?q=by:@me").refs == refs(item)
    assert ada.get("/queue/?q=is:decided").refs == refs(item)
    assert grace.get("/queue/?q=by:@me").refs == []
    assert grace.get("/queue/?q=by:ada").refs == refs(item)


def test_open_votes_of_others_cannot_be_searched_for(house: build.House, grace: Browser) -> None:
    item = build.pending(house, "files.delete")
    assert item.action.needed == 2
    build.decide(house, item, name="ada")
    assert grace.get("/queue/?q=by:ada").refs == []
    assert grace.get("/queue/").refs == refs(item)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("risk:high", {"files"}),
        ("risk:low,medium", {"mail", "refund"}),
        ("-risk:high", {"mail", "refund"}),
        ("type:refund.issue", {"refund"}),
        ("-type:refund.issue", {"mail", "files"}),
        ("agent:helper", {"mail", "refund", "files"}),
        ("conf:0.60..0.85", {"refund"}),
        ("conf:>=0.9", {"mail"}),
        ("conf:none", {"files"}),
        ("conf:0.60..0.85,none", {"refund", "files"}),
        ("-conf:0.60..0.85", {"mail", "files"}),
        ("conf:0.61..0.63", {"refund"}),
        ("amount:>=100", {"refund"}),
        ("amount:none", {"mail", "files"}),
        ("amount:100..129", set()),
        ("age:>2h", set()),
        ("age:<2h", {"mail", "refund", "files"}),
        ("assignee:none", {"mail", "refund", "files"}),
        ("claimed:@me", set()),
        ("8812", {"refund"}),
        ('"order" risk:low', {"mail"}),
        ("-8812", {"mail", "files"}),
        ("%", set()),
        ("is:pending", {"mail", "refund", "files"}),
        ("is:clarifying", set()),
        ("queue:support", {"mail", "refund", "files"}),
    ],
)
def test_query_finds_exactly_what_it_says(house: build.House, ada: Browser, query: str, names: set[str]) -> None:
    made = {
        "mail": build.pending(house, "mail.send", confidence=0.95),
        "refund": build.pending(house, "refund.issue", confidence=0.62),
        "files": build.pending(house, "files.delete", confidence=None),
    }
    page = search(ada, query)
    assert found(page) == set(refs(*(made[name] for name in names)))


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("rsk:high", "Did you mean <code>risk</code>?"),
        ("risk:hgh", "Did you mean <code>high</code>?"),
        ("conf:2", "A confidence lies between 0 and 1"),
        ("conf:abc", "is no confidence"),
        ("conf:nan", "A confidence lies between 0 and 1"),
        ("age:soon", "is no duration"),
        ("amount:lots", "is no amount"),
        ("type:nothing.like", "is no action type here"),
        ("assignee:@nobody", "is no person"),
        ('"open', "quotation mark is not closed"),
        ("risk:", "needs a value"),
    ],
)
def test_query_that_is_not_understood_is_said_and_nothing_of_it_applied(
    house: build.House, ada: Browser, query: str, said: str
) -> None:
    item = build.pending(house)
    page = search(ada, f"risk:high {query}")
    assert page.status == 200
    assert said in page.text
    assert "`" not in page.alert
    assert page.refs == refs(item)
    assert 'name="verdict" value="approve"' not in page.text


def test_suggestion_is_a_link_to_the_whole_better_query(ada: Browser) -> None:
    page = search(ada, "rsk:high 8812")
    assert 'href="/queue/?q=risk:high+8812"' in page.text


def test_panel_becomes_a_query_that_can_be_read(house: build.House, ada: Browser) -> None:
    page = ada.get(
        "/queue/?apply=1&q=8812+risk:low&risk=high&risk=critical&type=refund.issue&conf_lo=0.5&conf_hi=&text=8812&agent=&age=%3E2h"
    )
    assert page.status == 302
    query = parse_qs(urlsplit(page.location).query)["q"][0]
    assert query == "risk:high,critical type:refund.issue age:>2h conf:0.5..1 8812"


def test_pages_follow_each_other_without_gap_or_repetition(house: build.House, ada: Browser) -> None:
    made = [build.proposed(house, name) for name in ("mail.send", "refund.issue", "call.place") for _ in range(3)]
    build.route()
    seen: list[str] = []
    url = "/queue/?rows=4"
    while url:
        page = ada.get(url)
        seen += page.refs
        link = re.search(r'rel="next" href="([^"]+)"', page.text)
        url = link.group(1).replace("&amp;", "&") if link else ""
    assert len(seen) == len(set(seen)) == len(made)
    assert seen == ada.get("/queue/").refs


@pytest.mark.parametrize("order", ["age", "-age", "due", "conf", "-conf"])
def test_every_order_pages_through_everything_once(house: build.House, ada: Browser, order: str) -> None:
    for confidence in (0.3, 0.9, 0.6):
        build.proposed(house, confidence=confidence)
    build.route()
    whole = ada.get(f"/queue/?sort={order}").refs
    first = ada.get(f"/queue/?sort={order}&rows=2")
    after = re.search(r'rel="next" href="[^"]*after=([^"&]+)', first.text)
    assert after is not None
    second = ada.get(f"/queue/?sort={order}&rows=2&after={after.group(1)}")
    assert first.refs + second.refs == whole
    assert len(whole) == 3


def test_orders_mean_what_they_say(house: build.House, ada: Browser) -> None:
    low = build.pending(house, confidence=0.3)
    high = build.pending(house, confidence=0.9)
    assert ada.get("/queue/?sort=conf").refs == refs(low, high)
    assert ada.get("/queue/?sort=-conf").refs == refs(high, low)
    assert ada.get("/queue/?sort=-age").refs == refs(high, low)


def test_order_by_confidence_says_what_has_no_place_in_it(house: build.House, ada: Browser) -> None:
    known, unknown = build.pending(house, confidence=0.5), build.pending(house, confidence=None)
    page = ada.get("/queue/?sort=conf")
    assert page.refs == refs(known)
    assert "1 of unknown confidence have no place in this order" in page.plain
    assert ada.get("/queue/?q=conf:none").refs == refs(unknown)


@pytest.mark.parametrize("after", ["x", "bm90anNvbg", "WyJwcmlvIiwgMSwgMl0", "WyJwcmlvIiwgImEiLCAiYiIsICJjIl0"])
def test_cursor_that_is_nonsense_starts_at_the_beginning(house: build.House, ada: Browser, after: str) -> None:
    item = build.pending(house)
    assert ada.get(f"/queue/?after={after}").refs == refs(item)


@pytest.mark.parametrize("rows", ["-1", "0", "1e9", "99999999", "abc", "²"])
def test_row_count_that_is_nonsense_is_brought_within_bounds(house: build.House, ada: Browser, rows: str) -> None:
    item = build.pending(house)
    assert ada.get(f"/queue/?rows={rows}").refs == refs(item)


def test_bar_of_the_histogram_counts_what_its_link_lists(house: build.House, ada: Browser) -> None:
    for confidence in (0.70, 0.749, 0.75, 1.0, None):
        build.proposed(house, confidence=confidence)
    build.route()
    page = ada.get("/queue/")
    bars = re.findall(r'<a href="([^"]+)" class="bar-link"[^>]*aria-label="[\d.]+ to [\d.]+: (\d+)"', page.text)
    assert len(bars) == 20
    assert sum(int(count) for _, count in bars) == 4
    for url, count in bars:
        assert len(ada.get(url).refs) == int(count), url
    assert len(ada.get("/queue/?q=conf:none").refs) == 1


def test_hand_set_threshold_is_shown_without_a_guarantee(house: build.House, ada: Browser) -> None:
    with as_role("web"):
        set_level(
            principal=house.agent, action_type=ActionType.objects.get(name="note.add"), level=Level.L2, threshold=900,
            reason="a trial for two weeks", expires=timezone.now() + timedelta(days=14), by=house.by("lin"),
        )  # fmt: skip
    page = ada.get("/queue/")
    assert "hand-set, no guarantee" in page.plain
    assert 'class="tau"' in page.text


def test_empty_lists_say_why_they_are_empty(house: build.House, ada: Browser) -> None:
    first = ada.get("/queue/").plain
    assert "Nothing has come yet" in first
    assert "A lead can load demo actions" in first
    assert 'href="/import/">Load demo actions' in Browser(house.lin).get("/queue/").text
    assert "No queue reaches you" in Browser(house.root).get("/queue/").plain
    build.decide(house, build.pending(house))
    assert re.search(r"Queue clear\. 1 decided today, median [0-9]+ s\.", ada.get("/queue/").plain)
    build.pending(house, "refund.issue", confidence=0.62)
    build.pending(house, "mail.send", confidence=0.62)
    page = search(ada, "risk:high conf:0.60..0.65 8812")
    assert page.refs == []
    assert "Nothing matches" in page.plain
    assert "Most is left out by risk:high : without it there is 1" in page.plain
    assert 'href="/queue/?q=conf:0.60..0.65+8812">1</a>' in page.text


def test_more_rows_come_as_a_fragment_and_a_restored_page_as_a_page(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    fragment = ada.get("/queue/?part=more", **HX)
    assert fragment.refs == refs(item)
    assert "<html" not in fragment.text
    restored = ada.get("/queue/?part=more", **HX, **{"HX-History-Restore-Request": "true"})
    assert "<html" in restored.text
    assert "HX-Request" in restored.response["Vary"]


def test_pages_with_actions_are_never_stored(house: build.House, ada: Browser) -> None:
    item = build.pending(house)
    for page in (ada.get("/queue/"), ada.open(item)):
        assert "no-store" in page.response["Cache-Control"]
        assert "default-src 'none'" in page.response["Content-Security-Policy"]


def test_unchanged_queue_answers_the_poll_from_its_stamp_alone(house: build.House, ada: Browser) -> None:
    build.pending(house)
    first = ada.get("/queue/live/", **HX)
    etag = first.response["ETag"]
    with CaptureQueriesContext(connection) as queries:
        again = ada.get("/queue/live/", **HX, **{"If-None-Match": etag})
    assert again.status == 304
    read = [q["sql"] for q in queries.captured_queries if "reviews_item" in q["sql"] or "reviews_action" in q["sql"]]
    assert read == []
    QueueStamp.objects.filter(queue=house.queue).update(n=99)
    assert ada.get("/queue/live/", **HX, **{"If-None-Match": etag}).status == 200


def test_poll_says_who_decided_a_row_and_how_many_are_new(house: build.House, grace: Browser) -> None:
    item = build.pending(house)
    build.decide(house, item)
    build.pending(house)
    page = grace.get(f"/queue/live/?refs=ACT-{item.ref}", **HX)
    assert f'<li data-ref="ACT-{item.ref}" data-state="approved" data-by="ada"' in page.text
    assert 'data-fresh="1"' in page.text


def test_poll_tells_nothing_out_of_reach(house: build.House, mallory: Browser) -> None:
    item = build.pending(house)
    page = mallory.get(f"/queue/live/?refs=ACT-{item.ref}", **HX)
    assert page.status == 200
    assert "<li data-ref" not in page.text


def test_own_decisions_of_the_day_stand_by_the_hour(house: build.House, ada: Browser) -> None:
    for _ in range(2):
        build.decide(house, build.pending(house))
    build.decide(house, build.pending(house), name="grace")
    caches["memory"].clear()
    page = ada.get("/queue/?view=all")
    assert "2 in the last hour" in page.plain
    hours = re.search(r"Your decisions today, by the hour ((?:\d\d:00 \d )+)", page.plain)
    assert hours is not None and sum(map(int, hours[1].split()[1::2])) in (1, 2)  # midnight may come between them
    assert "mail.send 3 0 (0%) 0" in page.plain


@pytest.mark.parametrize("address", ["/batch/", "/batch/preview/", "/a/ACT-1/claim/", "/bulk/"])
def test_address_of_a_form_opened_as_a_page_says_so(house: build.House, ada: Browser, address: str) -> None:
    page = ada.get(address)
    assert (page.status, page.response["Allow"]) == (405, "POST")
    assert "Not a page to open" in page.plain and "Back to the queue" in page.plain


BUDGET = 17


@pytest.mark.parametrize("count", [1, 3])
def test_list_costs_the_same_queries_for_one_row_and_three(house: build.House, ada: Browser, count: int) -> None:
    for _ in range(count):
        build.proposed(house, "refund.issue")
    build.route()
    ada.get("/queue/")  # what is kept for a few seconds is kept by now
    with CaptureQueriesContext(connection) as queries:
        assert len(ada.get("/queue/").refs) == count
    mine = [
        q["sql"] for q in queries.captured_queries if not re.search("AUTHORIZATION|CONSTRAINTS|SAVEPOINT", q["sql"])
    ]
    assert len(mine) == BUDGET, "\n".join(mine)


def test_in_doubt_is_found_from_the_list(house: build.House, ada: Browser) -> None:
    action = build.in_doubt(house)
    assert action.state == Status.IN_DOUBT
    page = ada.get("/queue/?q=is:in_doubt")
    assert page.refs == refs(build.item_of(action.id))
    assert "1 in doubt" in page.plain


def test_alarms_of_the_record_are_shown_to_those_who_may_look_at_it(
    house: build.House, ada: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    caches["memory"].clear()
    alarm = SimpleNamespace(alarms=("An event has waited 90 s for its place in the log.",))
    monkeypatch.setattr("reviews.views.queue.health", lambda: alarm)
    assert "waited 90 s" in Browser(house.lin).get("/queue/").plain
    assert "waited 90 s" not in ada.get("/queue/").plain
    caches["memory"].clear()
