"""Finding events by what they say, by whom and in which words; and taking the found cases away."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime, timedelta
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from audit import indexing, jobs, queries
from audit.export import ExportFailed
from audit.queries import Filters
from audit.words import tokens
from tests import build
from tests.audit.customers import allowed
from tests.audit.world import World, judge, sql
from tests.logins import as_role
from tests.web.pages import Browser, Page

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(desk: World) -> build.House:
    made = build.house()
    build.finished(made, "refund.issue", reasoning="The customer was charged twice")
    build.rejected(made)
    desk.sequence()
    file_words()
    return made


def file_words() -> None:
    with as_role("router"):
        indexing.index_for(10)


def names(**given: object) -> list[str]:
    with as_role("web"):
        return [row.name for row in queries.search(Filters(**given))]  # type: ignore[arg-type]


def test_each_filter_finds_its_events_and_no_others(house: build.House) -> None:
    assert names(verdict="approve") == names(verdict="reject") == ["decision.recorded"]
    assert set(names(type="refund.issue")) >= {"action.proposed", "decision.recorded", "attempt.finished"}
    assert "attempt.finished" not in names(type="mail.send")
    assert names(type="refund.issue", verdict="reject") == []
    assert names(reason="unsupported") + names(reason=house_reason()) == ["decision.recorded"]
    assert names(actor="ada", name="decision.recorded") == ["decision.recorded"] * 2
    assert names(actor="nobody") == names(agent="nobody") == []
    assert names(agent="helper", name="action.proposed") == ["action.proposed"] * 2
    assert names(words=tokens("charged TWICE"), type="refund.issue") == ["action.proposed"]
    assert names(words=tokens("charged"), type="mail.send") == names(words=tokens("chargé")) == []
    later = datetime.now(UTC) + timedelta(hours=1)
    assert names(words=tokens("charged"), since=later) == []


def test_filters_together_find_what_each_of_them_finds(house: build.House) -> None:
    sql("ALTER TABLE audit.event DISABLE TRIGGER append_only")
    sql("UPDATE audit.event SET batch_id = gen_random_uuid() WHERE change_to = 'approved'")
    batch = sql("SELECT batch_id FROM audit.event WHERE batch_id IS NOT NULL LIMIT 1")[0][0]
    middle = sql("SELECT percentile_disc(0.5) WITHIN GROUP (ORDER BY at) FROM audit.event")[0][0]
    given: list[dict[str, Any]] = [
        {"type": "refund.issue"}, {"verdict": "approve"}, {"verdict": "reject"}, {"reason": house_reason()},
        {"agent": "helper"}, {"actor": "ada"}, {"name": "decision.recorded"}, {"batch": batch}, {"since": middle},
        {"until": middle}, {"words": tokens("charged")}, {"case": case_and_number()[0]},
    ]  # fmt: skip
    alone = [set(numbers(**one)) for one in given]
    assert all(alone)
    for (one, its), (other, others) in combinations(zip(given, alone, strict=True), 2):
        if not one.keys() & other.keys():
            both = numbers(**one, **other)
            assert both == sorted(its & others, reverse=True), (one, other)
            for place in range(len(both)):  # and the page after each of them
                with as_role("web"):
                    below = queries.search(Filters(**one, **other), before=both[place])
                assert [row.n for row in below] == both[place + 1 :]


def numbers(**given: Any) -> list[int]:
    with as_role("web"):
        return [row.n for row in queries.search(Filters(**given), limit=500)]


def house_reason() -> str:
    rows = sql("SELECT convert_from(leaf, 'UTF8') FROM audit.event WHERE name = 'decision.recorded'")
    return next(code for (leaf,) in rows if (code := json.loads(leaf)["data"].get("reason_code")))


def test_no_event_is_skipped_and_none_filed_twice(house: build.House, desk: World) -> None:
    build.pending(house)
    desk.sequence()
    file_words()
    file_words()
    assert sql("SELECT count(*) FROM audit.search") == sql("SELECT count(*) FROM audit.leaf")
    sql("DELETE FROM audit.search")  # derived: made again from the record
    file_words()
    assert sql("SELECT count(*) FROM audit.search") == sql("SELECT count(*) FROM audit.leaf")
    with as_role("web"), pytest.raises(DatabaseError), transaction.atomic():
        sql("SELECT audit.index_words('{1}', '{x}')")


def test_an_open_canary_shows_to_nobody_who_looks_at_it_sideways(house: build.House) -> None:
    sql("ALTER TABLE audit.event DISABLE TRIGGER ALL")
    sql(
        "INSERT INTO audit.event (id, name, at, case_id, case_seq, actor_ref, writer, leaf_hash, leaf) SELECT"
        " gen_random_uuid(), 'canary.seeded', now(), case_id, 99, 'x', 'web', leaf_hash, leaf FROM audit.event"
        " WHERE name = 'decision.recorded' LIMIT 1"
    )
    spying = "SELECT count(*) FROM {} WHERE name = 'canary.seeded' AND 1 / (case_seq - 99) > 0"
    for table in ("audit.event_web", "audit.event"):
        with as_role("web"):
            assert sql(spying.format(table)) == [(0,)]
    with as_role("router"), pytest.raises(DatabaseError, match="division by zero"), transaction.atomic():
        sql(spying.format("audit.event"))


def test_words_need_the_right_to_read_texts(house: build.House) -> None:
    reader, lead = allowed(house, "view_audit"), None
    assert reader.get("/audit/events/?type=refund.issue").status == 200
    refused = reader.get("/audit/events/?words=charged")
    assert refused.status == 422 and "may not" in refused.text
    lead = allowed(house, "view_audit", "open_content")
    found = lead.get("/audit/events/?words=charged&since=2020-01-01T00:00")
    assert (
        found.status == 200
        and "action.proposed" in found.text
        and "decision.recorded" not in found.text.split("</form>")[-1]
    )
    told = sql("SELECT convert_from(leaf, 'UTF8') FROM audit.event WHERE name = 'audit.searched' ORDER BY n DESC")
    assert "charged" not in told[0][0] and '"words"' in told[0][0]
    for bad in ("words=!", "words=%00", "reason=A B", "batch=x", "since=never", "before=0", "before=" + "9" * 30):
        assert lead.get(f"/audit/events/?{bad}").status == 422


def test_a_filtered_export_proves_each_event_and_brings_a_dossier(house: build.House, desk: World) -> None:
    lead = allowed(house, "view_audit", "open_content", "export_audit")
    form = {"type": "refund.issue", "opened": ["reason", "message"], "reason": "the customer asked"}
    assert lead.post("/audit/export/", form).status == 302
    job = queries.jobs()[0]
    assert job.params["filters"] == {"type": "refund.issue"}
    with as_role("router"):
        place = jobs._make(job)
    case = json.loads((place / "manifest.json").read_text())["cases"]
    exit_code, found, verdict = judge(place, "--case", case[0])
    assert (len(case), exit_code, found) == (1, 0, {}), verdict
    states = {
        (line["field"], line["state"]) for line in map(json.loads, (place / "content.jsonl").read_text().splitlines())
    }
    assert {("message_1", "open"), ("payload", "withheld"), ("identity", "withheld")} <= states
    story = (place / "dossier.html").read_text()
    assert "charged twice" in story and "Approved by" in story and "not opened" in story and "<script" not in story
    (place / "dossier.html").write_text(story + " ")
    assert judge(place)[1].keys() == {"MANIFEST"}
    with pytest.raises(ExportFailed, match="no case matches"):
        jobs._chosen({"type": "no.such"})
    for bad in ({"case": "action:1", "type": "x"}, {"opened": ["secrets"]}, {"reason": ""}):
        assert lead.post("/audit/export/", {"reason": "r"} | bad).status == 422


def case_and_number() -> tuple[str, str]:
    action, ref = sql("SELECT action_id, ref FROM reviews_item i JOIN reviews_action a ON a.id = i.action_id"
                      " WHERE a.type_id = 'refund.issue'")[0]  # fmt: skip
    return f"action:{action}", f"ACT-{ref}"


def test_a_number_leads_to_its_case_in_every_spelling(house: build.House) -> None:
    case, number = case_and_number()
    reader = allowed(house, "view_audit")
    for typed in (number, number.lower(), f"%20{number}%20"):
        assert reader.get(f"/audit/case/{typed}/").location == f"/audit/case/{case}/"
    page = reader.get(f"/audit/case/{case}/").plain
    assert f"Timeline of {number}" in page and case in page
    for odd in ("ACT-999999999", "ACT-", "ACT-1x", "ACT--1", f"{number}0000000000000000", "ACT-١"):
        assert reader.get(f"/audit/case/{odd}/").status == 404
    assert allowed(house).get(f"/audit/case/{number}/").status == 404
    assert Browser(house.mallory).get(f"/audit/case/{number}/").status == 404


def rows_of(page: Page) -> list[str]:
    return page.text.partition("<tbody>")[2].split("<tr>")[1:]


def test_a_number_is_searched_for_as_a_case_and_among_words(house: build.House) -> None:
    case, number = case_and_number()
    lead = allowed(house, "view_audit", "open_content")
    count = sql("SELECT count(*) FROM audit.event WHERE case_id = %s", case)[0][0]
    for query in (f"case={number}", f"case={number.lower()}", f"words={number}"):
        found = rows_of(lead.get(f"/audit/events/?{query}"))
        assert len(found) == count and all(number in row and case in row for row in found)
    both = rows_of(lead.get(f"/audit/events/?words={number}+charged"))
    assert len(both) == 1 and "action.proposed" in both[0]
    other = sql("SELECT ref FROM reviews_item WHERE action_id <> %s", case.removeprefix("action:"))[0][0]
    assert "No events" in lead.get(f"/audit/events/?words=ACT-{other}+charged").text
    assert "No events" in lead.get("/audit/events/?case=ACT-999999999").text
    assert "No events" in lead.get("/audit/events/?words=ACT-999999999").text  # then it is a word like others


def test_a_number_names_a_case_to_export_hold_erase_and_report(house: build.House, desk: World, tmp_path: Path) -> None:
    case, number = case_and_number()
    lead = allowed(house, "view_audit", "open_content", "export_audit", "hold_content", "erase_content")
    assert lead.post("/audit/export/", {"case": number, "reason": "a complaint"}).status == 302
    assert queries.jobs()[0].params["cases"] == [case]
    assert lead.post("/audit/export/", {"case": "ACT-999999999", "reason": "x"}).status == 422
    assert f"{number}<br>" in lead.get(f"/audit/erase/?case={number}").text
    assert lead.post("/audit/holds/", {"scope": "case", "case": number, "reason": "a court asked"}).status == 302
    assert sql("SELECT target FROM audit.hold") == [(case,)]
    assert number in lead.get("/audit/holds/").plain
    assert lead.post("/audit/holds/", {"scope": "case", "case": "ACT-999999999", "reason": "x"}).status == 422
    by_number, by_id = (lead.get(f"/audit/reports/R11/?case={named}").text for named in (number, case))
    lines = by_number.partition('aria-label="Lines"')[2].partition("</table>")[0]
    assert lines and lines == by_id.partition('aria-label="Lines"')[2].partition("</table>")[0]
    with as_role("auditor"):
        call_command("audit_export", str(tmp_path / "one"), "--case", number, stdout=io.StringIO())
        with pytest.raises(CommandError, match="there is no case ACT-999999999"):
            call_command("audit_export", str(tmp_path / "two"), "--case", "ACT-999999999")
    assert json.loads((tmp_path / "one" / "manifest.json").read_text())["cases"] == [case]
    assert f"{number}: {case}" in (tmp_path / "one" / "dossier.html").read_text()
    assert judge(tmp_path / "one")[:2] == (0, {})
