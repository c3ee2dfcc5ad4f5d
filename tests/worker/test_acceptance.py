"""The whole path with the processes that production has: Celery workers, keeper, drain, Valkey, PostgreSQL."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from pytest_django.plugin import DjangoDbBlocker

from agents import services
from agents.models import Run
from reviews.models import Action, Heartbeat, Item
from tests.logins import as_role
from tests.stage import Stage, approve, furnish, stage

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def theatre(django_db_blocker: DjangoDbBlocker, django_db_setup: None) -> Iterator[Stage]:
    with django_db_blocker.unblock(), stage("acceptance") as found:
        yield found


def test_an_agent_proposes_a_person_approves_a_worker_carries_it_out_and_the_run_ends(theatre: Stage) -> None:
    house = furnish()
    theatre.started("keeper", "drain", "executors", "agents")
    with as_role("web"):
        run = services.start_run(agent="player", args={"lines": 3}, title="curtain", by=house.by("ada"))
    theatre.until(lambda: Item.objects.filter(action__run=run).count() == 3, 20, "three items in the queue")
    assert Run.objects.get(id=run).state == "parked"
    assert not theatre.sink.exists(), "nothing takes effect before it is approved"
    approve(house, Item.objects.filter(action__run=run))
    theatre.until(lambda: Run.objects.get(id=run).state == "finished", 20, "the run to finish")
    ended = json.loads(bytes(Run.objects.get(id=run).result or b""))
    assert ended["ends"] == ["Approved"] * 3
    assert [r["n"] for r in ended["results"]] == [0, 1, 2]
    lines = [json.loads(line) for line in theatre.sink.read_text().splitlines()]
    assert {line["action"] for line in lines} == {str(a.id) for a in Action.objects.filter(run=run)}
    assert len(lines) == 3
    assert {h.kind for h in Heartbeat.objects.all()} == {"keeper", "drain", "executor", "agents"}
    for name in ("keeper", "drain", "executors", "agents"):
        assert theatre.stop(name) == 0, f"{name} did not end cleanly at SIGTERM\n{theatre.logs()}"
