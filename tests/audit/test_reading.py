"""Who opened what is told where the decision does not tell it; and what is kept since when."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.cache import caches
from django.core.management import call_command
from django.db import IntegrityError, transaction

from audit.keeping import kept, prunable
from audit.privacy import place_hold
from tests import build
from tests.audit.customers import lead
from tests.audit.world import World, sql
from tests.logins import as_role
from tests.web.pages import Browser

pytestmark = pytest.mark.django_db


def told() -> list[tuple[str, str]]:
    rows = sql("SELECT convert_from(leaf, 'UTF8') FROM audit.event WHERE name = 'content.opened' ORDER BY n")
    return [(data["case"], data["purpose"]) for (leaf,) in rows if (data := json.loads(leaf)["data"])]


@pytest.fixture(autouse=True)
def _nobody_has_read() -> None:
    caches["memory"].clear()


def test_a_waiting_item_is_told_by_its_decision_and_everything_else_here(db: Any, desk: World) -> None:
    house = build.house()
    waiting, done = build.pending(house), build.rejected(house, "refund.issue")
    ada, lin = Browser(house.ada), Browser(house.lin)
    assert ada.open(waiting).status == 200
    assert told() == []
    over = build.item_of(done.id)
    for _ in range(3):  # the same reading, however often the page is loaded
        assert ada.open(over).status == 200
    assert told() == [(f"action:{done.id}", "decided")]
    assert lin.open(waiting).status == 200
    assert told()[1:] == [(f"action:{waiting.action_id}", "oversight")]
    assert Browser(house.mallory).open(over).status == 404
    assert len(told()) == 2


def test_what_is_kept_since_when_and_what_stops_pruning(db: Any, desk: World) -> None:
    house = build.house()
    build.rejected(house)
    desk.sequence()
    with as_role("web"):
        assert {one.name for one in kept()} == {"decisions", "runs", "rules", "access", "privacy", "log"}
        page = Browser(house.root).get("/audit/")
    assert "What is kept since when" in page.text and "184" not in page.text
    with as_role("auditor"):
        assert prunable().count == 0
    sql("ALTER TABLE audit.retention DISABLE TRIGGER told")
    sql("UPDATE audit.retention SET days = 184")
    sql("ALTER TABLE audit.event DISABLE TRIGGER append_only")
    sql("UPDATE audit.event SET at = at - interval '185 days'")
    size = sql("SELECT count(*) FROM audit.leaf")[0][0]
    with as_role("auditor"):
        assert (prunable().below, prunable().stopped_by) == (size, "the end of the log")
        assert 0 < prunable().count < size
    case = sql("SELECT case_id FROM audit.event WHERE name = 'action.proposed'")[0][0]
    with as_role("web"):
        place_hold(scope="case", target=case, reason="a court asked", actor=lead(house))
    out = io.StringIO()
    with as_role("auditor"):
        assert prunable().below < size and "under legal hold" in prunable().stopped_by
        call_command("audit_prune", "--dry-run", stdout=out)
    assert "decisions: 184 days at least" in out.getvalue()
    with pytest.raises(IntegrityError), transaction.atomic():
        sql("UPDATE audit.retention SET days = 30")
