"""Insight pages: whose figures they show, that they add up, and what they do not pretend to know."""

from __future__ import annotations

import csv
import io
import re

import pytest
from django.core.cache import caches
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import Event
from tests import build
from tests.web.pages import Browser, Page
from tests.web.test_queue_plans import plan

PAGES = ("", "team/", "queue/", "quality/", "agents/")


@pytest.fixture
def lin(house: build.House) -> Browser:
    """Leads the queue that ada and grace review."""
    return Browser(house.lin)


def table(page: Page) -> list[dict[str, str]]:
    """A CSV as its rows."""
    assert page.response["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(page.text)))


@pytest.fixture
def busy(house: build.House) -> build.House:
    """Approved, rejected, taken back, edited, decided by two: something for every figure."""
    build.rejected(house)
    build.approved(house, confidence=0.93)
    build.approved(house, "files.delete")
    build.decide(house, build.pending(house, confidence=0.41), name="grace")
    build.pending(house, "refund.issue")
    return house


def test_my_day_shows_my_decisions_and_nobody_elses(busy: build.House, ada: Browser, lin: Browser) -> None:
    mine = {row["type"]: row for row in table(ada.get("/insights/?csv=verdicts"))}
    assert (mine["mail.send"]["approved"], mine["mail.send"]["rejected"]) == ("1", "1")
    assert (mine["files.delete"]["approved"], mine["files.delete"]["rejected"]) == ("1", "0")
    assert [row["type"] for row in table(Browser(busy.grace).get("/insights/?csv=verdicts"))] == [
        "files.delete",
        "mail.send",
    ]
    page = lin.get("/insights/")
    assert "You decided nothing in this time." in page.plain
    assert "Ada" not in page.plain.replace("Adam", "")


def test_quality_counts_what_people_changed_with_its_interval(busy: build.House, ada: Browser) -> None:
    rows = {row["type"]: row for row in table(ada.get("/insights/quality/?csv=overrides"))}
    mail = rows["mail.send"]
    assert (mail["decided"], mail["rejected"], mail["edited"], mail["overridden"]) == ("3", "1", "0", "0.3333")
    assert float(mail["overridden_low"]) == pytest.approx(0.0615, abs=1e-3)  # Wilson, 1 of 3
    assert float(mail["overridden_high"]) == pytest.approx(0.7923, abs=1e-3)
    pairs = table(ada.get("/insights/quality/?csv=agreement"))
    assert [(row["type"], row["pairs"], row["agreed"]) for row in pairs] == [("files.delete", "1", "1")]
    labels = {row["type"]: row for row in table(ada.get("/insights/quality/?csv=labels"))}
    assert (labels["mail.send"]["labels"], labels["mail.send"]["to_go"]) == ("3", "274")
    assert "No calibration yet" in ada.get("/insights/quality/").plain


def test_what_was_taken_back_counts_as_that_alone(house: build.House, ada: Browser) -> None:
    from reviews.services import retract
    from tests.logins import as_role

    vote = build.decide(house, build.pending(house))
    with as_role("web"):
        retract(decision=vote.id, by=house.by("ada"))
    undone = table(ada.get("/insights/quality/?csv=undo"))
    assert [(row["cast"], row["taken_back"], row["undo_share"]) for row in undone] == [("1", "1", "1.0")]
    assert "CSV of Overrides" not in ada.get("/insights/quality/").plain


def test_a_first_vote_of_two_shows_nowhere_before_the_item_is_closed(
    house: build.House, grace: Browser, lin: Browser
) -> None:
    item = build.pending(house, "files.delete")
    build.decide(house, item)
    for page in ("", "queue/", "quality/", "agents/"):
        for figure in re.findall(r'csv=([a-z]+)"', grace.get(f"/insights/{page}").text):
            rows = table(grace.get(f"/insights/{page}?csv={figure}"))
            told = {
                name: row[name] for row in rows for name in row if name in ("approved", "decided", "cast", "labels")
            }
            assert set(told.values()) <= {"0"}, (page, figure, rows)
    assert table(lin.get("/insights/team/?csv=pace")) == []
    build.decide(house, item, name="grace")
    assert table(grace.get("/insights/quality/?csv=overrides"))[0]["decided"] == "2"


def test_queue_health_adds_up_and_sees_unmanned_queues(busy: build.House, ada: Browser) -> None:
    flow = table(ada.get("/insights/queue/?csv=flow"))
    assert [(row["queue"], row["came_in"], row["went_out"], row["net"]) for row in flow] == [("support", "5", "4", "1")]
    assert "too few people" not in ada.get("/insights/queue/").plain
    busy.reviewers.authority.all().delete()
    busy.leads.authority.all().delete()
    assert "support: 1 wait, and too few people are here who may decide" in ada.get("/insights/queue/").plain


def test_agents_show_stated_confidence_beside_verdicts_and_claim_nothing(busy: build.House, ada: Browser) -> None:
    page = ada.get("/insights/agents/")
    assert "Not calibrated." in page.plain
    assert re.search(r"\d+ labels to go \(at least 277\)", page.plain)
    bins = table(ada.get("/insights/agents/?csv=confidence"))
    high = next(row for row in bins if row["confidence_from"] == "0.9")
    assert (high["stated"], high["decided"], high["passed"]) == ("0.93", "1", "1")
    made = {row["type"]: row for row in table(ada.get("/insights/agents/?csv=proposals"))}
    assert (made["mail.send"]["proposed"], made["mail.send"]["rejected"]) == ("3", "1")
    assert made["refund.issue"]["automation"] == ""  # nothing decided: no share, not zero


def test_the_team_page_tells_who_has_what_in_hand(house: build.House, lin: Browser) -> None:
    from reviews.services import assign, claim
    from tests.logins import as_role

    one, two, done = build.pending(house), build.pending(house), build.pending(house)
    with as_role("web"):
        claim(item=one.id, by=house.by("ada"))
        assign(item=two.id, assignee=house.grace, by=house.by("lin"))
        assign(item=done.id, assignee=house.grace, by=house.by("lin"))
    build.decide(house, done)
    rows = {row["person"]: (row["assigned"], row["claimed"]) for row in table(lin.get("/insights/team/?csv=load"))}
    assert rows == {"Ada": ("0", "1"), "Grace": ("1", "0"), "Lin": ("0", "0"), "Noor": ("0", "0")}


def test_the_team_page_is_for_leads_and_ranks_nobody(busy: build.House, ada: Browser, lin: Browser) -> None:
    assert ada.get("/insights/team/").status == 403
    assert "insights/team" not in ada.get("/insights/").text
    people = [row["person"] for row in table(lin.get("/insights/team/?csv=load"))]
    assert people == sorted(people)
    assert set(people) == {"Ada", "Grace", "Lin", "Noor"}
    assert "decided" not in table(lin.get("/insights/team/?csv=load"))[0]
    together = table(lin.get("/insights/team/?csv=pace"))
    assert [(row["people"], row["decisions"]) for row in together] == [("2", "")]  # two people: nobody's figure


def test_days_are_the_readers_and_files_are_utc(busy: build.House) -> None:
    for zone in (
        "Pacific/Kiritimati",
        "Pacific/Pago_Pago",
    ):  # 14 hours ahead and 11 behind: one of them has another day
        busy.ada.time_zone = zone
        busy.ada.save()
        ada = Browser(busy.ada)
        page = ada.get("/insights/")
        assert f"Days and hours are those of {zone}" in page.plain
        assert sum(int(row["approved"]) for row in table(ada.get("/insights/?csv=verdicts"))) == 2
        days = {row["day"] for row in table(ada.get("/insights/queue/?csv=flow"))}
        assert days <= {
            Event.objects.earliest("n").at.date().isoformat(),
            Event.objects.latest("n").at.date().isoformat(),
        }


def test_counts_end_where_reach_ends(busy: build.House, mallory: Browser) -> None:
    assert mallory.get("/insights/team/").status == 403
    for page in ("", "queue/", "quality/", "agents/"):
        found = mallory.get(f"/insights/{page}")
        assert found.status == 200
        for word in ("mail.send", "refund.issue", "support", "helper"):
            assert word not in found.plain, (page, word)
        assert mallory.get(f"/insights/{page}?queue=support").status == 422


BAD = {
    "since=yesterday": "Enter a valid date",
    "since=2026-02-30": "Enter a valid date",
    "since=2020-01-01": "At most 92 days",
    "until=9999-12-31": "has not come yet",
    "since=2026-11-02&until=2026-11-01": "begins after it ends",
    "queue=nowhere": "no queue of this name",
    "type=%00": "type holds a NUL",
    "csv=nothing": "no table of this name",
    "since=0001-01-01&until=0001-01-01": "",
}


def test_bad_values_are_named_and_nothing_is_guessed(ada: Browser) -> None:
    for query, words in BAD.items():
        found = ada.get(f"/insights/quality/?{query}")
        assert (found.status, words in found.plain) == (422 if words else 200, True), query


def test_a_cell_never_begins_like_a_formula(house: build.House, ada: Browser) -> None:
    house.ada.first_name = '=HYPERLINK("http://x")'
    house.ada.save()
    text = Browser(house.lin).get("/insights/team/?csv=load").text
    assert "\"'=HYPERLINK" in text
    assert "\r\n=" not in text


MOST = {"": 14, "queue/": 22, "quality/": 16, "agents/": 18, "team/": 24}


def test_pages_ask_little_however_much_there_is(busy: build.House, lin: Browser) -> None:
    for page, most in MOST.items():
        with CaptureQueriesContext(connection) as asked:
            assert lin.get(f"/insights/{page}").status == 200
        ours = [q["sql"] for q in asked.captured_queries if q["sql"].lstrip().startswith(("SELECT", "WITH"))]
        assert len(ours) <= most, "\n".join(ours)


def test_each_figure_reads_its_stretch_of_time_by_an_index(busy: build.House, lin: Browser) -> None:
    with CaptureQueriesContext(connection) as asked:
        for page in PAGES:
            lin.get(f"/insights/{page}")
    ours = [q["sql"] for q in asked.captured_queries if "'::timestamptz AND" in q["sql"] and "absence" not in q["sql"]]
    used = set()
    for sql in ours:
        found = plan(sql)
        for table in ("decision", "item", "action"):
            assert f"Seq Scan on reviews_{table} " not in found, f"{sql}\n{found}"
        assert "LIMIT" in sql.upper(), sql
        used |= set(re.findall(r"decision_at|decision_by|item_came|item_closed|action_created_at", found))
    assert len(ours) > 8
    assert used >= {"decision_at", "item_came", "item_closed", "action_created_at"}


def test_a_break_is_suggested_to_whoever_needs_one_and_to_nobody_else(
    house: build.House, ada: Browser, grace: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reviews.breaks.MANY", 2)
    caches["memory"].clear()
    assert "Break?" not in ada.get("/queue/").plain
    caches["memory"].clear()
    for _ in range(2):
        build.decide(house, build.pending(house))
    before = Event.objects.count()
    assert "Break? 2 decisions without a break. Only you see this." in ada.get("/queue/").plain
    assert "Break?" not in grace.get("/queue/").plain
    assert "Break?" not in Browser(house.lin).get("/insights/team/").plain
    assert Event.objects.count() == before
    item = build.pending(house)
    assert ada.send(item, "decide", verdict="approve", reason_code="checked").status in (200, 303)  # it blocks nothing
    gone = ada.post("/insights/no-break/", {"next": "/queue/?q=risk:low"})
    assert (gone.status, gone.location) == (303, "/queue/?q=risk:low")
    assert "Break?" not in ada.get("/queue/").plain
    assert ada.post("/insights/no-break/", {"next": "https://example.org/"}).location == "/queue/"
