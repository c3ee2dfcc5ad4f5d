"""A legal hold on an action keeps what its run remembers of it."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction

from agents.models import JournalEntry
from agents.runs import Run
from audit import privacy
from audit.erasable import Wanted, cases_of, texts_of
from tests.agents.kit import Crew
from tests.audit.customers import erase, lead
from tests.audit.world import sql
from tests.logins import as_role


def speak(run: Run, word: str) -> None:
    run.call("say", {"text": word})


def test_what_a_run_remembers_stays_while_one_of_its_actions_is_held(crew: Crew) -> None:
    crew.agent(speak)
    run, other = crew.start(word="her address"), crew.start(word="his address")
    for one in (run, other):
        crew.leg(one)
        crew.route()
        crew.reject(crew.actions(one)[0])
        assert crew.go(one) == "finished"
    case, held = f"run:{run.id}", f"action:{crew.actions(run)[0].id}"
    with as_role("web"):
        hold = privacy.place_hold(scope="case", target=held, reason="a court asked", actor=lead(crew.house))
        named = cases_of(Wanted(case=held)).names
        kept = {text.case: text.kept for text in texts_of(named)}
    assert kept == {held: f"under legal hold {hold}", case: f"an action of this run is under legal hold {hold}"}
    assert erase(crew.house, Wanted(case=f"run:{other.id}")).texts == 1
    [(began,)] = sql("SELECT id FROM audit.event WHERE case_id = %s AND case_seq = 1", case)
    with as_role("web"), pytest.raises(DatabaseError, match="under legal hold"), transaction.atomic():
        sql("SELECT agents_erase(%s)", began)  # nor past the service
    assert JournalEntry.objects.filter(run=run).exists()
    with as_role("web"):
        privacy.lift_hold(hold=hold, reason="the case is settled", actor=lead(crew.house))
    erase(crew.house, Wanted(case=held))
    assert not JournalEntry.objects.filter(run=run).exists()
