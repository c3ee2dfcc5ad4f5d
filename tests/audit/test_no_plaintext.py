"""On a real server: what lay sealed is in no table, dump, data file or write-ahead log, erased or not."""

from __future__ import annotations

import secrets
import subprocess
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings

from agents.outcomes import Approved
from agents.runs import Run
from agents.services import start_run
from audit import indexing, keys
from audit.erasable import Wanted
from config.embedded import postgres_home
from config.machine import account
from tests import build, cluster
from tests.agents.kit import Crew, crewed
from tests.audit.customers import erase, of_8812
from tests.audit.world import World, judge, sql
from tests.logins import as_role

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def _postgres() -> Path:
    return postgres_home(cluster.base(), account())


def on_disk(word: str) -> dict[str, list[str]]:
    """Files of the server, and of a dump of this database, in which the word lies."""
    with psycopg.connect(cluster.server().superuser_url(), autocommit=True) as place:
        place.execute("CHECKPOINT")
        home = Path(place.execute("SHOW data_directory").fetchone()[0])  # type: ignore[index]
    found: dict[str, list[str]] = {"wal": [], "base": []}
    for part, folder in (("wal", "pg_wal"), ("base", "base")):
        ran = subprocess.run(
            ["grep", "-rlaF", word, str(home / folder)], capture_output=True, text=True, check=False
        )  # fmt: skip
        found[part] = ran.stdout.split()
    dump = subprocess.run(
        [str(_postgres() / "bin" / "pg_dump"), cluster.server().superuser_url(cluster.database_name())],
        capture_output=True, check=True,
    )  # fmt: skip
    found["dump"] = ["dump"] if word.encode() in dump.stdout or word.encode().hex().encode() in dump.stdout else []
    return found


@pytest.mark.parametrize("sealing", [True, False], ids=["sealed", "plain"])
def test_what_lay_sealed_is_nowhere_and_what_lay_plain_is_still_in_the_wal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sealing: bool
) -> None:
    word = "W" + secrets.token_hex(12)
    monkeypatch.setattr(settings, "SECRETS_DIR", tmp_path)
    world = World(tmp_path, tables=False)
    monkeypatch.setattr(settings, "ANCHOR_DIR", world.anchor)
    house = build.house()
    with as_role("web"):
        keys.make_keys(tmp_path)
    monkeypatch.setattr(settings, "SEALING", sealing)
    payload = {"customer": "8812", "amount": 100, "note": word}
    done = build.rejected(house, "refund.issue", payload=payload, reasoning=word, evidence=(build.evidence(word),))
    build.wait_for_release(done.id)
    world.sequence()
    with as_role("router"):
        indexing.index_for(10)
    before = on_disk(word)
    assert bool(before["wal"]) is (not sealing)
    assert bool(before["dump"]) is (not sealing)
    assert erase(house, of_8812()).key is True
    world.sequence()
    sql("VACUUM")
    after = on_disk(word)
    assert after["dump"] == []
    assert sql("SELECT count(*) FROM audit.seal_key WHERE kind = 'subject' AND lookup = %s", of_8812().subject) == [
        (0,)
    ]
    if sealing:
        assert after == {"wal": [], "base": [], "dump": []}
    else:
        assert after["wal"], "plain text stays in the write-ahead log: the test must be able to see it"
    assert judge(world.export())[:2] == (0, {})


@pytest.mark.parametrize("sealing", [True, False], ids=["sealed", "plain"])
def test_what_a_run_was_given_and_what_its_effect_answered_is_nowhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sealing: bool
) -> None:
    with crewed() as crew:
        check_run(crew, tmp_path, monkeypatch, sealing)


def check_run(crew: Crew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sealing: bool) -> None:
    word = "W" + secrets.token_hex(12)
    monkeypatch.setattr(settings, "SECRETS_DIR", tmp_path)
    world = World(tmp_path, tables=False)
    monkeypatch.setattr(settings, "ANCHOR_DIR", world.anchor)
    with as_role("web"):
        keys.make_keys(tmp_path)
    monkeypatch.setattr(settings, "SEALING", sealing)
    crew.world.trouble.append(ConnectionError(f"{word} does not answer"))
    crew.agent(told)
    with as_role("web"):
        run = crew.run(start_run(agent="helper", args={"word": word}, title=word, by=crew.house.by("ada")))
    crew.leg(run)
    crew.route()
    [action] = crew.actions(run)
    crew.approve(action)
    assert crew.execute()  # once in vain, then with an answer
    build.wait_for_release(action.id)
    assert crew.execute()
    assert crew.go(run) == "finished"
    world.sequence()
    with as_role("router"):
        indexing.index_for(10)
    before = on_disk(word)
    assert (bool(before["wal"]), bool(before["dump"])) == (not sealing, not sealing)
    done = erase(crew.house, Wanted(case=f"action:{action.id}"))
    assert done.key is True
    sql("VACUUM")
    after = on_disk(word)
    assert after["dump"] == []
    own = "SELECT count(*) FROM audit.seal_key WHERE lookup IN (audit.subject_of(%s), audit.subject_of(%s))"
    assert sql(own, f"action:{action.id}", f"run:{run.id}") == [(0,)]
    if sealing:
        assert after == {"wal": [], "base": [], "dump": []}
    else:
        assert after["wal"], "plain text stays in the write-ahead log: the test must be able to see it"


def told(run: Run, word: str) -> Any:
    """Asks for an effect that answers with the word, and ends with it."""
    run.step("read", lambda: {"read": word})
    outcome = run.call("say", {"text": word})
    assert isinstance(outcome, Approved)
    return outcome.result
