"""The record's pages: who sees them, what they record about being read, and jobs from request to result."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.core.cache import caches

from audit import indexing, jobs
from tests import build
from tests.audit.customers import allowed
from tests.audit.world import World, judge, sql
from tests.logins import as_role
from tests.web.pages import Browser

pytestmark = pytest.mark.django_db
PAGES = ("/audit/", "/audit/events/", "/audit/export/")


@pytest.fixture
def house(desk: World) -> build.House:
    made = build.house()
    build.finished(made)
    build.rejected(made)
    desk.sequence()
    with as_role("router"):
        indexing.index_for(10)
    return made


@pytest.fixture
def lin(house: build.House) -> Browser:
    return allowed(house, "view_audit", "open_content", "export_audit", "verify_audit")


def last_event() -> tuple[str, dict[str, Any], dict[str, str]]:
    """Name, data and committed texts of the newest event."""
    name, leaf, event = sql("SELECT name, leaf, id FROM audit.event ORDER BY n DESC LIMIT 1")[0]
    texts = sql("SELECT field, convert_from(body, 'UTF8') FROM audit.content WHERE event_id = %s", event)
    return name, json.loads(bytes(leaf))["data"], {field: json.loads(body)[1] for field, body in texts}


@pytest.mark.parametrize("page", PAGES)
def test_without_the_right_the_page_does_not_exist(house: build.House, page: str) -> None:
    assert Browser(house.mallory).get(page).status == 404
    assert allowed(house).get(page).status == 404
    anonymous = Browser().get(page)
    assert (anonymous.status, anonymous.location) == (302, f"/sign-in/?next={page}")


def test_each_right_opens_its_own_page_only(house: build.House) -> None:
    reader = allowed(house, "view_audit")
    assert [reader.get(page).status for page in PAGES] == [200, 200, 404]
    assert reader.post("/audit/verify/", {}).status == 404
    assert reader.post("/audit/export/", {"reason": "x"}).status == 404
    assert "Verify now" not in reader.get("/audit/").text
    case = sql("SELECT case_id FROM audit.event WHERE name = 'action.proposed' LIMIT 1")[0][0]
    assert "Open texts" not in reader.get(f"/audit/case/{case}/").text
    assert reader.post(f"/audit/case/{case}/", {}).status == 403


def test_the_integrity_page_says_what_was_verified_and_never_more(lin: Browser, desk: World) -> None:
    page = lin.get("/audit/")
    assert page.status == 200
    assert "Nobody has verified this log here yet" in page.plain
    assert desk.signer.vkey in page.text
    assert f"Events under a signed checkpoint {desk.index_of_last() + 1}" in page.plain
    assert "Signed by witnesses by none" in page.plain
    assert "every entry is here, from index 0 on" in page.plain and "0 erasures so far" in page.plain
    sql("INSERT INTO audit.signature (size, signer, line) SELECT 5, w, 'line of ' || w FROM unnest(ARRAY['a', 'b']) w")
    sql("INSERT INTO audit.signature (size, signer, line) VALUES (4, 'c', 'line of c')")
    assert "Signed by witnesses up to 5 events, by 2 witnesses" in lin.get("/audit/").plain
    told = lin.get("/audit/reports/R8/").plain
    assert "whole from index 0" in told and "record and rows compared" in told and "witnesses 2" in told
    assert "guarantee" not in page.plain.lower()
    assert "tamper-proof" not in page.plain.lower()


def test_the_integrity_page_shows_the_watchdogs_alarm(lin: Browser, desk: World) -> None:
    (desk.anchor / "checkpoint").write_text("x\n999999\ny\n")
    assert "The anchor saw 999999 leaves" in lin.get("/audit/").alert
    assert "the anchor saw 999999 leaves" in lin.get("/healthz").text


def test_events_are_found_by_filters_and_the_search_is_recorded(lin: Browser) -> None:
    everything = lin.get("/audit/events/")
    assert everything.text.count("<tr>") > 10
    assert last_event()[0] != "audit.searched"  # looking at the newest page is no search
    found = lin.get("/audit/events/?name=decision.recorded&verdict=reject")
    assert found.text.count("<tr>") == 2  # its head and one row
    name, data, texts = last_event()
    assert (name, data) == ("audit.searched", {"filters": {"fields": ["name", "verdict"]}, "results": 1})
    assert texts == {"filters": "name=decision.recorded; verdict=reject"}
    leaf = json.loads(bytes(sql("SELECT leaf FROM audit.event ORDER BY n DESC LIMIT 1")[0][0]))
    assert leaf["actor"]["ref"].startswith("psn_")
    assert len(leaf["actor"]["session"]) == 12
    assert len(leaf["request"]) == 36


def test_search_pages_by_keyset(lin: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.views.PAGE", 4)
    seen, url = [], "/audit/events/"
    total = sql("SELECT count(*) FROM audit.event")[0][0]
    for _ in range(20):
        page = lin.get(url)
        seen += page.text.split("<tr>")[2:]
        if 'rel="next"' not in page.text:
            break
        url = "/audit/events/" + page.text.partition('rel="next" href="')[2].partition('"')[0]
    assert len(seen) == total == sql("SELECT count(*) FROM audit.event")[0][0]


@pytest.mark.parametrize(
    "query",
    [
        "batch=x", "since=yesterday", "until=9999-12-31T23:59:59.999999-23:59", "before=0",
        "before=99999999999999999999", "name=made.up", "case=%00", "actor=%00a",
    ],
)  # fmt: skip
def test_odd_filters_are_refused_with_words(lin: Browser, query: str) -> None:
    assert lin.get(f"/audit/events/?{query}").status == 422


@pytest.mark.parametrize("query", ["case=%27%3B--", "case=action:x", "actor=%F0%9F%92%A9", "type=%25s", "agent=%7B%7D"])
def test_strange_filters_find_nothing(lin: Browser, query: str) -> None:
    page = lin.get(f"/audit/events/?{query}")
    assert (page.status, "No events" in page.text) == (200, True)


def test_a_timeline_shows_the_case_and_opening_its_texts_is_recorded(lin: Browser) -> None:
    case = sql("SELECT case_id FROM audit.event WHERE change_to = 'rejected'")[0][0]
    page = lin.get(f"/audit/case/{case}/")
    assert "Rejected" in page.plain
    assert "pending → rejected" in page.plain
    [(at,)] = sql("SELECT at FROM audit.event WHERE change_to = 'rejected'")
    assert f"{at:%-d %b %Y %H:%M:%S}" in page.plain, "the order of things is read to the second"
    assert "rationale:" not in page.plain
    before = sql("SELECT count(*) FROM audit.event")
    opened = lin.post(f"/audit/case/{case}/", {})
    assert "rationale:" in opened.plain or "identity:" in opened.plain
    assert last_event()[:2] == ("content.opened", {"case": case, "event": None, "field": "", "purpose": "timeline"})
    assert sql("SELECT count(*) FROM audit.event") == [(before[0][0] + 1,)]
    for odd in ("action:unknown", "x", "a'b", "é" * 50):
        assert lin.get(f"/audit/case/{odd}/").status == 404


def test_an_entry_that_waits_has_no_proof_yet(lin: Browser, desk: World, house: build.House) -> None:
    action = build.proposed(house)
    page = lin.get(f"/audit/case/action:{action}/")
    assert "waiting for its place in the log" in page.plain
    event = sql("SELECT id FROM audit.event WHERE case_id = %s", f"action:{action}")[0][0]
    assert lin.get(f"/audit/proof/{event}/").status == 404
    desk.sequence()
    text = lin.get(f"/audit/proof/{event}/").text
    assert text.startswith("c2sp.org/tlog-proof@v1\nindex ")
    assert text.endswith(sql("SELECT signature FROM audit.checkpoint ORDER BY size DESC LIMIT 1")[0][0])
    assert lin.get("/audit/checkpoint/").text == (desk.anchor / "checkpoint").read_text()


def run_job() -> None:
    with as_role("router"):
        assert jobs.run_next_job()


def test_verify_runs_as_a_job_and_its_result_is_an_event(lin: Browser, desk: World) -> None:
    with as_role("router"):
        assert not jobs.run_next_job()
    asked = lin.post("/audit/verify/", {})
    assert asked.status == 302
    assert "Waiting for the keeper" in lin.get(asked.location).plain
    part = lin.get(asked.location, **{"HX-Request": "true", "HX-Target": "job"})
    assert part.text.startswith('<section class="panel" id="job"')
    assert "hx-get" in part.text
    run_job()
    page = lin.get(asked.location)
    size = desk.index_of_last() + 1
    assert f"Verified up to {size} events of {size}" in page.plain
    assert "hx-get" not in page.text
    name, data, _ = last_event()
    assert (name, data["outcome"], data["size"], data["findings"]) == ("audit.verified", "valid", size, [])
    assert f"Valid Verified up to {size} events at " in lin.get("/audit/").plain
    assert "Rows agree" in lin.get("/audit/").plain
    assert list((jobs.folder()).glob("*")) == []


def test_verify_names_what_it_finds(lin: Browser, desk: World) -> None:
    with desk.unguarded():
        sql("UPDATE audit.event SET leaf = replace(leaf::text, '22617070726f766522', '22617070726f667522')::bytea")
    asked = lin.post("/audit/verify/", {})
    run_job()
    page = lin.get(asked.location)
    assert "Tampered" in page.plain
    assert "ROOT" in page.plain
    assert last_event()[1]["outcome"] == "tampered"
    assert "Tampered" in lin.get("/audit/").plain


def edit_a_vote(desk: World) -> None:
    """Behind the log's back: the vote's row says another verdict."""
    with desk.unguarded():
        sql("ALTER TABLE reviews_decision DISABLE TRIGGER ALL")
        sql("UPDATE reviews_decision SET verdict = 'approve' WHERE verdict = 'reject'")


def test_rows_are_compared_before_an_export_and_what_differs_is_an_alarm(lin: Browser, desk: World) -> None:
    assert "were not compared here yet" in lin.get("/audit/").plain
    asked = lin.post("/audit/export/", {"reason": "the yearly audit"})
    run_job()
    assert "Record and rows differ" not in lin.get(asked.location).plain
    assert "Rows agree" in lin.get("/audit/").plain
    assert last_event()[0] == "audit.exported"  # nothing to say
    assert lin.get("/audit/").alert == ""

    edit_a_vote(desk)
    asked = lin.post("/audit/export/", {"reason": "the yearly audit"})
    run_job()
    page = lin.get(asked.location)
    assert "The export is ready" in page.plain and "Record and rows differ. PROJECTION" in page.alert
    name, data, _ = last_event()
    assert (name, data["outcome"], data["findings"]) == ("audit.verified", "tampered", ["PROJECTION"])
    integrity = lin.get("/audit/")
    assert "found changes: PROJECTION" in integrity.alert and "Rows differ" in integrity.plain
    assert "found changes: PROJECTION" in lin.get("/healthz").text
    caches["memory"].clear()
    assert "found changes: PROJECTION" in lin.get("/queue/").plain
    caches["memory"].clear()


def test_the_nightly_check_compares_the_rows_too(lin: Browser, desk: World) -> None:
    sql("ALTER TABLE audit.event DISABLE TRIGGER append_only")
    assert "nobody has verified the log for two days" not in lin.get("/healthz").text
    sql("UPDATE audit.event SET at = at - interval '3 days' WHERE n = (SELECT min(n) FROM audit.event)")
    assert "nobody has verified the log for two days" in lin.get("/healthz").text
    edit_a_vote(desk)
    with as_role("router"):
        assert jobs.request_daily() and not jobs.request_daily()
    run_job()
    assert "nobody has verified" not in lin.get("/healthz").text
    assert jobs.queries.newest_job("verify").requested_by == "keeper"
    assert {"PROJECTION", "COLUMNS"} <= set(jobs.queries.newest_comparison().result["reconciled"])
    assert "found changes" in lin.get("/healthz").text
    assert last_event()[:1] == ("audit.verified",)


def test_an_export_is_asked_for_with_a_reason_and_fetched_by_who_asked(
    lin: Browser, house: build.House, tmp_path: Path
) -> None:
    assert lin.post("/audit/export/", {"reason": ""}).status == 422
    asked = lin.post("/audit/export/", {"reason": "the yearly audit", "opened": ["payload", "reason"]})
    name, data, texts = last_event()
    assert (name, data["opened"], texts) == ("audit.exported", ["payload", "reason"], {"reason": "the yearly audit"})
    run_job()
    page = lin.get(asked.location)
    assert "The export is ready" in page.plain
    with as_role("web"):
        answer = lin.client.get(f"{asked.location}file/")
    pack = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    pack.extractall(tmp_path / "unpacked")
    place = next((tmp_path / "unpacked").iterdir())
    assert judge(place)[:2] == (0, {})
    other = Browser(house.grace)
    house.grace.user_permissions.set(Permission.objects.filter(codename__in=["view_audit", "export_audit"]))
    assert other.get(f"{asked.location}file/").status == 404


def test_a_case_can_be_exported_with_its_texts_closed(lin: Browser, house: build.House, tmp_path: Path) -> None:
    case = sql("SELECT case_id FROM audit.event WHERE change_to = 'rejected'")[0][0]
    asked = lin.post("/audit/export/", {"reason": "complaint", "case": case})
    run_job()
    with as_role("web"):
        answer = lin.client.get(f"{asked.location}file/")
    pack = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content)))
    names = [name.partition("/")[2] for name in pack.namelist()]
    assert "proofs/000000.tlog-proof" in names
    pack.extractall(tmp_path / "unpacked")
    place = next((tmp_path / "unpacked").iterdir())
    assert judge(place)[:2] == (0, {})
    assert b'"salt"' not in (place / "content.jsonl").read_bytes()


def test_texts_are_opened_in_an_export_only_with_the_right(house: build.House) -> None:
    keeper = allowed(house, "view_audit", "export_audit")
    assert "Include the texts" not in keeper.get("/audit/export/").plain
    assert keeper.post("/audit/export/", {"reason": "x", "opened": "payload"}).status == 403
    assert sql("SELECT count(*) FROM audit.job") == [(0,)]


def test_a_job_that_fails_says_why(lin: Browser) -> None:
    asked = lin.post("/audit/verify/", {})
    jobs.folder().parent.mkdir(parents=True, exist_ok=True)
    jobs.folder().write_text("in the way")
    with as_role("router"), pytest.raises(OSError):
        jobs.run_next_job()
    assert "could not be carried out" in lin.get(asked.location).plain
    assert "Not finished" in lin.get("/audit/").plain


def test_a_job_whose_process_died_is_given_up(lin: Browser) -> None:
    asked = lin.post("/audit/verify/", {})
    sql("UPDATE audit.job SET state = 'running', started = clock_timestamp() - interval '3 hours'")
    with as_role("router"):
        assert not jobs.run_next_job()
    assert "could not be carried out: its process ended" in lin.get(asked.location).plain


def test_changes_want_a_post_with_its_token(lin: Browser) -> None:
    assert lin.get("/audit/verify/").status == 405
    assert lin.post("/audit/verify/", {}, token=False).status == 403
    assert lin.post("/audit/export/", {"reason": "x"}, token=False).status == 403
    assert sql("SELECT count(*) FROM audit.job") == [(0,)]


def test_the_admin_shows_the_record_and_changes_nothing(house: build.House) -> None:
    root = Browser(house.root)
    event = sql("SELECT n FROM audit.event LIMIT 1")[0][0]
    size = sql("SELECT max(size) FROM audit.checkpoint")[0][0]
    for page in ("event/", f"event/{event}/change/", "checkpoint/", f"checkpoint/{size}/change/", "job/"):
        assert root.get(f"/admin/audit/{page}").status == 200
    assert root.get("/admin/audit/event/add/").status == 403
    assert root.post(f"/admin/audit/event/{event}/delete/", {"post": "yes"}).status == 403
    assert root.post(f"/admin/audit/event/{event}/change/", {"name": "x"}).status == 403
    assert root.get("/admin/audit/content/").status == 404
