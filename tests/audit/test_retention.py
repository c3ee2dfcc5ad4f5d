"""Pruning: ordered by one login and carried out by another, nothing young, held or open; proofs stay, theft shows."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from audit import events as ev
from audit import forgetting, keeping, queries, registry, restoring, retention, verify
from audit.events import EventName as Name
from audit.keeping import PRUNABLE, orders, prunable
from audit.privacy import NotFresh, lift_hold, place_hold
from audit.reconcile import reconcile
from audit.retention import RetentionRefused, prune
from audit.services import Actor, fresh, load_chain, prepare, record
from audit.tiles import tile_path
from audit.timeline import timeline
from reviews.management.commands.after_restore import _to_repeat
from tests import build
from tests.audit.world import World, business, entries_gone, judge, sql
from tests.logins import as_role
from tests.web.pages import Browser

pytestmark = pytest.mark.django_db
ROLES = ("web", "router", "agent", "executor", "sequencer", "auditor")


def lead(age: float = 0) -> Actor:
    return Actor("human", "psn_lead", stepped_up_at=datetime.now(UTC) - timedelta(seconds=age))


def age(days: int, below: int | None = None) -> None:
    """Everything so far happened this many days ago, as far as the database's clock is concerned."""
    sql("ALTER TABLE audit.event DISABLE TRIGGER append_only")
    where = "" if below is None else f" WHERE n IN (SELECT n FROM audit.leaf WHERE leaf_index < {int(below)})"
    sql(f"UPDATE audit.event SET at = at - interval '{int(days)} days'{where}")
    sql("ALTER TABLE audit.event ENABLE ALWAYS TRIGGER append_only")


def order(*classes: str, **more: Any) -> Any:
    with as_role("web"):
        return retention.order(classes=classes or ["decisions"], reason="past its period", actor=lead(), **more)


def carry_out(event: Any) -> int:
    with as_role("router"):
        return prune(event)


@pytest.fixture
def old(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Three settled cases of six years ago, one of them with receipts and rows at the desk, and one still open."""
    world.sequence()
    world.live(3)
    world.propose()
    world.sequence()
    age(2200)
    monkeypatch.setattr(registry, "_projections", {"stand-in": business})
    return world


def report_of(place: Path, *options: str) -> tuple[int, list[str]]:
    out = io.StringIO()
    with redirect_stdout(out):
        code = verify.main([str(place), *options])
    return code, out.getvalue().splitlines()


def test_an_old_case_goes_and_everything_that_stays_is_proved(old: World) -> None:
    before, kept, size = old.export(), old.checkpoint(), old.index_of_last() + 1
    assert judge(before)[:2] == (0, {})
    event = order()
    with pytest.raises(RetentionRefused, match="under a signed checkpoint"):
        carry_out(event)
    old.sequence()
    said = json.loads(sql("SELECT convert_from(leaf, 'UTF8') FROM audit.event WHERE id = %s", event)[0][0])["data"]
    assert (said["below"], said["count"], said["gone"], said["authoriser"]) == (size, 18, 18, "psn_lead")
    assert said["periods"] == [{"name": "decisions", "days": 1827}]
    assert judge(old.export())[:2] == (0, {})  # ordered and not yet carried out
    assert carry_out(event) == 18
    assert carry_out(event) == 0  # once
    left = [row[0] for row in sql("SELECT name FROM audit.event ORDER BY n")]
    assert left.count("action.proposed") == 1 and "decision.recorded" not in left and "log.created" in left
    assert sql("SELECT count(*) FROM audit.leaf")[0][0] == old.index_of_last() + 1
    place = old.export()
    assert judge(place, "--against", kept)[:2] == (0, {})
    code, lines = report_of(place)
    assert code == 0 and lines[-1].startswith("VALID")
    assert any(line.startswith("entries below ") and line.endswith(f"by event {event}") for line in lines)
    with as_role("auditor"):
        assert {found["name"] for found in reconcile()} <= {"COLUMNS"}  # the test moved the clock of the rows


def test_a_receipt_of_what_was_pruned_accuses_nobody(old: World) -> None:
    decision = old.live(1)[0]
    receipt = old.receipt(decision)
    age(2200)
    event = order()
    old.sequence()
    carry_out(event)
    assert judge(old.export(), "--receipt", receipt)[:2] == (0, {})
    with old.unguarded():
        sql("DELETE FROM audit.event WHERE name = 'action.proposed'")
    assert "EVENT_MISSING" in judge(old.export(), "--receipt", receipt)[1]


def test_a_settled_case_goes_on_after_its_end_was_pruned(old: World) -> None:
    case = next(iter(old.chains))
    seq = old.chains[case].seq
    event = order()
    old.sequence()
    carry_out(event)
    with as_role("web"):
        assert timeline(case) == [] and keeping.is_pruned(case)
        page = Browser(build.house().root).get(f"/audit/case/{case}/")
        assert page.status == 404 and "These entries were pruned" in page.text
        with transaction.atomic():
            chain = load_chain(case)
            assert (chain.seq, chain.head) == (seq, old.chains[case].head)
            entry = prepare(name=Name.CONTENT_OPENED, data=ev.ContentOpened(case=case, purpose="timeline"),
                            chain=chain, actor=lead())  # fmt: skip
            record([entry])
        with pytest.raises(DatabaseError, match="does not follow"), transaction.atomic():
            record([prepare(name=Name.CONTENT_OPENED, data=ev.ContentOpened(case=case, purpose="timeline"),
                            chain=fresh(case), actor=lead())])  # fmt: skip
    sql("UPDATE stand_in_case SET seq = %s, head = %s WHERE id = %s", entry.seq, entry.hash, case)
    old.sequence()
    assert judge(old.export())[:2] == (0, {})
    with as_role("router"):
        assert {found["name"] for found in reconcile()} <= {"COLUMNS"}


def test_nobody_but_the_keepers_login_prunes_and_it_only_what_was_ordered(old: World) -> None:
    event = order()
    old.sequence()
    for role in ROLES:
        with as_role(role):
            if role != "router":
                with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
                    sql("SELECT audit.prune(%s)", event)
            for attack in (
                "DELETE FROM audit.event", "DELETE FROM audit.pruned_case", "UPDATE audit.head SET min_index = 5",
                "UPDATE audit.retention SET days = 184", "DELETE FROM audit.leaf",
            ):  # fmt: skip
                with pytest.raises(DatabaseError), transaction.atomic():
                    sql(attack)
            if role != "web":
                with pytest.raises(DatabaseError), transaction.atomic():
                    retention.order(classes=["decisions"], reason="mine", actor=lead())
                with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
                    sql("SELECT audit.set_period('runs', 200)")
    other = sql("SELECT id FROM audit.event WHERE name = 'decision.recorded' LIMIT 1")[0][0]
    with pytest.raises(RetentionRefused, match=r"no retention\.pruned event"):
        carry_out(other)


def test_the_owner_too_deletes_nothing_else(old: World) -> None:
    event = order()
    old.sequence()
    for attack in ("name = 'decision.recorded'", "n = (SELECT min(n) FROM audit.event)", "true"):
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            sql(f"DELETE FROM audit.event WHERE {attack}")
    for attack in ("UPDATE audit.head SET min_index = 2", "UPDATE audit.head SET min_index = -1"):
        with pytest.raises(DatabaseError), transaction.atomic():
            sql(attack)
    assert carry_out(event) > 0


def test_nothing_young_goes_and_nothing_of_an_open_case(old: World) -> None:
    old.live(1)  # today
    with as_role("auditor"):
        found = prunable(["decisions"])
    assert "still in its period" in found.stopped_by
    young = sql("SELECT min(leaf_index) FROM audit.leaf JOIN audit.event USING (n) WHERE at > now() - interval '1 day'")
    assert found.below == young[0][0]
    forged = ev.RetentionPruned(
        below=old.index_of_last() + 1, periods=[ev.Period(name="decisions", days=0)], authoriser="psn_lead",
        **dict(zip(("count", "gone", "digest"), all_of(old), strict=True)),
    )  # fmt: skip
    with as_role("web"), transaction.atomic():
        entry = prepare(name=Name.RETENTION_PRUNED, data=forged, chain=fresh("pruning:forged"), actor=lead())
        record([entry])
    old.sequence()
    with pytest.raises(RetentionRefused, match="still in its period"):
        carry_out(entry.id)
    event = order()
    old.sequence()
    carry_out(event)
    assert sql("SELECT count(*) FROM audit.event WHERE name = 'action.routed' AND at < now() - interval '1 year'") == [
        (1,)
    ]


def all_of(world: World) -> tuple[int, int, bytes]:
    found = sql("SELECT count, gone, digest FROM audit.pruning(%s, ARRAY['decisions'])", world.index_of_last() + 1)[0]
    return found[0], found[1], bytes(found[2])


def test_a_hold_stops_it_before_and_after_the_order(old: World) -> None:
    cases = list(old.chains)
    event = order()
    old.sequence()
    with as_role("web"):
        hold = place_hold(scope="case", target=cases[1], reason="a court asked", actor=lead())
    with pytest.raises(RetentionRefused, match="legal hold"):
        carry_out(event)
    with as_role("web"):
        limit = prunable(["decisions"])
    assert str(hold) in limit.stopped_by
    first = order()  # what lies before the held case
    old.sequence()
    assert carry_out(first) == limit.count > 0
    assert sql("SELECT count(*) FROM audit.event WHERE case_id = %s", cases[1])[0][0] > 0
    with as_role("web"):
        lift_hold(hold=hold, reason="it is settled", actor=lead())
        place_hold(scope="type", target="refund.issue", reason="another court", actor=lead())
    with pytest.raises(RetentionRefused, match="nothing may go"):
        order()
    assert judge(old.export())[:2] == (0, {})


def test_what_may_go_is_fixed_by_the_order(old: World) -> None:
    event = order()
    old.sequence()
    old.decide(list(old.chains)[-1], b"x" * 32, "reject")  # the open case is settled meanwhile
    with pytest.raises(RetentionRefused, match="order it again"):
        carry_out(event)


def test_a_planted_deletion_shows_by_name(old: World) -> None:
    kept = old.checkpoint()
    victim = sql(
        "SELECT n, leaf_index FROM audit.leaf JOIN audit.event USING (n) WHERE name = 'decision.recorded' LIMIT 1"
    )
    order()
    old.sequence()
    with old.unguarded():
        sql("DELETE FROM audit.event WHERE n = %s", victim[0][0])
        sql("UPDATE audit.head SET min_index = %s", victim[0][1] + 1)
    code, found, _ = judge(old.export(), "--against", kept)
    assert (code, found["EVENT_MISSING"]) == (1, victim[0][1])


def test_a_further_deletion_beside_a_lawful_one_shows_by_name(old: World) -> None:
    event = order()
    old.sequence()
    carry_out(event)
    with old.unguarded():
        sql("DELETE FROM audit.event WHERE name = 'log.key_added'")
    with pytest.raises(DatabaseError, match="verify the log first"):
        order()  # the next order would cover it
    code, found, _ = judge(old.export(), "--key", key_of(old))
    assert (code, found.get("EVENT_MISSING", -1) >= 0) == (1, True)


def key_of(world: World) -> Path:
    path = world.folder / "log.pub"
    path.write_text(world.signer.vkey)
    return path


def test_a_second_pruning_says_what_is_gone_in_all(old: World) -> None:
    first = order()
    old.sequence()
    carry_out(first)
    old.live(1)
    age(2200, old.index_of_last() + 1)
    second = order()
    old.sequence()
    with as_role("router"):
        assert entries_gone() < orders()[0].gone
    carry_out(second)
    with as_role("router"):
        assert (orders()[0].id, entries_gone()) == (second, orders()[0].gone)
    code, lines = report_of(old.export())
    assert (code, len([line for line in lines if "were pruned on" in line])) == (0, 2)


def test_the_tree_is_rebuilt_and_published_without_the_pruned_leaves(old: World, tmp_path: Path) -> None:
    event = order()
    old.sequence()
    carry_out(event)
    old.sequencer.publication = None
    old.sequencer.folder = tmp_path / "new-anchor"  # the folder was lost: all of it is published anew
    assert old.sequence() >= 0
    assert (tmp_path / "new-anchor" / "checkpoint").is_file()
    with as_role("web"):
        assert queries.proof(event) is not None


def test_periods_have_a_floor_an_event_and_an_author(world: World) -> None:
    with as_role("web"):
        with pytest.raises(NotFresh):
            retention.set_period(name="runs", days=400, reason="policy", actor=lead(age=99_999))
        for name, days in (("runs", 183), ("log", 400), ("nothing", 400), ("runs", 40_000)):
            with pytest.raises(RetentionRefused):
                retention.set_period(name=name, days=days, reason="policy", actor=lead())
        retention.set_period(name="runs", days=400, reason="policy 7", actor=lead())
        with pytest.raises(RetentionRefused, match="already"):
            retention.set_period(name="runs", days=400, reason="again", actor=lead())
        with pytest.raises(DatabaseError, match=r"no retention\.changed"), transaction.atomic():
            sql("SELECT audit.set_period('runs', 300)")
        assert {one.name: one.days for one in keeping.kept()}["runs"] == 400
    for change in ("UPDATE audit.retention SET days = 30", "DELETE FROM audit.retention"):
        with pytest.raises(DatabaseError), transaction.atomic():
            sql(change)
    told = sql("SELECT case_id FROM audit.event WHERE name = 'retention.changed'")
    assert told == [("retention:runs",)]


def test_the_command_says_and_does_what_was_ordered(old: World) -> None:
    out = io.StringIO()
    with as_role("router"), pytest.raises(CommandError, match="nothing was ordered"):
        call_command("audit_prune")
    with as_role("auditor"):
        call_command("audit_prune", "--dry-run", stdout=out)
    assert "log: as long as the log" in out.getvalue() and "entries could go, below" in out.getvalue()
    event = order(*PRUNABLE)
    with as_role("router"), pytest.raises(CommandError, match="signed checkpoint"):
        call_command("audit_prune")
    old.sequence()
    with as_role("router"):
        call_command("audit_prune", stdout=out)
    assert f"pruned by event {event}" in out.getvalue()


def opened_in(world: World) -> str:
    """A settled case with one look at its texts in the middle of its chain."""
    case, digest = world.propose()
    world.say("web", Name.CONTENT_OPENED, ev.ContentOpened(case=case, purpose="timeline"), case)
    world.decide(case, digest)
    world.carry_out(case, digest)
    world.sequence()
    return case


def test_a_case_that_lost_its_middle_is_exported_alone_and_judged(old: World) -> None:
    case = opened_in(old)
    age(2200)
    event = order("access")
    old.sequence()
    assert carry_out(event) == 1
    for place in (old.export(cases=[case]), old.export()):
        assert judge(place)[:2] == (0, {})
        assert (place / "events.jsonl").read_bytes().count(b'{"pruned":') == 1
        assert judge(place, "--case", case)[:2] == (0, {})
    with old.unguarded():
        sql("DELETE FROM audit.event WHERE case_id = %s AND name = 'decision.recorded'", case)
    assert "CASE_CHAIN" in judge(old.export(cases=[case]))[1]  # nobody ordered that


def leaves_in(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted((folder / "tile" / "entries").rglob("*")) if path.is_file())


def test_the_published_bundles_forget_what_was_pruned(old: World) -> None:
    while old.index_of_last() < 300:  # one whole bundle, and one that still grows
        old.live(10)
    age(2200)
    gone = [bytes(leaf) for (leaf,) in sql("SELECT leaf FROM audit.event WHERE name = 'decision.recorded'")]
    kept = [bytes(leaf) for (leaf,) in sql("SELECT leaf FROM audit.event WHERE name LIKE 'log.%'")]
    tile = (old.anchor / "tile" / "0" / "000").read_bytes()
    event = order()
    old.sequence()
    assert all(leaf in leaves_in(old.anchor) for leaf in gone)
    carry_out(event)
    old.sequencer.forgetting.look_at = 0.0
    for _ in range(3):  # the log is at rest: no new event wakes it
        old.sequence()
    left = leaves_in(old.anchor)
    assert not any(leaf in left for leaf in gone) and all(leaf in left for leaf in kept)
    assert (old.anchor / "forgotten").read_text() == "1\n"
    assert (old.anchor / "tile" / "0" / "000").read_bytes() == tile
    old.live(1)  # the bundle that grows does not bring them back
    assert not any(leaf in leaves_in(old.anchor) for leaf in gone)
    assert judge(old.export(), "--against", old.checkpoint())[:2] == (0, {})


def test_a_folder_that_refuses_to_forget_holds_up_no_signature(old: World, monkeypatch: pytest.MonkeyPatch) -> None:
    event = order()
    old.sequence()
    carry_out(event)

    def refuse(*given: object, **more: object) -> None:
        raise PermissionError("append-only")

    monkeypatch.setattr(forgetting, "put", refuse)
    old.sequencer.forgetting.look_at = 0.0
    old.live(1)
    assert not (old.anchor / "forgotten").exists()
    assert (old.anchor / "checkpoint").read_text().split("\n")[1] == str(old.index_of_last() + 1)


def test_a_restore_reads_over_what_the_folder_has_forgotten(old: World, monkeypatch: pytest.MonkeyPatch) -> None:
    event = order()
    old.sequence()
    carry_out(event)
    old.sequencer.forgetting.look_at = 0.0
    old.sequence()
    monkeypatch.setattr(settings, "ANCHOR_DIR", old.anchor)
    monkeypatch.setattr(restoring, "_reopened_at", lambda: 4)
    size = old.index_of_last() + 1
    gone = sql("SELECT count(*) FROM audit.leaf l WHERE leaf_index >= 4 AND NOT EXISTS"
               " (SELECT FROM audit.event e WHERE e.n = l.n)")  # fmt: skip
    with as_role("web"):
        lost = restoring.lost_events(old.anchor)
    assert (lost.size, len(lost.leaves)) == (size, size - 4 - gone[0][0])
    assert lost.leaves[-1]["name"] == "retention.pruned"
    said = list(_to_repeat(lost))
    assert len(said) == 2 and "may be ordered again" in said[1]
    (old.anchor / tile_path(0, 0, size)).write_bytes(bytes(32 * size))
    with as_role("web"), pytest.raises(restoring.NotRestored, match="not those"):
        restoring.lost_events(old.anchor)
