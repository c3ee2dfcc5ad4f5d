"""The sequencer, one round after another: what it signs, what it publishes, and that it never signs two histories."""

from __future__ import annotations

import os

import pytest
from django.conf import settings

from audit import queries, tiles
from audit.notes import BadNote, Signer, open_checkpoint
from audit.publish import read_anchor
from audit.reopen import ReopenRefused, reopen
from audit.sequencer import Refused, Sequencer
from audit.tree import Frontier, root_of
from tests.audit.world import World, judge, sql
from tests.logins import as_role


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
