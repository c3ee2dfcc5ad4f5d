"""The sequencer as processes of their own, killed at random: it loses nothing, doubles nothing, and one leads."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connections
from pytest_django.plugin import DjangoDbBlocker

from audit import events as ev
from audit import queries
from audit.entries import ZERO, Actor, Chain, prepare
from audit.events import EventName as Name
from audit.export import export
from audit.leading import SEQUENCER
from audit.notes import Signer
from config.env import ROOT
from tests import cluster
from tests.audit.world import World, judge, sql
from tests.faults.postgres import own_postgres
from tests.logins import as_role, connected


class Writers:
    """Commits events over connections of its own, in threads of the test's process or here."""

    def __init__(self) -> None:
        self.context = connected("web")
        self.raw = self.context.__enter__()
        self.written: list[str] = []

    def write(self, count: int) -> None:
        for _ in range(count):
            at = self.raw.execute("SELECT clock_timestamp()").fetchone()[0]  # type: ignore[index]
            data = ev.StopPlaced(stop="s", scope="all")
            chain = Chain(f"stop:{os.urandom(8).hex()}", 0, ZERO, at)
            entry = prepare(name=Name.STOP_PLACED, data=data, chain=chain, actor=Actor("human", "psn_x"))
            self.raw.execute("INSERT INTO audit.event (leaf) VALUES (%s)", [entry.leaf])
            self.raw.commit()
            self.written.append(str(entry.id))

    def close(self) -> None:
        self.context.__exit__(None, None, None)


@pytest.fixture
def writers(transactional_db: None) -> Iterator[Writers]:
    with as_role("web"):
        found = Writers()
        yield found
        found.close()


START = 120.0  # seconds: what a process may take to load its code and begin where many others do the same


class Process:
    """`manage.py sequencer`, logged in as sequencer."""

    def __init__(self, folder: Path, database: str, command: str = "sequencer --poll 0.01", **more: str) -> None:
        env = {k: v for k, v in os.environ.items() if not k.startswith(("ASSENTRY_ROLE", "DJANGO_"))}
        parts = cluster.login_url("sequencer", database)
        env |= {
            "DATABASE_URL": parts, "ASSENTRY_ROLE": "sequencer", "ASSENTRY_STATE": str(folder),
            "ASSENTRY_LOG_KEY": str(folder / "log.key"), "ASSENTRY_ANCHOR_DIR": str(folder / "anchor"),
            "DJANGO_SETTINGS_MODULE": "config.settings",
        } | more  # fmt: skip
        self.log = folder / f"sequencer-{os.urandom(4).hex()}.log"
        words = [sys.executable, str(ROOT / "manage.py"), *command.split()]
        with self.log.open("wb") as log:
            self.popen = subprocess.Popen(words, env=env, stdout=log, stderr=log, cwd=ROOT)

    def kill(self) -> bool:
        """SIGKILL; True if it struck a living process."""
        struck = self.popen.poll() is None
        self.popen.kill()
        self.popen.wait(20)
        return struck

    def stop(self) -> int:
        self.popen.send_signal(signal.SIGTERM)
        return self.popen.wait(START)

    def words(self) -> str:
        return self.log.read_text()


def key(folder: Path) -> Signer:
    signer = Signer.generate(settings.LOG_ORIGIN)
    signer.write(folder / "log.key")
    return signer


def settled(seconds: float = 60) -> None:
    """Waits until nothing waits and everything is signed."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        health = queries.health()
        if not health.waiting and not health.unsigned and health.size and health.size == health.signed_size:
            return
        time.sleep(0.05)
    raise AssertionError(f"the log did not settle: {queries.health()}")


def leader_is_up(process: Process, seconds: float = START) -> None:
    """Until the process holds the lock and the log has its birth entries."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if sql(
            "SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND objid = %s AND database ="
            " (SELECT oid FROM pg_database WHERE datname = current_database())",
            SEQUENCER & 0xFFFFFFFF,
        ):
            return
        assert process.popen.poll() is None, process.words()
        time.sleep(0.05)
    raise AssertionError(process.words())


def check_log(writers: Writers, signer: Signer, folder: Path, tmp_path: Path) -> None:
    """Nothing lost, nothing doubled, one history, and the export is valid against every note ever published."""
    with as_role("auditor"):
        found = [str(row[0]) for row in sql("SELECT id FROM audit.event JOIN audit.leaf USING (n) ORDER BY leaf_index")]
        assert len(found) == len(set(found)) == queries.health().size
        assert set(writers.written) <= set(found)
        assert len(found) == len(sql("SELECT n FROM audit.event"))
        place = tmp_path / "export"
        export(place)
    (tmp_path / "vkey").write_text(signer.vkey + "\n")
    notes = [path for path in (folder / "anchor" / "notes").rglob("[0-9]*-*") if path.is_file()]
    assert notes
    against = ["--against", folder / "anchor" / "checkpoint", *notes]
    assert judge(place, "--key", tmp_path / "vkey", *against)[:2] == (0, {})


def chaos(writers: Writers, folder: Path, tmp_path: Path, kills: int) -> None:
    """Writes go on while the sequencer is killed at random moments and another takes over."""
    signer, chance, struck = key(folder), random.Random(5), 0
    while struck < kills:
        process = Process(folder, cluster.database_name())
        leader_is_up(process)
        for _ in range(chance.randrange(1, 5)):
            writers.write(chance.randrange(1, 25))
            time.sleep(chance.random() * 0.05)
        struck += process.kill()
    assert struck == kills
    last = Process(folder, cluster.database_name())
    try:
        leader_is_up(last)
        settled()
    finally:
        assert last.stop() == 0, last.words()
    check_log(writers, signer, folder, tmp_path)


@pytest.mark.django_db(transaction=True)
def test_a_killed_sequencer_loses_and_doubles_nothing(writers: Writers, alone: None, tmp_path: Path) -> None:
    chaos(writers, tmp_path, tmp_path, kills=2)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_forty_killed_sequencers_lose_and_double_nothing(writers: Writers, alone: None, tmp_path: Path) -> None:
    chaos(writers, tmp_path, tmp_path, kills=40)


@pytest.mark.slow
def test_a_database_that_crashes_loses_no_event_that_was_committed(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, alone: None, tmp_path: Path
) -> None:
    signer, chance, struck = key(tmp_path), random.Random(9), 0
    with django_db_blocker.unblock(), own_postgres() as doomed:
        cluster.fresh_database(cluster.database_name())
        process, written = Process(tmp_path, cluster.database_name()), []
        try:
            leader_is_up(process)
            while struck < 6:
                with as_role("web"):
                    writers = Writers()
                    writers.write(chance.randrange(20, 120))
                written += writers.written
                before = queries.health()
                doomed.crash()
                connections.close_all()
                struck += 1
                assert queries.health().size >= before.size
            settled()
            assert process.popen.poll() is None, process.words()
        finally:
            process.kill()
        writers.written = written
        assert doomed.ended == struck == 6
        check_log(writers, signer, tmp_path, tmp_path)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_of_two_sequencers_one_leads_and_the_other_takes_over(writers: Writers, alone: None, tmp_path: Path) -> None:
    signer = key(tmp_path)
    first = Process(tmp_path, cluster.database_name())
    leader_is_up(first)
    second = Process(tmp_path, cluster.database_name())
    try:
        writers.write(30)
        settled()
        assert first.kill()
        writers.write(30)
        settled()
        assert second.popen.poll() is None
    finally:
        first.kill()
        assert second.stop() == 0
    check_log(writers, signer, tmp_path, tmp_path)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_carrier_brings_copies_without_the_key_and_the_sequencer_compares(
    writers: Writers, alone: None, tmp_path: Path
) -> None:
    key(tmp_path)
    place = tmp_path / "elsewhere"
    place.mkdir()
    process = Process(tmp_path, cluster.database_name())
    leader_is_up(process)
    writers.write(10)
    settled()
    given = {"ASSENTRY_ANCHORS": f"dir:{place}", "ASSENTRY_LOG_KEY": str(tmp_path / "none")}
    carrier = Process(tmp_path, cluster.database_name(), "anchor", **given)
    size = copied(carrier, place)
    assert carrier.stop() == process.stop() == 0
    with as_role("superuser"):
        World(tmp_path, tables=False).cut(size - 4)
    shutil.rmtree(tmp_path / "anchor")  # the folder of the log itself went with the database
    again = Process(tmp_path, cluster.database_name(), **given | {"ASSENTRY_LOG_KEY": str(tmp_path / "log.key")})
    assert again.popen.wait(START) == 3, again.words()
    assert f"ends at {size - 4} leaves, dir:{place} says {size}" in again.words()


def copied(carrier: Process, place: Path) -> int:
    """The size of the first copy there; while it stays there, no other one is due."""
    until = time.monotonic() + START
    while not (notes := [path for path in place.rglob("[0-9]*-[0-9]*") if path.is_file() and path.stat().st_size]):
        assert carrier.popen.poll() is None, carrier.words()
        assert time.monotonic() < until, carrier.words()
        time.sleep(0.1)
    return int(notes[0].name.rpartition("-")[2])


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_process_refuses_a_cut_log_and_says_both_sizes(writers: Writers, alone: None, tmp_path: Path) -> None:
    key(tmp_path)
    process = Process(tmp_path, cluster.database_name())
    leader_is_up(process)
    writers.write(10)
    settled()
    assert process.stop() == 0
    with as_role("superuser"):
        world = World(tmp_path, tables=False)
        size = queries.health().size
        world.cut(size - 4)
    again = Process(tmp_path, cluster.database_name())
    assert again.popen.wait(START) == 3, again.words()
    assert f"ends at {size - 4} leaves, the anchor says {size}" in again.words()
    assert "Traceback" not in again.words()


@pytest.mark.django_db(transaction=True)
def test_a_lost_connection_costs_the_leadership_only(writers: Writers, alone: None, tmp_path: Path) -> None:
    signer = key(tmp_path)
    process = Process(tmp_path, cluster.database_name())
    leader_is_up(process)
    writers.write(10)
    with as_role("superuser"):
        ended = sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'assentry_sequencer'"
                    " AND datname = current_database()")  # fmt: skip
    assert ended == [(True,)]
    writers.write(10)
    settled()
    assert "the database is away" in process.words()
    assert process.stop() == 0
    check_log(writers, signer, tmp_path, tmp_path)


def test_a_process_without_a_key_ends_with_a_sentence(tmp_path: Path, django_db_setup: None) -> None:
    process = Process(tmp_path, cluster.database_name())
    assert process.popen.wait(START) == 1, process.words()
    assert "cannot be read" in process.words()
    assert "Traceback" not in process.words()
    Signer.generate("another.example/log").write(tmp_path / "log.key")
    process = Process(tmp_path, cluster.database_name())
    assert process.popen.wait(START) == 1
    assert "the key signs for another.example/log" in process.words()
