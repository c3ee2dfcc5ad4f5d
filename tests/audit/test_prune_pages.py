"""Periods and prunings as people set and order them: pages, command, what goes at the desk, what stays and is told."""

from __future__ import annotations

import io
import json
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, OperationalError, transaction

from agents.services import cancel_run
from audit import indexing, jobs, keeping, retention
from audit.privacy import place_hold
from audit.reconcile import reconcile
from reviews import services
from tests import build
from tests.audit.customers import SECRET, allowed, lead, lying
from tests.audit.test_retention import age, report_of
from tests.audit.world import World, entries_gone, judge, sql
from tests.logins import as_role
from tests.web.pages import Browser

pytestmark = pytest.mark.django_db
RIGHTS = ("view_audit", "prune_audit")
ORDER = "/audit/retention/prune/?classes=decisions"
NOTE = {"customer": "8812", "amount": 100, "note": f"to {SECRET}"}


@pytest.fixture
def house(desk: World) -> build.House:
    """A finished refund of six years ago with texts everywhere, one that waits since then, and a run that was ended."""
    made = build.house()
    build.finished(made, "refund.issue", payload=NOTE, reasoning=f"wants {SECRET}", evidence=(build.evidence(SECRET),))
    build.pending(made, "mail.send")
    desk.sequence()
    with as_role("router"):
        indexing.index_for(10)
    age(2200)
    return made


def run_job() -> None:
    with as_role("router"):
        assert jobs.run_next_job()


def told(name: str) -> list[dict[str, Any]]:
    rows = sql("SELECT convert_from(leaf, 'UTF8') FROM audit.event WHERE name = %s ORDER BY n", name)
    return [json.loads(leaf) for (leaf,) in rows]


def order_of(page: Any) -> dict[str, str]:
    return {"seen": page.field("seen"), "reason": "past its period", "sure": "prune"}


def test_without_the_right_the_pages_do_not_exist(house: build.House) -> None:
    for reader in (allowed(house, "view_audit", "erase_content", "hold_content"), allowed(house, "prune_audit")):
        for page in ("/audit/retention/", "/audit/retention/runs/", ORDER):
            assert reader.get(page).status == 404
        assert reader.post("/audit/retention/runs/", {"days": "400", "reason": "x"}).status == 404
        assert reader.post(ORDER, {"seen": "", "reason": "x", "sure": "prune"}).status == 404
    assert Browser().get("/audit/retention/").location == "/sign-in/?next=/audit/retention/"
    lin = allowed(house, *RIGHTS)
    assert lin.get("/audit/retention/").status == 200
    for unknown in ("log", "rules", "privacy", "nothing"):
        assert lin.get(f"/audit/retention/{unknown}/").status == 404
    assert "Periods and prunings" in lin.get("/audit/").text
    assert "Periods and prunings" not in allowed(house, "view_audit").get("/audit/").text


def test_who_changes_has_just_proved_who_they_are(house: build.House) -> None:
    lin = allowed(house, *RIGHTS)
    seen = lin.get(ORDER).field("seen")
    session = lin.client.session
    session["proved"] = ["password", session["proved"][1] - 3600]
    session.save()
    assert lin.get("/audit/retention/").status == 200
    for page, form in (("/audit/retention/runs/", {"days": "400", "reason": "x"}),
                       (ORDER, {"seen": seen, "reason": "x", "sure": "prune"})):  # fmt: skip
        for away in (lin.get(page), lin.post(page, form)):
            assert (away.status, away.location.partition("?")[0]) == (302, "/confirm/")
    assert told("retention.changed") == told("retention.pruned") == []


def test_a_period_is_set_with_a_reason_and_told(house: build.House) -> None:
    lin = allowed(house, *RIGHTS)
    for bad in (
        {"days": "183"},
        {"days": ""},
        {"days": "1e9"},
        {"days": "99999"},
        {"reason": ""},
        {"reason": "x" * 1001},
    ):
        assert lin.post("/audit/retention/runs/", {"days": "400", "reason": "policy 7"} | bad).status == 422
    assert told("retention.changed") == []
    assert lin.post("/audit/retention/runs/", {"days": "400", "reason": "policy 7"}).location == "/audit/retention/"
    again = lin.post("/audit/retention/runs/", {"days": "400", "reason": "policy 7"})
    assert again.status == 409 and "This is the period already." in again.plain
    event = told("retention.changed")
    assert [(one["data"], one["actor"]["ref"]) for one in event] == [
        ({"name": "runs", "days": 400}, house.lin.pseudonym)
    ]
    assert event[0]["commit"].keys() == {"reason"} and "policy 7" not in json.dumps(event)
    assert "Runs of agents 400 days at least" in lin.get("/audit/retention/").plain
    assert lin.post("/audit/retention/runs/", {"days": "500", "reason": "x"}, token=False).status == 403


def test_a_pruning_is_looked_at_ordered_carried_out_and_told(house: build.House, desk: World) -> None:
    lin = allowed(house, *RIGHTS, "open_content")
    page = lin.get(ORDER)
    entries = entries_of(str(sql("SELECT 'action:' || id FROM reviews_action WHERE state = 'succeeded'")[0][0]))
    assert f"Prune {entries} entries" in page.plain
    assert "Actions, votes, messages, evidence, effects, checks" in page.plain.partition("Would go")[2]
    assert (
        f"cases that are not over {sql('SELECT count(*) FROM audit.event WHERE case_id = %s', waiting_case())[0][0]} 1"
        in (page.plain)
    )
    form = order_of(page)
    for bad in ({"sure": "yes"}, {"reason": ""}, {"seen": "ab"}):
        assert lin.post(ORDER, form | bad).status == 422
    changed = lin.post(ORDER, form | {"seen": "0" * 64})
    assert changed.status == 409 and "look again. Nothing was ordered." in changed.alert
    assert told("retention.pruned") == []
    asked = lin.post(ORDER, form)
    assert asked.status == 302
    assert "Waiting for the keeper" in lin.get(asked.location).plain
    assert "under way" in lin.get("/audit/retention/").plain
    assert lying(SECRET) > 0
    desk.sequence()
    run_job()
    done = lin.get(asked.location).plain
    assert f"Pruned {entries} entries went" in done and "hx-get" not in lin.get(asked.location).text
    overview = lin.get("/audit/retention/").plain
    assert "carried out" in overview and f"{entries} entries went" in overview
    assert f"{entries} old entries were pruned" in lin.get("/audit/").plain
    assert "Nothing would go" in lin.get(ORDER).plain
    report = lin.get("/audit/reports/R7/").plain
    assert f"{entries} entries below index" in report
    assert "class: decisions" in report and "as long as the log; never pruned" in report


def entries_of(case: str) -> int:
    return int(sql("SELECT count(*) FROM audit.event WHERE case_id = %s", case)[0][0])


def waiting_case() -> str:
    return str(sql("SELECT 'action:' || id FROM reviews_action WHERE state = 'pending'")[0][0])


def carry_out(house: build.House, desk: World, *classes: str) -> None:
    with as_role("web"):
        retention.order(classes=classes or ("decisions",), reason="past its period", actor=lead(house))
        jobs._insert("prune", lead(house), {"order": str(keeping.orders(1)[0].id)})
    desk.sequence()
    run_job()


def test_with_an_entry_its_texts_go_at_the_desk_too(house: build.House, desk: World) -> None:
    item = build.item_of(sql("SELECT id FROM reviews_action WHERE state = 'succeeded'")[0][0])
    case = f"action:{item.action_id}"
    assert lying(SECRET) >= 6
    waiting = sql("SELECT count(*) FROM reviews_revisionbody b JOIN reviews_revision r ON r.id = b.revision_id"
                  " JOIN reviews_action a ON a.id = r.action_id WHERE a.state = 'pending'")  # fmt: skip
    carry_out(house, desk)
    assert lying(SECRET) == 0
    assert sql("SELECT count(*) FROM reviews_attempt WHERE result IS NOT NULL OR note <> ''") == [(0,)]
    assert sql("SELECT count(*) FROM reviews_revisionbody") == waiting  # and nothing else went
    lin = allowed(house, *RIGHTS, "open_content", "erase_content")
    page = lin.get(f"/audit/erase/?case={case}")
    assert "Nothing to erase" in page.plain
    assert lin.get(f"/audit/case/act-{item.ref}/").location == f"/audit/case/{case}/"
    gone = lin.get(f"/audit/case/{case}/")
    assert gone.status == 404 and f"The entries of ACT-{item.ref}, {case}" in gone.plain
    assert Browser(house.ada).open(item).status == 200  # the row stays, as after an erasure
    reader = allowed(house, "view_audit")
    for number in range(1, 15):
        report = reader.get(f"/audit/reports/R{number}/?case=ACT-{item.ref}")
        assert report.status in (200, 422) and "without their event: 1" not in report.plain
    with as_role("auditor"):
        assert {found["name"] for found in reconcile()} <= {"COLUMNS"}  # the test moved the clock of the rows
    code, lines = report_of(desk.export())
    assert code == 0, lines


def test_nobody_deletes_the_desks_texts_without_their_entry_going(house: build.House, desk: World) -> None:
    before = lying(SECRET)
    for role in ("web", "router", "executor", "agent"):
        for table in ("reviews_revisionbody", "reviews_messagebody", "reviews_evidencebody"):
            with as_role(role), pytest.raises(DatabaseError, match=r"permission denied|refused"), transaction.atomic():
                sql(f"DELETE FROM {table}")
    assert lying(SECRET) == before


def test_a_hold_shows_with_what_it_keeps(house: build.House, desk: World) -> None:
    case = str(sql("SELECT 'action:' || id FROM reviews_action WHERE state = 'succeeded'")[0][0])
    with as_role("web"):
        hold = place_hold(scope="case", target=case, reason="a court asked", actor=lead(house))
    lin = allowed(house, *RIGHTS)
    page = lin.get(ORDER).plain
    ref = build.item_of(case.removeprefix("action:")).ref
    count = sql("SELECT count(*) FROM audit.event WHERE case_id = %s", case)[0][0]
    assert f"legal hold {hold} , case ACT-{ref} {count} 1" in page.replace("hold " + str(hold) + ",", f"hold {hold} ,")
    assert "Nothing would go" in page and "is under legal hold" in page
    refused = lin.post(ORDER, {"seen": "0" * 64, "reason": "x", "sure": "prune"})
    assert refused.status == 409 and "Nothing may go" in refused.alert


def test_a_hold_that_comes_after_the_order_keeps_everything(house: build.House, desk: World) -> None:
    lin = allowed(house, *RIGHTS)
    asked = lin.post(ORDER, order_of(lin.get(ORDER)))
    desk.sequence()
    with as_role("web"):
        place_hold(scope="type", target="refund.issue", reason="a court asked", actor=lead(house))
    before = lying(SECRET)
    with as_role("router"), pytest.raises(retention.RetentionRefused):
        jobs.run_next_job()
    assert "This could not be carried out" in lin.get(asked.location).plain
    assert "not carried out" in lin.get("/audit/retention/").plain
    assert (lying(SECRET), keeping.pruned().entries) == (before, 0)


def test_an_order_waits_for_its_signature_and_no_longer(house: build.House, monkeypatch: pytest.MonkeyPatch) -> None:
    lin = allowed(house, *RIGHTS)
    asked = lin.post(ORDER, order_of(lin.get(ORDER)))
    monkeypatch.setattr(jobs, "PATIENCE", 0.0)
    with as_role("router"), pytest.raises(retention.RetentionRefused, match="no signed checkpoint"):
        jobs.run_next_job()
    assert "is the sequencer running?" in lin.get(asked.location).plain


def test_a_log_too_long_to_count_on_a_page_says_so(house: build.House) -> None:
    lin = allowed(house, *RIGHTS)
    with mock.patch("audit.keeping.plan", side_effect=OperationalError("canceling statement")):
        page = lin.get(ORDER)
    assert page.status == 503 and "audit_retention plan" in page.plain
    for bad in ("?classes=log", "?classes=", "?below=0", "?classes=decisions&below=x"):
        assert lin.get(f"/audit/retention/prune/{bad}").status == 422
    assert lin.get("/audit/retention/prune/").status == 200


def test_a_case_whose_beginning_is_pruned_is_exported_shown_and_judged(house: build.House, desk: World) -> None:
    run, action = build.proposed_by_run(house, "refund.issue", payload={"customer": "7", "amount": 1})
    build.route()
    with as_role("web"):
        services.withdraw(action=action, by=house.by("root"), reason="not needed any more")
        cancel_run(run=run, by=house.by("root"), reason="over")
    desk.sequence()
    age(2200)
    carry_out(house, desk, "decisions", "runs")
    case = f"run:{run}"
    assert [row[0] for row in sql("SELECT name FROM audit.event WHERE case_id = %s", case)] == ["run.started"]
    lin = allowed(house, "view_audit")
    page = lin.get(f"/audit/case/{case}/")
    assert page.status == 200 and "Entries of this case were past their period" in page.plain
    place = desk.export(cases=[case])
    assert judge(place)[:2] == (0, {})
    assert "Other entries of this case" in (place / "dossier.html").read_text()
    whole = desk.export(cases=[f"action:{action}", case])  # of the action nothing is left
    assert judge(whole)[:2] == (0, {})
    assert (whole / "events.jsonl").read_bytes().count(b'{"pruned":') == 2
    assert f"action:{action}" in (whole / "dossier.html").read_text()
    lines = (whole / "events.jsonl").read_text().splitlines()
    (whole / "events.jsonl").write_text("\n".join([lines[0], '{"pruned":"' + "A" * 43 + '="}', *lines[2:]]) + "\n")
    assert "ROOT" in judge(whole)[1]  # a hash that is not in the log stands for nothing


def command(*words: str, typed: str = "") -> str:
    out = io.StringIO()
    with as_role("web"), mock.patch("sys.stdin", io.StringIO(f"{typed}\n")):
        call_command("audit_retention", *words, stdout=out)
    return out.getvalue()


def test_the_command_shows_sets_plans_and_orders(house: build.House, desk: World) -> None:
    allowed(house, *RIGHTS)
    house.lin.set_password("a long word of hers")
    house.lin.save()
    said = command()
    assert "decisions: kept 1827 days at least; oldest of" in said and "log: kept as long as the log, never" in said
    assert "0 entries were pruned; from index 0 on every entry is here" in said
    by = ("--reason", "past its period", "--by", "lin")
    for who, typed, words in (
        ("lin", "wrong", "not right"),
        ("ada", "x", "may do this"),
        ("nobody", "x", "may do this"),
    ):
        with pytest.raises(CommandError, match=words):
            command("order", "--reason", "x", "--by", who, typed=typed)
    assert told("auth.refused")[-1]["data"]["reason_code"] == "step_up:audit_retention"
    with pytest.raises(CommandError, match="six months"):
        command("set", "runs", "100", *by, typed="a long word of hers")
    assert "runs: kept 400 days" in command("set", "runs", "400", *by, typed="a long word of hers")
    plan = command("plan", "--class", "decisions")
    assert "entries of 1 cases would go" in plan and "of cases that are not over" in plan
    assert told("retention.pruned") == []
    assert "ordered. The keeper carries it out as job" in command(
        "order", "--class", "decisions", *by, typed="a long word of hers"
    )
    event = told("retention.pruned")[0]
    assert (event["actor"]["ref"], event["actor"]["auth"]) == (house.lin.pseudonym, "password")
    desk.sequence()
    run_job()
    assert "carried out" in command()
    with pytest.raises(CommandError, match="nothing may go"):
        command("order", "--class", "decisions", *by, typed="a long word of hers")


def test_the_statement_names_what_is_gone_and_since_when(house: build.House, desk: World) -> None:
    with as_role("web"):
        assert keeping.pruned() == keeping.Pruned(0, 0, None)
    carry_out(house, desk)
    with as_role("web"):
        so_far = keeping.pruned()
        assert so_far.entries == entries_gone() == keeping.orders()[0].went > 0
        assert so_far.last is not None and so_far.last - keeping.orders()[0].at < timedelta(minutes=1)
    for attack in ("UPDATE audit.carried_out SET count = 1", "DELETE FROM audit.carried_out"):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            sql(attack)
