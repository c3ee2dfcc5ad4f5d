"""Erasing what is about somebody, and keeping it under a legal hold: found, shown, refused, gone, still provable."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import override_settings

from agents.services import cancel_run
from audit import erasable, indexing, privacy, queries
from audit.erasable import Wanted, cases_of, texts_of
from audit.reconcile import reconcile
from audit.seal import lookup_of
from audit.services import Actor, ErasureRefused
from reviews import services
from tests import build
from tests.audit.customers import SECRET, allowed, erase, lead, lying, of_8812, shown
from tests.audit.world import World, judge, sql
from tests.logins import as_role

pytestmark = pytest.mark.django_db


@pytest.fixture
def house(desk: World) -> build.House:
    """Customer 8812 has a finished and a rejected refund and one that waits; somebody else has one."""
    made = build.house()
    note = {"customer": "8812", "amount": 100, "note": f"to {SECRET}"}
    build.finished(made, "refund.issue", payload=note, reasoning=f"wants {SECRET}", evidence=(build.evidence(SECRET),))
    build.rejected(made, "refund.issue", payload=note)
    build.finished(made, "refund.issue", payload=note | {"customer": "1", "note": "to Rome"})
    desk.sequence()
    with as_role("router"):
        while indexing.index_next():
            pass
    return made


def test_everything_about_a_customer_goes_and_every_proof_stays(house: build.House, desk: World) -> None:
    assert lying(SECRET) >= 6
    assert len(cases_of(Wanted(words=("zanzibar",))).names) == 2
    before = {row[0]: bytes(row[1]) for row in sql("SELECT n, leaf FROM audit.event")}
    done = erase(house, of_8812())
    assert (done.cases, done.key) == (2, True)
    assert done.texts >= 5
    assert lying(SECRET) == 0
    desk.sequence()
    after = {row[0]: bytes(row[1]) for row in sql("SELECT n, leaf FROM audit.event")}
    assert before.items() <= after.items()
    assert judge(desk.export())[:2] == (0, {})
    with as_role("auditor"):
        assert reconcile() == []
    told = sql("SELECT convert_from(leaf, 'UTF8') FROM audit.event WHERE name = 'privacy.erased'")
    assert len(told) == 1
    assert "8812" not in told[0][0] and lookup_of("customer", "8812").hex() not in told[0][0]
    with as_role("web"):
        rows = queries.timeline(cases_of(Wanted(person="ada")).names[0], opened=True)
        gone = [text for row in rows for text in row.texts if text.erased]
    assert gone
    assert {(text.by, bool(text.basis)) for text in gone} == {(told_id(), True)}
    assert sql("SELECT count(*) FROM reviews_revisionbody") == [(1,)]  # the other customer's


def told_id() -> str:
    return str(sql("SELECT id FROM audit.event WHERE name = 'privacy.erased'")[0][0])


def test_what_waits_for_a_decision_stays_and_its_key_with_it(house: build.House) -> None:
    build.pending(house, "refund.issue")
    with as_role("web"):
        kept = [case.kept for case in texts_of(cases_of(of_8812()).names) if case.kept]
    assert kept == ["the action is still open; its texts are erased once it is over"]
    assert not erase(house, of_8812()).key
    assert sql("SELECT count(*) FROM audit.subject") == [(4,)]
    with as_role("web"), pytest.raises(DatabaseError, match="open action"), transaction.atomic():
        sql("SELECT audit.erase_key(%s)", lookup_of("customer", "8812"))


@pytest.mark.parametrize("scope", ["case", "subject", "type"])
def test_a_hold_keeps_what_it_names_until_it_is_lifted(house: build.House, scope: Any) -> None:
    mine = cases_of(of_8812()).names
    lookup = lookup_of("customer", "8812")
    assert lookup is not None
    target = {"case": mine[0], "subject": lookup.hex(), "type": "refund.issue"}[scope]
    with as_role("web"):
        hold = privacy.place_hold(scope=scope, target=target, reason="a court asked", actor=lead(house))
    with as_role("web"):
        stays = {case.case for case in texts_of(mine) if case.kept == f"under legal hold {hold}"}
    assert stays == ({mine[0]} if scope == "case" else set(mine))
    every = "SELECT DISTINCT case_id FROM audit.event"
    assert sorted(sql(f"SELECT * FROM audit.held_among(ARRAY({every}))")) == sorted(
        sql(f"SELECT c.case_id, audit.held(c.case_id) FROM ({every}) c WHERE audit.held(c.case_id) IS NOT NULL")
    )  # asked of many at once: the same
    event, name = next((s.event, s.field) for case in texts_of([mine[0]]) for s in case.slots if s.field == "payload")
    with as_role("web"):  # nor past the service
        with pytest.raises(DatabaseError, match="legal hold"), transaction.atomic():
            sql("SELECT reviews_erase(%s, %s)", event, name)
        with pytest.raises(DatabaseError, match="legal hold"), transaction.atomic():
            sql("SELECT audit.erase(%s, 'rationale')", event)
    with as_role("web"):
        privacy.lift_hold(hold=hold, reason="the case is settled", actor=lead(house))
    assert erase(house, of_8812()).cases == 2
    told = [json.loads(row[0])["data"] for row in sql(
        "SELECT convert_from(leaf, 'UTF8') FROM audit.event WHERE name LIKE 'hold.%%' ORDER BY n".replace("%%", "%")
    )]  # fmt: skip
    assert [data["target"] for data in told] == ["" if scope == "subject" else target] * 2
    assert "8812" not in json.dumps(told)


def test_a_key_stays_while_a_text_of_its_subject_is_left(house: build.House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasable.cases_of, "__defaults__", (1,))  # more cases than one erasure takes
    first = erase(house, of_8812())
    assert (first.cases, first.key) == (1, False)
    with as_role("web"), pytest.raises(DatabaseError, match="still here"), transaction.atomic():
        sql("SELECT audit.erase_key(%s)", lookup_of("customer", "8812"))
    assert lying(SECRET) > 0


def test_nobody_gives_anothers_case_to_a_subject(house: build.House) -> None:
    case = f"action:{build.proposed(house)}"  # of a type that names no subject
    for role in ("agent", "web"):
        with as_role(role):
            sql("SELECT audit.name_subject(%s, %s)", case, lookup_of("customer", "8812"))
    assert sql("SELECT count(*) FROM audit.subject WHERE case_id = %s", case) == [(0,)]


def test_a_hold_without_its_event_or_changed_afterwards_fails(house: build.House) -> None:
    event = sql("SELECT id FROM audit.event LIMIT 1")[0][0]
    with as_role("web"), pytest.raises(DatabaseError, match=r"no hold\.placed event"), transaction.atomic():
        sql("SELECT audit.place_hold(%s, 'type', 'refund.issue', %s)", event, event)
        sql("SET CONSTRAINTS ALL IMMEDIATE")
    with as_role("web"):
        privacy.place_hold(scope="type", target="mail.send", reason="a court asked", actor=lead(house))
    for change in ("UPDATE audit.hold SET target = 'other'", "DELETE FROM audit.hold", "TRUNCATE audit.hold"):
        with pytest.raises(DatabaseError), transaction.atomic():
            sql(change)


def test_who_decided_is_kept_while_the_duty_runs(house: build.House) -> None:
    wanted = Wanted(person="ada")
    with as_role("web"):
        found = texts_of(cases_of(wanted).names, person="ada")
    assert found and all(slot.field == "identity" and "kept until" in slot.kept for c in found for slot in c.slots)
    with pytest.raises(ErasureRefused, match="nothing that may be erased"):
        erase(house, wanted)
    slot = found[0].slots[0]
    with as_role("web"), pytest.raises(DatabaseError, match="who decided is kept until"), transaction.atomic():
        sql("SELECT audit.erase(%s, 'identity')", slot.event)
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit.identity_kept_until('decision.recorded', now() - interval '6 years') < now()")
        assert cursor.fetchone() == (True,)
    texts = sql("SELECT count(*) FROM reviews_revisionbody")
    sql("ALTER TABLE audit.retention DISABLE TRIGGER told")
    sql("UPDATE audit.retention SET days = 184")
    sql("ALTER TABLE audit.event DISABLE TRIGGER append_only")
    sql("UPDATE audit.event SET at = at - interval '185 days' WHERE name = 'decision.recorded'")
    assert erase(house, wanted).cases == len(found)  # the duty is over: only the name goes
    assert sql("SELECT count(*) FROM audit.content WHERE field = 'identity'") == [(0,)]
    assert sql("SELECT count(*) FROM reviews_revisionbody") == texts


def test_nothing_goes_without_a_fresh_sign_in_or_on_another_preview(house: build.House) -> None:
    with pytest.raises(privacy.NotFresh):
        erase(house, of_8812(), actor=lead(house, age=3600))
    with pytest.raises(privacy.NotFresh):
        erase(house, of_8812(), actor=Actor("human", house.lin.pseudonym))
    with pytest.raises(ErasureRefused, match="look again"):
        erase(house, of_8812(), seen=shown(of_8812())[:-1])
    with pytest.raises(ErasureRefused, match="legal basis"):
        erase(house, of_8812(), basis="because")
    assert lying(SECRET) >= 6
    assert sql("SELECT count(*) FROM audit.event WHERE name = 'privacy.erased'") == [(0,)]


def test_deleting_without_the_event_fails_at_commit(house: build.House) -> None:
    event = next(s.event for case in texts_of(cases_of(of_8812()).names) for s in case.slots if s.field == "payload")
    with as_role("web"), pytest.raises(DatabaseError, match="no event says so"), transaction.atomic():
        sql("SELECT reviews_erase(%s, 'payload')", event)
        sql("SET CONSTRAINTS ALL IMMEDIATE")


def test_a_run_forgets_its_journal_and_arguments_once_it_is_over(house: build.House) -> None:
    run, action = build.proposed_by_run(house, "refund.issue", payload={"customer": "7", "amount": 1})
    sql(
        "INSERT INTO agents_journal (run_id, seq, kind, name, args_digest, result, at)"
        " VALUES (%s, 1, 'step', 'read', sha256(''), %s, now())", run, f'{{"ok": "{SECRET} again"}}'.encode(),
    )  # fmt: skip
    wanted = Wanted(case=f"action:{action}")
    with as_role("web"):
        assert {case.kept.partition(";")[0] for case in texts_of(cases_of(wanted).names)} == {
            "the action is still open", "the run is still open",
        }  # fmt: skip
    build.route()
    with as_role("web"):
        services.withdraw(action=action, by=house.by("root"), reason="not needed any more")
        cancel_run(run=run, by=house.by("root"), reason="over")
    assert erase(house, wanted).key
    assert sql("SELECT count(*) FROM agents_journal WHERE run_id = %s", run) == [(0,)]
    assert sql("SELECT title, args::text, result FROM agents_run WHERE id = %s", run) == [("", "{}", None)]
    with as_role("auditor"):
        assert reconcile() == []


def test_the_pages_find_show_erase_and_keep_a_register(house: build.House) -> None:
    lin = allowed(house, "view_audit", "erase_content", "hold_content")
    url = "/audit/erase/?kind=customer&value=8812"
    page = lin.get(url)
    assert page.status == 200 and "Erase for good" in page.text and SECRET not in page.text
    told = sql("SELECT convert_from(leaf, 'UTF8') FROM audit.event WHERE name = 'audit.searched'")[-1][0]
    assert "8812" not in told
    form = {"seen": page.field("seen"), "basis": "gdpr_17", "reason": "asked by mail", "sure": "erase"}
    assert lin.post(url, form | {"sure": "yes"}).status == 422
    assert lin.post(url, form | {"seen": form["seen"].partition(",")[0]}).status == 409
    assert lying(SECRET) >= 6
    assert lin.post(url, form).status == 302
    assert lying(SECRET) == 0
    register = lin.get("/audit/erasures/")
    assert register.status == 200 and "The person asked for it" in register.text
    assert "8812" not in register.text
    nothing = lin.get(url)
    assert "Nothing to erase" in nothing.text or "None of this may be erased now" in nothing.text
    with override_settings(SUBJECT_SECRET=None):
        assert "nobody can be looked up" in lin.get(url).text
    for address, status in (("?case=a&words=b", 422), ("?kind=customer", 422), ("?words=%00", 422), ("", 200)):
        assert lin.get(f"/audit/erase/{address}").status == status
    held = lin.post("/audit/holds/", {"scope": "type", "type": "refund.issue", "reason": "a court asked"})
    assert held.status == 302
    assert lin.post("/audit/holds/", {"scope": "type", "reason": "why"}).status == 422
    hold = sql("SELECT id FROM audit.hold")[0][0]
    assert "refund.issue" in lin.get("/audit/holds/").text
    assert lin.post(f"/audit/holds/{hold}/lift/", {"reason": "settled"}).status == 302
    assert lin.post(f"/audit/holds/{hold}/lift/", {"reason": "again"}).status == 404


def test_without_the_right_the_pages_do_not_exist(house: build.House) -> None:
    reader = allowed(house, "view_audit")
    assert reader.get("/audit/erase/?kind=customer&value=8812").status == 404
    assert reader.post("/audit/erase/?kind=customer&value=8812", {"seen": ""}).status == 404
    assert reader.post("/audit/holds/", {"scope": "type", "type": "x", "reason": "y"}).status == 403
    assert reader.get("/audit/erasures/").status == 200
    nobody = allowed(house)
    assert [nobody.get(f"/audit/{page}/").status for page in ("erase", "erasures", "holds")] == [404] * 3
