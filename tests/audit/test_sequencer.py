"""The sequencer as processes: it loses nothing, doubles nothing, and never signs two histories."""

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
from audit import queries, tiles
from audit.entries import ZERO, Actor, Chain, prepare
from audit.events import EventName as Name
from audit.export import export
from audit.leading import SEQUENCER
from audit.notes import BadNote, Signer, open_checkpoint
from audit.publish import read_anchor
from audit.reopen import ReopenRefused, reopen
from audit.sequencer import Refused, Sequencer
from audit.tree import Frontier, root_of
from config.env import ROOT
from tests import cluster
from tests.audit.world import World, judge, sql
from tests.faults.postgres import own_postgres
from tests.logins import as_role, connected


@pytest.mark.django_db
class TestInProcess:
    """One round after another, in the test's own transaction."""

    def test_every_event_gets_one_place_in_the_order_of_n(self, world: World) -> None:
        world.live(3)
        rows = sql("SELECT leaf_index, n FROM audit.leaf ORDER BY leaf_index")
        assert [index for index, _ in rows] == list(range(len(rows)))
        assert [n for _, n in rows] == [row[0] for row in sql("SELECT n FROM audit.event ORDER BY n")]
        assert sql("SELECT count(*) FROM audit.pending") == [(0,)]

    def test_every_checkpoint_is_signed_and_is_the_root_at_its_size(self, world: World) -> None:
        world.live(3)
        hashes = [bytes(row[0]) for row in sql("SELECT leaf_hash FROM audit.leaf ORDER BY leaf_index")]
        notes = sql("SELECT size, root, body, signature FROM audit.checkpoint ORDER BY size")
        assert len(notes) >= 4
        for size, root, body, signature in notes:
            assert bytes(root) == root_of(hashes[:size])
            assert open_checkpoint(f"{body}\n{signature}", [world.signer.vkey]).root == bytes(root)

    def test_the_log_begins_with_its_own_birth_key_and_profile(self, world: World) -> None:
        world.sequence()
        names = [row[0] for row in sql("SELECT name FROM audit.event ORDER BY n")]
        assert names == ["log.created", "log.key_added", "log.journey_profile"]  # the tests' timings are not normal
        again = Sequencer(world.signer, world.anchor)
        with as_role("sequencer"):
            assert again.lead()
            again.prepare()
        assert len(sql("SELECT name FROM audit.event")) == 3

    def test_the_folder_shows_what_was_signed(self, world: World) -> None:
        world.live(2)
        anchor = read_anchor(world.anchor, [world.signer.vkey])
        assert anchor is not None
        assert anchor.size == world.index_of_last() + 1
        leaves = [bytes(row[0]) for row in sql("SELECT leaf FROM audit.event ORDER BY n")]
        bundle = (world.anchor / tiles.tile_path("entries", 0, anchor.size)).read_bytes()
        assert bundle == b"".join(len(leaf).to_bytes(2) + leaf for leaf in leaves)
        assert len(list((world.anchor / "notes").rglob("*-*"))) >= 1

    def test_a_new_leader_goes_on_where_the_folder_ended(self, world: World) -> None:
        world.live(2)
        world.sequencer = Sequencer(world.signer, world.anchor)
        world.live(1)
        leaves = [bytes(row[0]) for row in sql("SELECT leaf FROM audit.event ORDER BY n")]
        bundle = (world.anchor / tiles.tile_path("entries", 0, len(leaves))).read_bytes()
        assert bundle == b"".join(len(leaf).to_bytes(2) + leaf for leaf in leaves)
        assert judge(world.export(), "--against", world.anchor / "checkpoint")[:2] == (0, {})

    def test_a_head_committed_but_not_signed_is_signed_by_the_next_leader(self, world: World) -> None:
        world.live(1)
        world.propose()
        with as_role("sequencer"):
            assert world.sequencer.step() == 2  # and then it dies
        assert queries.health().unsigned == 1
        world.sequencer = Sequencer(world.signer, world.anchor)
        world.sequence()
        assert queries.health().unsigned == 0
        assert judge(world.export())[:2] == (0, {})

    def test_it_refuses_to_sign_a_root_that_the_leaves_do_not_give(self, world: World) -> None:
        world.live(1)
        size = world.index_of_last() + 1
        body = f"{settings.LOG_ORIGIN}\n{size + 5}\nAAAA\n"
        sql("INSERT INTO audit.checkpoint (size, root, body) VALUES (%s, %s, %s)", size + 5, bytes(32), body)
        with as_role("sequencer"):
            with pytest.raises(Refused, match="is not what these leaves give"):
                world.sequencer.sign()
            with pytest.raises(Refused, match="is not what these leaves give"):
                Sequencer(world.signer, world.anchor).prepare()
        assert queries.health().unsigned == 1

    def test_it_refuses_a_head_moved_by_somebody_else(self, world: World) -> None:
        world.live(1)
        world.propose()
        size = world.index_of_last() + 1
        frontier = Frontier()
        frontier.extend([bytes(32)] * (size + 1))
        sql("UPDATE audit.head SET size = %s, frontier = %s", frontier.size, frontier.packed())
        with as_role("sequencer"), pytest.raises(Refused, match="the head moved"):
            world.sequencer.step()

    def test_it_refuses_changed_leaves_at_its_start(self, world: World) -> None:
        world.live(1)
        with world.unguarded():
            sql("UPDATE audit.leaf SET leaf_hash = sha256('x') WHERE leaf_index = 2")
        with as_role("sequencer"), pytest.raises(Refused, match="another root than the anchor"):
            Sequencer(world.signer, world.anchor).prepare()
        with as_role("sequencer"), pytest.raises(Refused, match="does not follow from"):
            Sequencer(world.signer, world.folder / "elsewhere").prepare()

    def test_it_refuses_an_anchor_that_is_not_its_own(self, world: World) -> None:
        world.live(1)
        other = Signer.generate(world.signer.name)
        with as_role("sequencer"), pytest.raises(Refused, match="no signature"):
            Sequencer(other, world.anchor).prepare()
        (world.anchor / "checkpoint").write_bytes(b"\xff")
        with as_role("sequencer"), pytest.raises(Refused, match="cannot be read"):
            Sequencer(world.signer, world.anchor).prepare()
        with pytest.raises(BadNote):
            read_anchor(world.anchor, [world.signer.vkey])

    def test_a_folder_that_cannot_be_written_blocks_nothing(self, world: World) -> None:
        world.live(1)
        before = (world.anchor / "checkpoint").read_text()
        (world.anchor / "checkpoint").unlink()
        (world.anchor / "checkpoint").mkdir()
        world.propose()
        assert world.sequence() == 2
        assert queries.health().waiting == 0
        (world.anchor / "checkpoint").rmdir()
        (world.anchor / "checkpoint").write_text(before)
        world.sequencer.retry_at = 0.0
        world.sequence()
        assert read_anchor(world.anchor, [world.signer.vkey]).size == world.index_of_last() + 1  # type: ignore[union-attr]

    def test_an_idle_log_renews_its_checkpoint(self, world: World) -> None:
        world.live(1)
        os.utime(world.anchor / "checkpoint", (1, 1))
        world.sequence()
        assert (world.anchor / "checkpoint").stat().st_mtime == 1
        world.sequencer.publication.renewed -= 3600  # type: ignore[union-attr]
        world.sequence()
        assert (world.anchor / "checkpoint").stat().st_mtime > 1

    def test_a_new_log_names_the_old_one_and_what_is_lost(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        old = settings.LOG_ORIGIN
        world.live(1)
        size = world.index_of_last() + 1
        world.propose()
        world.sequence()
        with as_role("sequencer"), pytest.raises(ReopenRefused, match="a name of its own"):
            reopen(signer=world.signer, previous=world.anchor, reason="none")
        monkeypatch.setattr(settings, "LOG_ORIGIN", f"{old}/2")
        new = Signer.generate(f"{old}/2")
        with as_role("sequencer"), pytest.raises(ReopenRefused, match="nothing is lost"):
            reopen(signer=new, previous=world.anchor, reason="none")
        kept = world.checkpoint()
        world.cut(size)
        with as_role("sequencer"):
            last, restored = reopen(signer=new, previous=world.anchor, reason="the disk was lost")
            with pytest.raises(ReopenRefused, match="open already"):
                reopen(signer=new, previous=world.anchor, reason="twice")
        assert (last.origin, last.size, restored) == (old, size + 2, size)
        world.signer, world.anchor = new, world.folder / "anchor-2"
        world.sequencer = Sequencer(new, world.anchor)
        world.live(1)
        names = [row[0] for row in sql("SELECT name FROM audit.event WHERE case_id = %s ORDER BY n", f"log:{old}/2")]
        assert names == ["log.created", "log.key_added", "log.journey_profile"]
        place = world.export()
        assert judge(place, "--against", world.anchor / "checkpoint")[:2] == (0, {})
        assert judge(place, "--against", kept)[0] == 1  # what was lost is not forgotten
        assert b"the disk was lost" not in (place / "events.jsonl").read_bytes()

    def test_health_raises_the_alarms_of_the_watchdog(self, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(settings, "ANCHOR_DIR", world.anchor)
        world.live(1)
        assert queries.health().alarms == ()
        os.utime(world.anchor / "checkpoint", (1, 1))
        assert queries.health().alarms == ("the newest checkpoint outside the database is older than an hour",)
        world.sequencer.publication.renewed -= 3600  # type: ignore[union-attr]
        world.sequence()
        world.propose()
        with world.unguarded():
            sql("UPDATE audit.event SET at = at - interval '1 minute' WHERE n IN (SELECT n FROM audit.pending)")
        assert "is the sequencer running?" in queries.health().alarms[0]
        with world.unguarded():
            sql("DELETE FROM audit.pending")
        assert queries.health().alarms == ("2 events are neither in the log nor waiting for it",)
        size = world.index_of_last() + 1
        world.cut(size - 3)
        assert f"the anchor saw {size} leaves" in " ".join(queries.health().alarms)


# --- as processes of their own, killed at random ---


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
