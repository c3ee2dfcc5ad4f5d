"""Under sealing nothing of a run or of what its effects answered lies plain, and everybody who may still reads it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError

from agents import registry, resealing, services
from agents.outcomes import Approved, Finished
from agents.runs import Run
from audit import keys, seal
from audit.erasable import Wanted
from reviews import services as desk
from reviews.errors import WrongState
from reviews.models import Attempt
from reviews.states import Status
from tests import build
from tests.agents.kit import Crew
from tests.audit.customers import SECRET, erase, lying
from tests.audit.test_sealing import named
from tests.audit.world import sql
from tests.logins import as_role
from tests.web.pages import Browser


@pytest.fixture
def sealed(crew: Crew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Crew:
    monkeypatch.setattr(settings, "SECRETS_DIR", tmp_path)
    monkeypatch.setattr(keys, "SPARES", 30)
    monkeypatch.setattr(keys, "LOW", 20)
    with as_role("web"):
        keys.make_keys(tmp_path)
    monkeypatch.setattr(settings, "SEALING", True)
    return crew


def start(crew: Crew, **args: Any) -> Any:
    with as_role("web"):
        made = services.start_run(agent="helper", args=args, title=f"About {SECRET}", by=crew.house.by("ada"))
    return crew.run(made)


def says(run: Run, word: str) -> Any:
    outcome = run.call("say", {"text": word})
    assert isinstance(outcome, Approved)
    return {"title": run.title, "word": word, "said": outcome.result}


def test_a_run_is_started_carried_out_and_ended_without_a_plain_word(sealed: Crew) -> None:
    sealed.agent(says)
    run = start(sealed, word=SECRET)
    sealed.leg(run)
    sealed.route()
    [action] = sealed.actions(run)
    sealed.approve(action)
    assert sealed.execute()
    assert sealed.world.done[0][2]["text"] == SECRET
    assert sealed.go(run) == "finished"
    assert lying(SECRET) == 0
    run = sealed.run(run)
    with as_role("agent"):
        ended = json.loads(seal.unsealed(bytes(run.result or b"")))
    assert ended == {"title": f"About {SECRET}", "word": SECRET, "said": {"said": SECRET}}
    page = Browser(sealed.house.lin).get(f"/runs/{run.id}/")
    assert page.status == 200 and f"About {SECRET}" in page.text and "&quot;said&quot;" in page.text
    told = "SELECT convert_from(leaf, 'UTF8') FROM audit.event WHERE name = 'content.opened'"
    opened = [json.loads(text)["data"] for (text,) in sql(told)]
    assert [data["case"] for data in opened if data["purpose"] == "sealed"] == [f"run:{run.id}"]
    runs = Browser(sealed.house.lin).get("/runs/")
    assert "helper (sealed)" in runs.text and SECRET not in runs.text
    assert SECRET in Browser(sealed.house.ada).open(build.item_of(action.id)).text


def test_what_a_reversal_needs_of_the_original_is_opened_for_it(sealed: Crew) -> None:
    sealed.agent(says)
    run = start(sealed, word=SECRET)
    sealed.leg(run)
    sealed.route()
    [action] = sealed.actions(run)
    sealed.approve(action)
    assert sealed.execute()
    with as_role("web"):
        made = desk.reverse(action=action.id, reason="the wrong customer", by=sealed.house.by("ada")).id
    sealed.route()
    build.decide(sealed.house, build.item_of(made), name="grace")
    build.wait_for_release(made)
    assert sealed.execute()
    assert sealed.world.undone[0][1] == {"said": SECRET}
    build.state_of(action.id, Status.REVERSED)


def test_children_and_continuations_are_sealed_to_themselves(sealed: Crew) -> None:
    def child(run: Run, word: str) -> str:
        return word + run.title

    def parent(run: Run, word: str, again: bool = False) -> Any:
        if not again:
            outcome = run.wait(run.start_child("child", {"word": word}, title=f"for {SECRET}"))
            assert isinstance(outcome, Finished) and outcome.result == f"{SECRET}for {SECRET}"
            run.continue_as_new(word=word, again=True)
        raise ValueError(f"{word} is wrong")

    sealed.agent(child, name="child")
    sealed.agent(parent, starts=("child",))
    run = start(sealed, word=SECRET)
    sealed.leg(run)
    [made] = sql("SELECT id FROM agents_run WHERE parent_id = %s", run.id)[0]
    sealed.go(sealed.run(made))
    assert sealed.go(run) == "continued"
    [following] = sql("SELECT id FROM agents_run WHERE continues_id = %s", run.id)[0]
    assert sealed.go(sealed.run(following)) == "failed"
    assert lying(SECRET) == 0
    page = Browser(sealed.house.lin).get(f"/runs/{following}/")
    assert f"About {SECRET}" in page.text and f"{SECRET} is wrong" in page.text
    subjects = sql("SELECT count(DISTINCT lookup) FROM audit.seal_key WHERE kind = 'subject' AND lookup IS NOT NULL")
    assert subjects == [(3,)]  # each run its own key, so that each can be erased by itself


def without_spares(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """The next so many looks for a key find none, as when the keeper was away for long."""
    real, left = seal.readers, iter(range(times))

    def readers(*given: Any, **more: Any) -> list[seal.Reader]:
        if next(left, None) is not None:
            raise seal.NoSpareKey("no key is left to seal to")
        return real(*given, **more)

    monkeypatch.setattr(seal, "readers", readers)


def test_an_effect_that_happened_is_reported_once_there_is_a_key_again(
    sealed: Crew, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed.agent(says)
    run = start(sealed, word=SECRET)
    sealed.leg(run)
    sealed.route()
    [action] = sealed.actions(run)
    sealed.approve(action)
    without_spares(monkeypatch, 2)
    assert sealed.execute()
    build.state_of(action.id, Status.SUCCEEDED)
    assert len(sealed.world.done) == 1
    assert lying(SECRET) == 0


def test_a_run_that_finds_no_key_is_repeated_and_does_not_fail(sealed: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed.agent(says)
    run = start(sealed, word=SECRET)
    without_spares(monkeypatch, 1)
    assert sealed.leg(run) == "interrupted"
    assert sealed.actions(run) == []
    assert sealed.leg(run) == "parked"
    assert len(sealed.actions(run)) == 1


def test_a_blocked_run_shows_both_sides_and_is_forked(sealed: Crew) -> None:
    def other(run: Run, word: str) -> Any:
        run.step("look", lambda w: w, word)

    def before(run: Run, word: str) -> Any:
        run.step("read", lambda w: {"found": w}, word)
        return says(run, word)

    sealed.agent(before)
    run = start(sealed, word=SECRET)
    sealed.leg(run)
    sealed.route()
    sealed.approve(sealed.actions(run)[0])
    assert sealed.execute()
    registry._agents.clear()
    sealed.agent(other)
    assert sealed.go(run) == "blocked"
    assert lying(SECRET) == 0
    page = Browser(sealed.house.lin).get(f"/runs/{run.id}/")
    assert "another name" in page.text and page.text.count(SECRET) >= 2
    with as_role("web"):
        made = services.fork_run(run=run.id, seq=0, by=sealed.house.by("ada"))
    assert sealed.go(sealed.run(made)) == "finished"
    assert lying(SECRET) == 0


def test_the_key_of_a_run_stays_while_the_run_remembers(sealed: Crew) -> None:
    sealed.agent(lambda run: None)
    run = start(sealed)
    [(key, subject)] = sql("SELECT id, lookup FROM audit.seal_key WHERE case_id = %s", f"run:{run.id}")
    for _ in range(2):  # open, and over
        with pytest.raises(DatabaseError, match="still remembers"):
            named([str(key)], subject=bytes(subject))
        sealed.go(run)
    assert erase(sealed.house, Wanted(case=f"run:{run.id}")).key
    assert sql("SELECT count(*) FROM audit.seal_key WHERE id = %s", key) == [(0,)]


def test_what_nobody_can_open_any_more_is_not_forked_and_says_so(sealed: Crew) -> None:
    sealed.agent(lambda run: None)
    run = start(sealed)
    assert sealed.go(run) == "finished"
    sql("ALTER TABLE audit.seal_key DISABLE TRIGGER ALL")
    sql("DELETE FROM audit.seal_key WHERE kind = 'subject' AND lookup IS NOT NULL")
    assert "(sealed)" in Browser(sealed.house.lin).get(f"/runs/{run.id}/").text
    with as_role("web"), pytest.raises(WrongState, match="cannot be opened"):
        services.fork_run(run=run.id, seq=0, by=sealed.house.by("ada"))


def test_a_login_without_a_key_says_which_journals_it_did_not_look_at(sealed: Crew) -> None:
    sealed.agent(says)
    sealed.leg(start(sealed, word=SECRET))
    out = io.StringIO()
    with as_role("auditor"):
        call_command("replay_check", stdout=out)
    assert out.getvalue().splitlines() == [
        "1 runs lie sealed for this login and were not looked at", "0 runs, 0 would replay, 0 would not",
    ]  # fmt: skip


def test_what_lay_plain_is_sealed_afterwards_and_the_run_goes_on(sealed: Crew, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "SEALING", False)
    sealed.world.trouble.append(ConnectionError(f"{SECRET} does not answer"))
    sealed.agent(says)
    run = start(sealed, word=SECRET)
    sealed.leg(run)
    sealed.route()
    sealed.approve(sealed.actions(run)[0])
    assert sealed.execute()
    assert lying(SECRET) >= 4
    monkeypatch.setattr(settings, "SEALING", True)
    with as_role("owner"):
        assert resealing.reseal() > 0
        assert resealing.reseal() == 0
    assert lying(SECRET) == 0
    build.wait_for_release(sealed.actions(run)[0].id)
    assert sealed.execute()
    assert sealed.go(run) == "finished"
    assert lying(SECRET) == 0
    assert {bytes(row.result or b"\x01")[:1] for row in Attempt.objects.all()} == {seal.MARK}
    page = Browser(sealed.house.ada).open(build.item_of(sealed.actions(run)[0].id))
    assert f"{SECRET} does not answer" in page.text


def test_no_plain_text_begins_like_a_sealed_one(crew: Crew) -> None:
    crew.agent(lambda run: None)
    with as_role("web"):
        made = services.start_run(agent="helper", title="\x01notsealed", by=crew.house.by("ada"))
    assert crew.run(made).title == "notsealed"
    assert crew.leg(crew.run(made)) == "finished"
