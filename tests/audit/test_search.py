"""Finding events by what they say, by whom and in which words; and taking the found cases away."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.db import DatabaseError, transaction

from audit import indexing, jobs, queries
from audit.export import ExportFailed
from audit.queries import Filters
from audit.words import tokens
from tests import build
from tests.audit.customers import allowed
from tests.audit.world import World, judge, sql
from tests.logins import as_role

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
