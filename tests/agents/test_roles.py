"""What each login may not do to runs, tried in SQL, past every service."""

from __future__ import annotations

import json
import time
from uuid import UUID, uuid4

import pytest
from django.db import DatabaseError, connection, transaction

from agents import services
from agents.models import JournalEntry
from agents.models import Run as Run_
from agents.runs import Run
from audit import receipts
from reviews.errors import GateRefused, sqlstate
from reviews.models import Principal
from reviews.states import Reversibility, Risk
from tests import build
from tests.agents.kit import Crew
from tests.logins import as_role


def agent(run: Run, word: str = "a") -> bool:
    run.step("look", lambda: word)
    return run.call("say", {"text": word}).ok


@pytest.fixture
def run(crew: Crew) -> Run_:
    crew.agent(agent)
    found = crew.start()
    assert crew.leg(found) == "parked"
    return found


def refused(role: str, query: str, *given: object) -> str:
    """The SQLSTATE with which this login is refused; the rows of runs stay as they were."""
    before = picture()
    with pytest.raises(DatabaseError) as refusal, as_role(role), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(query, given)
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert picture() == before
    return sqlstate(refusal.value)


def picture() -> list[object]:
    return [list(Run_.objects.order_by("id").values_list()), list(JournalEntry.objects.order_by("id").values_list())]


CHEATS = (
    "DELETE FROM agents_run",
    "TRUNCATE agents_journal",
    "UPDATE agents_journal SET name = 'x'",
    "INSERT INTO agents_journal VALUES (0, 1, 'step', 'x', sha256(''), '{}', now(), gen_random_uuid())",
    "UPDATE agents_run SET args = '{}'",
    "UPDATE agents_run SET frame = '{}'",
    "UPDATE agents_run SET fence = fence + 5",
    "UPDATE agents_run SET result = '1'",
    "DELETE FROM agents_news",
    "ALTER TABLE agents_run DISABLE TRIGGER agents_guard_run",
)


@pytest.mark.parametrize("role", ["web", "router", "agent", "executor", "sequencer", "auditor"])
def test_no_login_writes_past_the_functions(run: Run_, role: str) -> None:
    for cheat in CHEATS:
        assert refused(role, cheat) == "42501", cheat


def test_agents_read_no_table_of_runs(run: Run_) -> None:
    for table in ("agents_run", "agents_journal", "agents_news", "reviews_revisionbody"):
        assert refused("agent", f"SELECT * FROM {table}") == "42501", table


def test_web_only_cancels(run: Run_) -> None:
    for state in ("finished", "failed", "blocked", "running", "runnable"):
        assert refused("web", "UPDATE agents_run SET state = %s, case_seq = case_seq + 1", state) == "DK009", state


def test_web_cancels_no_run_without_its_event(run: Run_) -> None:
    assert refused("web", "UPDATE agents_run SET state = 'cancelled', case_seq = case_seq + 1") == "AU007"


def test_web_changes_nothing_a_run_was_started_with(run: Run_) -> None:
    assert refused("superuser", 'UPDATE agents_run SET args = \'{"word": "b"}\'') == "DK003"
    assert refused("superuser", "UPDATE agents_run SET agent_version = '9'") == "DK003"


CALLS = (
    "agents_copy_journal(%s, gen_random_uuid(), 1)",
    "agents_wake(length(%s::text))",
    "agents_append(%s, 1, 9, 'step', 'x', sha256(''), '{}')",
    "agents_close(%s, 1, 'finished', 'null', '', NULL, 2, sha256(''))",
    "agents_park(%s, 1, '{\"on\": []}', NULL)",
    "agents_renew(%s, 1)",
    "agents_outcomes(%s, 1, '{}')",
    "agents_decision_receipts(%s, 1, '{}')",
)


@pytest.mark.parametrize("role", ["executor", "auditor", "sequencer"])
def test_who_has_no_business_with_runs_may_call_none_of_the_functions(run: Run_, role: str) -> None:
    for call in CALLS:
        assert refused(role, f"SELECT {call}", run.id) == "42501", call


def test_an_agent_of_another_group_can_neither_take_nor_touch_a_run(crew: Crew, run: Run_) -> None:
    other = crew.start()
    with as_role("agent"):
        held = services.lease_run(versions=[("helper", "1")], worker="w", seconds=30, only=other.id)
    assert held is not None
    Principal.objects.filter(name="helper").update(group="elsewhere")
    with as_role("agent"):
        assert services.lease_run(versions=[("helper", "1")], worker="w", seconds=30) is None
        for attempt in (
            lambda: services.read_journal(held=held),
            lambda: services.renew_run(held=held),
            lambda: services.give_back(held=held),
            lambda: services.finish_run(held=held, result=b"1"),
        ):
            with pytest.raises(GateRefused) as refusal:
                attempt()
            assert refusal.value.sqlstate in {"DK002", "AU003"}


def test_a_journal_row_cannot_claim_an_action_a_child_or_a_question_of_another_run(crew: Crew, run: Run_) -> None:
    [action] = crew.actions(run)
    mine = crew.start()
    with as_role("agent"):
        held = services.lease_run(versions=[("helper", "1")], worker="w", seconds=30, only=mine.id)
    assert held is not None
    row = "SELECT agents_append(%s, %s, 1, %s, %s, sha256(''), %s)"
    for kind, name, result in (
        ("propose", "say", f'{{"action": "{action.id}"}}'),
        ("child", "helper", f'{{"run": "{run.id}"}}'),
        ("answer", str(uuid4()), "{}"),
    ):
        assert refused("agent", row, mine.id, held.fence, kind, name, result.encode()) == "AG003"
    assert refused("agent", row, mine.id, held.fence, "vote", "x", b"{}") == "23514"


def test_an_agent_is_told_nothing_about_actions_that_are_not_in_its_runs_journal(crew: Crew, run: Run_) -> None:
    [action] = crew.actions(run)
    mine = crew.start()
    with as_role("agent"):
        held = services.lease_run(versions=[("helper", "1")], worker="w", seconds=30, only=mine.id)
    assert held is not None
    for told in ("agents_outcomes", "agents_decision_receipts"):
        assert refused("agent", f"SELECT * FROM {told}(%s, %s, %s)", mine.id, held.fence, [action.id]) == "AG003"
        assert refused("agent", f"SELECT * FROM {told}(%s, %s, %s)", mine.id, held.fence + 1, []) == "DK005"


def test_an_agent_hears_of_no_first_vote_while_its_action_waits_for_the_second(crew: Crew) -> None:
    crew.aside("say.loud", template="Shout {text}", risk=Risk.CRITICAL, reversibility=Reversibility.IRREVERSIBLE)

    def curious(run: Run) -> list[list[int]]:
        loud, heard = run.propose("say.loud", {"text": "fire"}), []
        for _ in range(2):
            run.sleep(0.05)
            heard.append(run.step("listen", lambda: receipts_of(run, loud.id)))
        return heard

    def receipts_of(run: Run, action: UUID) -> list[int]:
        of_votes = services.decision_receipts(held=run._held, actions=[action]).get(action, [])
        return [len(of_votes), len(services.receipts(held=run._held, action=action))]

    crew.agent(curious)
    run = crew.start()
    crew.leg(run)
    crew.route()
    [action] = crew.actions(run)
    for name in ("ada", "grace"):
        vote = build.decide(crew.house, build.item_of(action.id), name=name)
        with as_role("web"):
            receipts.kept([vote.event_id])
        time.sleep(0.1)  # the run's own sleep is over
        crew.wake()
        crew.leg(run)
    assert (crew.run(run).error, json.loads(bytes(crew.run(run).result or b"null"))) == ("", [[0, 0], [2, 2]])


def test_an_agent_does_not_propose_for_a_run_that_is_not_running(crew: Crew, run: Run_) -> None:
    found = refused(
        "agent",
        "INSERT INTO reviews_action (id, type_id, run, dedup_key, digest, case_seq, case_head)"
        " VALUES (gen_random_uuid(), 'say', %s, 'x', sha256(''), 1, sha256(''))",
        run.id,
    )
    assert found == "DK002"


def test_a_fork_takes_over_a_journal_only_at_its_birth(crew: Crew, run: Run_) -> None:
    assert refused("web", "SELECT agents_copy_journal(%s, %s, 1)", run.id, crew.start().id) == "DK002"
