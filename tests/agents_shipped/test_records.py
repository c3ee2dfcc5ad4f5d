"""An agent learns of its own past only, while it runs, and nobody else may ask in its name."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction

from agents import mailboxes, records, services
from agents.handlers.mail import inbox
from agents.services.sampling import deliver
from reviews.ids import new_id
from tests.agents_shipped.office import Office
from tests.logins import as_role


@pytest.fixture
def held(office: Office) -> tuple[Office, UUID]:
    """A second run of the inbox agent in the hands of a worker; the first has proposed for six letters."""
    deliver(inbox())
    office.begin("inbox")
    with as_role("web"):
        run = services.start_run(agent="inbox", by=office.house.by("lin"))
    with as_role("agent"):
        assert services.lease_run(versions=[("inbox", "1")], worker="agents@test:1", seconds=60, only=run)
    return office, run


def refused(run: Any) -> str:
    with pytest.raises(DatabaseError) as caught, transaction.atomic():
        records.rule_records(str(run), ["question"])
    return str(getattr(caught.value.__cause__, "sqlstate", ""))


def test_a_running_agent_sees_its_own_rules_and_sources(held: tuple[Office, UUID]) -> None:
    _, run = held
    sources = [f"mail:{id}" for id in mailboxes.ids(inbox())]
    with as_role("agent"):
        assert records.known_sources(str(run), [*sources, "mail:other"]) == sorted(sources)
        assert records.rule_records(str(run), ["question", "unheard of"]) == {"question": (0, 0), "unheard of": (0, 0)}


def test_another_agents_run_has_another_past(held: tuple[Office, UUID]) -> None:
    office, _ = held
    with as_role("web"):
        other = services.start_run(agent="report", by=office.house.by("lin"))
    with as_role("agent"):
        assert services.lease_run(versions=[("report", "1")], worker="agents@test:1", seconds=60, only=other)
        assert records.known_sources(str(other), [f"mail:{id}" for id in mailboxes.ids(inbox())]) == []


def test_a_run_that_is_not_running_learns_nothing(held: tuple[Office, UUID]) -> None:
    office, run = held
    with as_role("web"):
        services.cancel_run(run=run, by=office.house.by("lin"))
    with as_role("agent"):
        assert refused(run) == "DK002"
        assert refused(new_id()) == "DK002"


@pytest.mark.parametrize("role", ["web", "router", "executor", "sequencer", "auditor"])
def test_no_other_login_may_ask(held: tuple[Office, UUID], role: str) -> None:
    with as_role(role):
        assert refused(held[1]) == "42501"
        assert connection.needs_rollback is False
