"""Reports: what each shows, who may read and take it, that both are recorded, and that pages lose no line."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import datetime, timedelta

import pytest
from django.contrib.auth.models import Permission

from audit.canonical import encode
from audit.models import Event
from audit.registry import reports
from reviews.models import Item, Reach
from reviews.services import retract
from reviews.services.stops import lift_stop, place_stop
from tests import build
from tests.audit.world import World, sql
from tests.logins import as_role
from tests.web.pages import Browser, Page

pytestmark = pytest.mark.django_db
RIGHTS = ("view_audit", "open_content", "export_audit")


@pytest.fixture
def house(desk: World) -> build.House:
    """A rejection, a success, one decided by two, one taken back."""
    made = build.house()
    build.finished(made)
    build.rejected(made)
    build.approved(made, "files.delete")
    vote = build.decide(made, build.pending(made))
    with as_role("web"):
        retract(decision=vote.id, by=made.by("ada"))
    desk.sequence()
    return made


def allowed(house: build.House, *codenames: str) -> Browser:
    """Lin, with these rights on the record besides a lead's."""
    house.lin.user_permissions.set(Permission.objects.filter(content_type__app_label="audit", codename__in=codenames))
    for group in house.lin.groups.all():
        group.permissions.remove(*group.permissions.filter(content_type__app_label="audit"))
    return Browser(type(house.lin).objects.get(pk=house.lin.pk))


@pytest.fixture
def lin(house: build.House) -> Browser:
    return allowed(house, *RIGHTS)


def taken(browser: Browser, number: str, query: str = "", **posted: str) -> list[dict[str, str]]:
    """A report's CSV as its rows."""
    text = browser.download(f"/audit/reports/{number}/?format=csv{query}", posted)
    assert text, number
    return list(csv.DictReader(io.StringIO(text)))


def last_event() -> tuple[str, dict]:
    name, leaf = sql("SELECT name, leaf FROM audit.event ORDER BY n DESC LIMIT 1")[0]
    return name, json.loads(bytes(leaf))["data"]


def rejected_case() -> str:
    return str(sql("SELECT case_id FROM audit.event WHERE change_to = 'rejected'")[0][0])


def test_the_fourteen_reports_are_listed_each_with_its_question(lin: Browser) -> None:
    page = lin.get("/audit/reports/")
    assert [report.id for report in reports()] == [f"R{n}" for n in range(1, 15)]
    for report in reports():
        assert f"{report.id} {report.title}" in page.plain
        assert report.question in page.plain
        assert len({column.name for column in report.columns}) == len(report.columns)


def test_each_report_is_a_page_a_csv_and_json_lines_with_the_same_lines(lin: Browser) -> None:
    for report in reports():
        case = f"&case={rejected_case()}" if report.needs_case else ""
        page = lin.get(f"/audit/reports/{report.id}/?{case}")
        assert page.status == 200
        rows = taken(lin, report.id, case)
        lines = lin.download(f"/audit/reports/{report.id}/?format=jsonl{case}").splitlines()
        names = [column.name for column in report.columns]
        assert all(list(json.loads(line)) == names for line in lines)
        assert all(list(row) == names for row in rows)
        assert len(lines) - len(rows) == (report.id == "R9")  # which counts the taking of the first file
        assert rows or report.id in ("R5", "R10", "R12")  # the house has something to tell of all others
        assert ("No lines" in page.plain) is not bool(rows)


def test_without_the_rights_there_is_no_report_and_no_file(house: build.House) -> None:
    assert Browser(house.mallory).get("/audit/reports/").status == 404
    assert Browser(house.mallory).get("/audit/reports/R1/").status == 404
    reader = allowed(house, "view_audit")
    assert reader.get("/audit/reports/R1/").status == 200
    assert reader.get("/audit/reports/R1/?format=csv").status == 404
    assert "JSON Lines" not in reader.get("/audit/reports/R1/").plain
    assert reader.post("/audit/reports/R11/", {"case": rejected_case()}).status == 403
    assert reader.get("/audit/reports/R99/").status == 404


def test_reading_and_taking_a_report_are_events(lin: Browser) -> None:
    lin.get("/audit/reports/R1/?since=2026-01-01")
    assert last_event() == ("audit.searched", {"filters": {"fields": ["since"], "report": "R1"}, "results": 5})
    taken(lin, "R1", "&type=mail.send")
    name, data = last_event()
    assert (name, data["filters"]["report"], data["filters"]["format"]) == ("audit.exported", "R1", "csv")
    assert (data["filters"]["type"], data["opened"]) == ("mail.send", [])


def test_the_register_names_the_bytes_the_person_and_the_place_in_the_log(lin: Browser, house: build.House) -> None:
    rows = taken(lin, "R1")
    assert len(rows) == 5
    assert {row["reviewer"] for row in rows} <= {house.ada.pseudonym, house.grace.pseudonym, "policy"}
    assert sum(bool(row["taken_back_at"]) for row in rows) == 1
    for row in rows:
        leaf = sql(
            "SELECT e.leaf, l.leaf_index FROM audit.event e JOIN audit.leaf l USING (n) WHERE e.id = %s",
            row["event_id"],
        )
        told = json.loads(bytes(leaf[0][0]))
        assert told["name"] == "decision.recorded"
        assert str(leaf[0][1]) == row["leaf_index"]
        assert told["data"]["verdict"] == row["verdict"]
    assert [row["decided_at"] for row in rows] == sorted(row["decided_at"] for row in rows)


def test_pages_of_a_report_lose_and_repeat_nothing(lin: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("audit.views_reports.PAGE", 3)
    for number in ("R1", "R13", "R14"):
        leaf_through(lin, number)
    for number in ("R4", "R7", "R8"):
        count_through(lin, number)
    case = rejected_case()
    assert lin.post("/incidents/", {"severity": "death", "cases": case, "summary": "Somebody was hurt."}).status == 303
    count_through(lin, "R12", f"case={taken(lin, 'R12')[0]['case']}&")


def count_through(lin: Browser, number: str, query: str = "") -> None:
    """Reports without links for each line: as many rows on the pages as lines in the file."""
    wanted, seen, url = len(taken(lin, number, f"&{query}")), 0, f"/audit/reports/{number}/?{query}"
    for _ in range(60):
        page = lin.get(url)
        seen += page.text.partition("<tbody>")[2].partition("</tbody>")[0].count("<tr>")
        if 'rel="next"' not in page.text:
            break
        url = f"/audit/reports/{number}/" + next_of(page)
    assert wanted >= 3
    assert seen == wanted, number


def next_of(page: Page) -> str:
    return page.text.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")


def leaf_through(lin: Browser, number: str) -> None:
    key = "event_id" if number != "R14" else "record_id"
    wanted = [row[key] for row in taken(lin, number)]
    seen, url = [], f"/audit/reports/{number}/"
    for _ in range(60):
        page = lin.get(url)
        seen += [part.partition("/")[0] for part in page.text.split('href="/audit/proof/')[1:]]
        if 'rel="next"' not in page.text:
            break
        url = f"/audit/reports/{number}/" + page.text.partition('rel="next" href="')[2].partition('"')[0].replace(
            "&amp;", "&"
        )
    assert len(wanted) > 3
    assert seen == wanted


def test_coverage_is_zero_and_would_not_be_if_an_effect_went_ahead_alone(lin: Browser) -> None:
    rows = taken(lin, "R4")
    assert {row["failures"] for row in rows} == {"0"}
    assert [int(row["number"]) for row in rows] == [1, 1, 5, 5, 4]
    undo = "ALTER TABLE reviews_attempt DISABLE TRIGGER ALL; UPDATE reviews_attempt SET digest = %s RETURNING 1"
    sql(undo.replace("%s", "decode(repeat('00', 32), 'hex')"))
    worse = taken(lin, "R4")
    assert worse[0]["failures"] == "1"
    assert "effects begun without enough approvals" in lin.get("/audit/reports/R4/").plain


def test_oversight_counts_by_reviewer_and_alarms_only_with_enough_to_judge(lin: Browser, house: build.House) -> None:
    rows = {row["reviewer"]: row for row in taken(lin, "R3")}
    ada = rows[house.ada.pseudonym]
    assert (ada["decisions"], ada["approved"], ada["rejected"], ada["taken_back"]) == ("4", "3", "1", "1")
    assert ada["rubber_stamp"] in ("4 of 100: too few to judge", "")


def test_the_roster_tells_how_it_stood_then(lin: Browser, house: build.House) -> None:
    from reviews.services.people import revoke_authority, save_user

    with as_role("web"):
        save_user(
            user=house.grace,
            fields={"is_active": False},
            groups=[],
            password="",
            reason="left the company today",
            by=house.by("root"),
        )
        revoke_authority(authority=house.reviewers.authority.get(), reason="the team is dissolved", by=house.by("root"))
    rows = taken(lin, "R5")
    account = next(row for row in rows if row["subject"] == house.grace.pseudonym)
    assert json.loads(account["detail"])["is_active"] is False
    gone = next(row for row in rows if row["event"] == "role.revoked")
    assert gone["in_force"] == "false"
    assert taken(lin, "R5", "&until=2026-01-01") == []


def test_the_roster_knows_what_somebody_was_qualified_for_and_when_it_ended(lin: Browser, house: build.House) -> None:
    from django.utils import timezone

    from reviews.services.qualifying import record_qualification

    now = timezone.now()
    with as_role("web"):
        for name, days in (("payments", 100), ("refunds", 1)):
            record_qualification(
                user=house.ada, name=name, valid_from=now, valid_until=now + timedelta(days=days),
                reason="passed the course", by=house.by("root"),
            )  # fmt: skip
    until = (now + timedelta(days=2)).date().isoformat()
    rows = {row["role"]: row for row in taken(lin, "R5", f"&until={until}") if row["subject"] == house.ada.pseudonym}
    assert {name: row["in_force"] for name, row in rows.items()} == {"payments": "true", "refunds": "false"}


def test_stops_refusals_and_what_was_taken_back_stand_in_one_list(lin: Browser, house: build.House) -> None:
    with as_role("web"):
        stop = place_stop(reason="something is off here", by=house.by("root"))
        lift_stop(stop=stop.id, reason="it was a false alarm", by=house.by("root"))
    events = [row["event"] for row in taken(lin, "R6")]
    assert events == ["decision.recorded", "decision.retracted", "stop.placed", "stop.lifted"]


def test_an_explanation_opens_texts_only_where_that_is_recorded(lin: Browser) -> None:
    case = rejected_case()
    closed = lin.get(f"/audit/reports/R11/?case={case}")
    assert "withheld" in closed.plain
    assert "Mail kim@example.org" not in closed.plain
    opened = lin.post("/audit/reports/R11/", {"case": case})
    assert "Mail kim@example.org: Your order" in opened.plain
    assert "The facts do not support it." in opened.plain
    assert last_event() == ("content.opened", {"case": case, "event": None, "field": "", "purpose": "report R11"})
    assert "Which case?" in lin.get("/audit/reports/R11/").plain
    assert lin.get("/audit/reports/R11/?format=csv").status == 422
    assert "No lines" in lin.get("/audit/reports/R11/?case=action:nonsense").plain


def test_an_incident_has_its_deadline_its_cases_and_one_end(lin: Browser, house: build.House) -> None:
    case = rejected_case()
    page = lin.post(
        "/incidents/", {"severity": "serious", "cases": case, "summary": "The wrong customer got a letter."}
    )
    assert page.status == 303
    item = Item.objects.get(action=case.removeprefix("action:"))
    assert f">ACT-{item.ref}</a>" in lin.get("/incidents/").text
    row = taken(lin, "R12")[0]
    assert (row["severity"], row["cases"], row["closed_at"]) == ("serious", case.removeprefix("action:"), "")
    assert (json_day(row["report_by"]) - json_day(row["at"])).days == 15
    pack = taken(lin, "R12", f"&case={row['case']}")
    assert {"incident.opened", "action.proposed", "decision.recorded"} <= {line["event"] for line in pack}
    assert "wrong customer" not in json.dumps(pack)
    ended = {"incident": row["case"].removeprefix("incident:"), "outcome": "reported", "words": "Told the authority."}
    assert lin.post("/incidents/", ended).status == 303
    again = lin.post("/incidents/", ended)
    assert (again.status, "closed" in again.alert) == (422, True)
    assert taken(lin, "R12")[0]["outcome"] == "reported"


def json_day(text: str) -> datetime:
    return datetime.fromisoformat(text)


WRONG = (
    ({"severity": "odd"}, "Select a valid choice"),
    ({"cases": "ACT-99999999"}, "neither an item nor an action"),
    ({"cases": "=cmd()"}, "neither an item nor an action"),
    ({"cases": "01900000-0000-7000-8000-000000000000"}, "out of your reach"),
    ({"summary": "short"}, "at least 10 characters"),
)


def test_an_incident_about_cases_out_of_reach_is_not_closed(lin: Browser, house: build.House) -> None:
    case = build.approved(house).case
    opened = {"severity": "serious", "cases": case, "summary": "The wrong customer got a letter."}
    assert lin.post("/incidents/", opened).status == 303
    name = Event.objects.get(name="incident.opened").case_id.removeprefix("incident:")
    Reach.objects.filter(group=house.leads).delete()
    ended = {"incident": name, "outcome": "resolved", "words": "Nothing to see here."}
    assert lin.post("/incidents/", ended).status == 422
    assert not Event.objects.filter(name="incident.closed").exists()


def test_an_incident_that_makes_no_sense_is_not_opened(lin: Browser, house: build.House) -> None:
    usual = {"severity": "serious", "cases": rejected_case(), "summary": "It went to the wrong one."}
    for given, words in WRONG:
        page = lin.post("/incidents/", usual | given)
        assert (page.status, words in page.plain) == (422, True), given
    assert Browser(house.ada).get("/incidents/").status == 403
    assert sql("SELECT count(*) FROM audit.event WHERE name LIKE 'incident.%%'") == [(0,)]


def test_the_draft_s_records_chain_by_case(lin: Browser) -> None:
    lines = [json.loads(line) for line in lin.download("/audit/reports/R14/?format=jsonl").splitlines()]
    mandatory = {
        "record_id", "timestamp", "agent_id", "agent_version", "session_id", "action_type", "action_detail", "outcome",
        "trust_level", "record_phase", "parent_record_id", "prev_hash",
    }  # fmt: skip
    last: dict[str, dict] = {}
    for line in lines:
        assert set(line) == mandatory
        before = last.get(line["session_id"])
        assert line["prev_hash"] == (hashlib.sha256(encode(before)).hexdigest() if before else None)
        assert line["parent_record_id"] == (before["record_id"] if before else None)
        last[line["session_id"]] = line
    assert {"denied", "success"} <= {line["outcome"] for line in lines}
    assert all(line["agent_id"].startswith("urn:assentry:principal:") for line in lines)


ODD = {
    "since=x": "Enter a valid date",
    "since=2020-01-01&until=2026-01-01": "At most 366 days",
    "since=2026-11-02&until=2026-11-01": "begins after it ends",
    "until=9999-12-31&since=9999-12-30": "too far away",
    "format=xml": "",
    "case=a%00b": "",
}


def test_odd_filters_are_refused_with_words_and_strange_ones_find_nothing_wrong(lin: Browser) -> None:
    for query, words in ODD.items():
        page = lin.get(f"/audit/reports/R1/?{query}")
        assert (page.status, words in page.plain) == (422, True), query
    for query in ("after=zzz", "after=-1", "case=%27%3B--", "type=%25s", "after=9999999999999999999999"):
        for number in ("R1", "R13", "R14"):
            assert lin.get(f"/audit/reports/{number}/?{query}").status == 200, query


def test_the_index_page_of_a_plain_page(lin: Browser) -> None:
    page: Page = lin.get("/audit/reports/R8/")
    assert "Verified up to a size at a time; never more than that." in page.plain
    assert "guarantee" not in page.plain.lower()
