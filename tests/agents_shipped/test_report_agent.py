"""The report agent is held to the plan that people approved, and releases nothing that was not let through."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings

from agents.services.seeding import seed_level
from reviews.models import Action
from tests.agents_shipped.office import Office, payload
from tests.logins import as_role


@pytest.fixture
def planned(office: Office) -> tuple[Office, Any, Action]:
    run = office.begin("report", goal="The week")
    (plan,) = office.actions(run)
    return office, run, plan


def test_the_plan_comes_first_and_nothing_is_gathered_before_it_is_approved(
    planned: tuple[Office, Any, Action],
) -> None:
    _, run, plan = planned
    assert (plan.type_id, plan.state, run.state) == ("report.plan", "pending", "parked")
    steps = payload(plan)["steps"]
    assert [step["type"] for step in steps] == ["report.gather"] * 3 + ["report.release"]


def test_a_step_that_people_take_out_is_not_taken(planned: tuple[Office, Any, Action]) -> None:
    office, run, plan = planned
    changed = payload(plan)
    del changed["steps"][0]
    office.change(plan, changed)
    office.execute_all()
    run = office.onward(run)
    gathers = office.by_type(run)["report.gather"]
    assert [payload(a)["source"] for a in gathers] == [s["fixed"]["source"] for s in changed["steps"][:-1]]


def test_a_rejected_plan_ends_the_report(planned: tuple[Office, Any, Action]) -> None:
    office, run, plan = planned
    office.turn_down(plan)
    run = office.onward(run)
    assert run.state == "finished"
    assert len(office.actions(run)) == 1


def test_reading_an_approved_source_needs_nobody_where_a_lead_said_so(office: Office) -> None:
    with as_role("web"):
        assert seed_level(office.house.by("lin")) is True
        assert seed_level(office.house.by("lin")) is False
    run = office.begin("report", goal="The week")
    office.let_through(*office.actions(run))
    run = office.onward(run)
    assert {a.state for a in office.by_type(run)["report.gather"]} == {"approved"}
    assert {a.outcome for a in office.by_type(run)["report.gather"]} == {"auto_execute"}


def test_the_report_is_published_only_by_its_release(planned: tuple[Office, Any, Action]) -> None:
    office, run, plan = planned
    office.let_through(plan)
    run = office.onward(run)
    office.let_through(*office.by_type(run)["report.gather"])
    run = office.onward(run)
    (release,) = office.by_type(run)["report.release"]
    published = settings.STATE_DIR / "reports" / "week.md"
    assert release.state == "pending"
    assert not published.exists()
    assert "214 letters" in payload(release)["text"]
    office.let_through(release)
    assert published.read_text().startswith("# The week\n\nThe week, from 3 sources.")
    office.go(run)
    assert office.run(run).state == "finished"
