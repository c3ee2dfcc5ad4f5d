"""The real desk beside the record: its rows, texts and names agree with what the log says, and erasure stays honest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from audit import queries
from audit.reconcile import reconcile
from audit.registry import names_of
from audit.services import Actor, ErasureRefused, erase
from reviews.states import Status
from tests import build
from tests.audit.world import World, judge, sql, step_down
from tests.logins import as_role
from tests.many import batch, seeded, select

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db: None, tmp_path: Path) -> Iterator[World]:
    """A sequencer and exports, with the desk's own registrations in force."""
    yield World(tmp_path, tables=False)
    step_down()


@pytest.fixture
def busy(world: World) -> World:
    """Actions in every kind of end."""
    house = build.house()
    build.finished(house)
    build.in_doubt(house)
    build.leased(house)
    build.approved(house)
    build.rejected(house)
    build.pending(house)
    build.proposed(house, evidence=(build.evidence(),), reasoning="They asked for it.")
    world.sequence()
    return world


def test_an_export_of_the_desk_is_valid_and_complete(busy: World) -> None:
    place = busy.export()
    assert judge(place)[:2] == (0, {})
    rows = [json.loads(line) for line in (place / "business.jsonl").read_text().splitlines()]
    kinds = [row["kind"] for row in rows]
    assert kinds.count("case") == len(sql("SELECT id FROM reviews_action")) >= 7
    assert kinds.count("decision") == len(sql("SELECT id FROM reviews_decision")) >= 5
    assert kinds.count("revision") == len(sql("SELECT id FROM reviews_revision"))
    assert kinds.count("attempt") == len(sql("SELECT id FROM reviews_attempt")) >= 3
    texts = [json.loads(line) for line in (place / "content.jsonl").read_text().splitlines()]
    assert {text["state"] for text in texts} == {"open"}
    assert len([text for text in texts if text["field"] == "payload"]) == kinds.count("revision")
    assert {"evidence_1", "message_1", "identity", "rationale"} <= {text["field"] for text in texts}


def test_the_desk_and_the_record_agree(busy: World) -> None:
    for role in ("auditor", "router"):
        with as_role(role):
            assert reconcile() == []


def test_a_row_changed_behind_the_gate_is_found(busy: World) -> None:
    for table in ("reviews_action", "reviews_decision"):
        sql(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
    sql("UPDATE reviews_decision SET verdict = 'reject' WHERE verdict = 'approve' AND id = "
        "(SELECT min(id::text)::uuid FROM reviews_decision WHERE verdict = 'approve')")  # fmt: skip
    with as_role("auditor"):
        found = {finding["name"]: finding["count"] for finding in reconcile()}
    assert found == {"PROJECTION": 1}
    assert judge(busy.export())[0] == 1


def test_columns_changed_behind_the_stamp_are_found(busy: World) -> None:
    with busy.unguarded():
        sql("UPDATE audit.event SET actor_ref = 'mallory' WHERE name = 'decision.recorded'")
    with as_role("auditor"):
        found = {finding["name"] for finding in reconcile()}
    assert found == {"COLUMNS"}


def test_the_timeline_names_people_and_shows_texts_only_when_asked(busy: World) -> None:
    case = sql("SELECT case_id FROM audit.event WHERE name = 'decision.recorded' AND change_to = 'rejected' LIMIT 1")[
        0
    ][0]
    with as_role("web"):
        closed, opened = queries.timeline(case), queries.timeline(case, opened=True)
    decision = next(row for row in closed if row.name == "decision.recorded")
    assert decision.title == "Rejected"
    assert decision.change == ("pending", "rejected")
    assert not decision.who.startswith("psn_")
    assert decision.signed
    assert {text.value for row in closed for text in row.texts} == {None}
    words = {text.field: text.value for row in opened for text in row.texts}
    assert words["identity"] == decision.who


def test_policy_and_principals_have_names(busy: World) -> None:
    refs = {row[0] for row in sql("SELECT DISTINCT actor_ref FROM audit.event")}
    with as_role("web"):
        found = names_of(refs | {"psn_nobody", "not-a-uuid"})
    assert found["policy:1"] == "Policy, version 1" if "policy:1" in refs else True
    assert "psn_nobody" not in found
    assert found.keys() <= refs


def erasable(busy: World, state: str) -> tuple[Any, str]:
    return sql(
        "SELECT r.event_id, 'action:' || a.id FROM reviews_revision r JOIN reviews_action a ON a.id = r.action_id"
        " WHERE a.state = %s LIMIT 1", state
    )[0]  # fmt: skip


def test_a_payload_of_a_finished_action_can_be_erased_and_the_log_stays_valid(busy: World) -> None:
    event, case = erasable(busy, Status.SUCCEEDED)
    place = busy.export()
    secret = next(
        json.loads(line)["salt"]
        for line in (place / "content.jsonl").read_text().splitlines()
        if json.loads(line)["event"] == str(event)
    )
    with as_role("web"):
        erase(entries=[(event, "payload")], case=case, basis="gdpr_17", authoriser=Actor("human", "psn_lead"))
    busy.sequence()
    after = busy.export()
    assert judge(after)[:2] == (0, {})
    assert secret not in (after / "content.jsonl").read_text()
    assert sql("SELECT count(*) FROM reviews_revisionbody b JOIN reviews_revision r ON r.id = b.revision_id"
               " WHERE r.event_id = %s", event) == [(0,)]  # fmt: skip
    with as_role("web"):
        texts = [text for row in queries.timeline(case, opened=True) for text in row.texts if text.field == "payload"]
    assert [text.erased for text in texts] == [True]
    with as_role("auditor"):
        assert reconcile() == []


def test_nothing_of_an_open_action_is_erased(busy: World) -> None:
    event, case = erasable(busy, Status.PENDING)
    who = Actor("human", "psn_lead")
    with as_role("web"), pytest.raises(ErasureRefused, match="still open"):
        erase(entries=[(event, "payload")], case=case, basis="gdpr_17", authoriser=who)
    with as_role("web"), pytest.raises(ErasureRefused):  # and not by naming another case either
        erase(entries=[(event, "payload")], case="erasure:other", basis="gdpr_17", authoriser=who)
    assert sql("SELECT count(*) FROM audit.event WHERE name = 'privacy.erased'") == [(0,)]


def test_what_is_not_there_cannot_be_erased(busy: World) -> None:
    event, case = erasable(busy, Status.SUCCEEDED)
    with as_role("web"), pytest.raises(ErasureRefused, match="no text 'rationale'"):
        erase(entries=[(event, "rationale")], case=case, basis="gdpr_17", authoriser=Actor("human", "psn_lead"))


def test_seeded_checks_agree_with_the_record_while_they_wait_and_when_they_are_over(world: World) -> None:
    house = build.house()
    twin = build.approved(house, evidence=(build.evidence(),))
    seeded(house, twin.id)
    build.decide(house, seeded(house, twin.id), build.REJECT)
    batch(house, select([seeded(house, twin.id), build.pending(house)]))
    world.sequence()
    assert judge(world.export())[:2] == (0, {})
    with as_role("auditor"):
        assert reconcile() == []
