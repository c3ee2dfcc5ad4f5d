"""What a login keeps by design. Each is listed in docs/security.md, and nothing is listed there that is not here."""

from __future__ import annotations

import inspect
import re
import sys
from pathlib import Path

import psycopg
import pytest
from django.conf import settings

from audit import events
from audit.events import EventName
from reviews.ids import new_id
from tests.roles import lives, targets
from tests.roles import world as w
from tests.roles.world import World

DOC = Path(settings.BASE_DIR) / "docs" / "security.md"


def test_web_can_vote_in_anybodys_name(world: World) -> None:
    action = lives.pending(world)
    with world.session("web") as s:
        w.approve(s, action, world["ada"])  # nothing here proves that ada pressed a button
    assert lives.state(world, action) == "approved"


def test_web_can_widen_a_reach_and_vote_with_it(world: World) -> None:
    action = lives.pending(world)
    with world.session("web") as s:
        w.insert(s, "reviews_reach", group_id=world["other"], queue_id="support")
        w.approve(s, action, world["mallory"])
        s.run("DELETE FROM reviews_reach WHERE group_id = %s AND queue_id = 'support'", world["other"])
    assert lives.state(world, action) == "approved"


def test_web_can_widen_an_authority_and_vote_with_it(world: World) -> None:
    action = lives.pending(world)
    with world.session("web") as s:
        s.run("UPDATE reviews_authority SET qualification = 'payments' WHERE group_id = %s", world["desk"])
    with world.session("web") as s:
        s.run("UPDATE reviews_authority SET qualification = '' WHERE group_id = %s", world["desk"])
        w.approve(s, action, world["ada"])
    assert lives.state(world, action) == "approved"


def test_web_can_open_a_closed_account(world: World) -> None:
    with world.session("web") as s:
        assert s.changed("UPDATE reviews_user SET is_active = true WHERE id = %s", world["gone"]) == 1
        s.connection.rollback()


def test_web_can_propose_in_the_name_of_any_program_or_person(world: World) -> None:
    assert lives.state(world, lives.proposed(world)) == "proposed"
    assert lives.state(world, lives.proposed(world, requested_by_id=world["grace"])) == "proposed"


def test_web_can_withdraw_whatever_waits(world: World) -> None:
    action = lives.pending(world)
    with world.session("web") as s:
        entry = s.step(EventName.ACTION_WITHDRAWN, events.ActionWithdrawn(), action, "withdrawn")
        s.move(action, entry, "state = 'withdrawn'")
        s.run(w.CLOSE_ITEM, action)
    assert lives.state(world, action) == "withdrawn"


def test_web_can_take_a_question_back_unanswered(world: World) -> None:
    action = lives.pending(world)
    with world.session("web") as s:
        w.ask(s, action, world["ada"])
        s.run("UPDATE reviews_item_desk SET question_open = false WHERE action_id = %s", action)
        w.approve(s, action, world["grace"])
    assert lives.state(world, action) == "approved"


def test_web_can_give_more_time_to_decide(world: World) -> None:
    action = lives.pending(world)
    before = lives.row(world, action)["decide_by"]
    with world.session("web") as s:
        entry = s.step(EventName.ACTION_DEFERRED, events.ActionDeferred(), action)
        s.move(action, entry, "decide_by = decide_by + interval '1 day'")
    assert lives.row(world, action)["decide_by"] > before


def test_web_can_settle_a_doubt_either_way(world: World) -> None:
    for state in ("succeeded", "failed"):
        action = lives.ended(world, "mail.send", "unclear")
        with world.session("web") as s:
            w.settle(s, action, state)
        assert lives.state(world, action) == state


def test_web_can_write_policy_levels_and_types_down_to_their_floors(world: World) -> None:
    with world.session("web") as s:
        w.insert(s, "reviews_policyversion", number=77, document="{}", digest=bytes(32), reason="mine", at="now")
        s.run("UPDATE reviews_actiontype SET risk = 'critical' WHERE name = 'files.delete'")
        assert s.changed("UPDATE reviews_actiontype SET risk = risk_floor WHERE name = 'files.delete'") == 1
        s.connection.rollback()


def test_web_can_register_a_type_with_floors_of_its_own(world: World) -> None:
    with world.session("web") as s:
        names = (
            "version, source, label, template, schema, reversibility, reversibility_floor, effect_mode, queue_id,"
            " effect_queue, amount_path, currency_path, currency, machine_paths, question, release, plan, has_undo,"
            " has_probe, has_handler, reversal_needed, presets, active"
        )
        s.run(
            f"INSERT INTO reviews_actiontype (name, risk, risk_floor, {names})"
            f" SELECT 'bomb.drop', 'low', 'low', {names} FROM reviews_actiontype WHERE name = 'note.add'"
        )
        s.connection.rollback()


def test_web_can_place_and_lift_stops(world: World) -> None:
    with world.session("web") as s:
        made = w.stop(s, world["lin"], "type", action_type_id="files.delete")
        lifted = "UPDATE reviews_stop SET lifted_at = now(), lifted_by_id = %s, lift_reason = 'over' WHERE id = %s"
        assert s.changed(lifted, world["lin"], made) == 1


def test_web_can_have_the_desk_write_to_anybody(world: World) -> None:
    with world.session("web") as s:
        told = "INSERT INTO reviews_notice (user_id, kind, mark) VALUES (%s, 'mentioned', 'x')"
        assert s.changed(told, world["lin"]) == 1
        s.connection.rollback()


def test_web_can_read_every_payload(world: World) -> None:
    action = lives.proposed(world, "files.delete")
    with world.session("web") as s:
        found = s.run(
            "SELECT b.body FROM reviews_revisionbody b JOIN reviews_revision r ON r.id = b.revision_id"
            " WHERE r.action_id = %s",
            action,
        )
    assert len(found) == 1


def test_router_can_approve_by_policy_what_is_low_and_reversible(world: World) -> None:
    assert lives.state(world, lives.by_policy(world)) == "approved"


def test_router_can_approve_under_watch_what_is_neither_critical_nor_irreversible(world: World) -> None:
    action = lives.proposed(world, "mail.send")
    with world.session("router") as s:
        w.policy_approve(s, action, "execute_and_monitor")
    assert lives.state(world, action) == "approved"


def test_router_can_reject_anything_by_policy(world: World) -> None:
    action = lives.proposed(world, "files.delete")
    with world.session("router") as s:
        s.move(
            action,
            w.routed_event(s, action, None, "reject"),
            "outcome = 'reject', policy_version = 1, routed_at = now()",
        )
        _, entry = w.vote(s, action, None, "reject", to="rejected")
        s.move(action, entry, "state = 'rejected', release_at = clock_timestamp()")
    assert lives.state(world, action) == "rejected"


def test_router_can_name_any_policy_version_and_reasons(world: World) -> None:
    action = lives.proposed(world)
    with world.session("router") as s:
        s.move(action, w.routed_event(s, action, "pending"), w.ROUTE + ", floors = '[]'", "review", 1)
        w.visit(s, action)
    assert lives.row(world, action)["policy_version"] == 1  # there is no such version


def test_executor_can_say_that_an_effect_happened(world: World) -> None:
    assert lives.state(world, lives.ended(world)) == "succeeded"  # nothing was done


def test_executor_can_put_a_retry_off_for_long(world: World) -> None:
    action = lives.begun(world)
    with world.session("executor") as s:
        w.finish(s, action, 1, "not_done", delay=86_400 * 365)
    assert lives.state(world, action) == "approved"


def test_executor_can_hold_leases_that_it_does_not_use(world: World) -> None:
    assert lives.state(world, lives.leased(world, seconds=890)) == "executing"


def test_agent_can_propose_whatever_it_likes_in_its_run(world: World) -> None:
    run = targets.start_run(world, world["robot"])
    with world.session("agent") as s:
        s.run("SELECT agents_lease(ARRAY['robot'], ARRAY['1'], 'w', 900, %s)", run)
        actions = [w.propose(s, "files.delete", run=run, confidence=1.0) for _ in range(20)]
    assert {lives.state(world, action) for action in actions} == {"proposed"}


def test_agent_can_withdraw_its_own_proposals(world: World) -> None:
    run = targets.start_run(world, world["robot"])
    with world.session("agent") as s:
        s.run("SELECT agents_lease(ARRAY['robot'], ARRAY['1'], 'w', 900, %s)", run)
        action = targets.propose_in_run(s, run)
    with world.session("router") as s:
        w.route(s, action)
    with world.session("agent") as s:
        row = s.one("SELECT * FROM reviews_lock_own(%s)", action)
        entry = s.event(
            EventName.ACTION_WITHDRAWN, events.ActionWithdrawn(), action, seq=row["case_seq"],
            head=bytes(row["case_head"]), change=("pending", "withdrawn"),
        )  # fmt: skip
        s.run("SELECT reviews_agent_withdraw(%s, %s, %s)", action, entry.seq, entry.hash)
    assert lives.state(world, action) == "withdrawn"


def test_auditor_can_read_everything_but_sessions(world: World) -> None:
    with world.session("auditor") as s:
        assert s.run("SELECT count(purpose) FROM reviews_item")
        assert s.run("SELECT password FROM reviews_user LIMIT 1")
    with pytest.raises(psycopg.errors.InsufficientPrivilege), world.session("auditor") as s:
        s.run("SELECT * FROM django_session")


def test_every_login_can_hold_a_lock_for_as_long_as_its_timeouts_allow(world: World) -> None:
    action = lives.pending(world)
    with world.session("executor") as s:
        s.action(action)
        with pytest.raises(psycopg.errors.LockNotAvailable), world.session("web") as other:
            other.run("SET LOCAL lock_timeout = '50ms'")
            other.action(action)


def test_the_document_lists_exactly_the_powers_that_are_tested() -> None:
    here = {
        name for name, _ in inspect.getmembers(sys.modules[__name__], inspect.isfunction)
        if re.match(r"test_(web|router|executor|agent|auditor|every_login)_can_", name)
    }  # fmt: skip
    listed = set(re.findall(r"`(test_\w+_can_\w+)`", DOC.read_text(encoding="utf-8")))
    assert listed == here


def test_ids_are_made_by_whoever_inserts(world: World) -> None:
    """Not a power worth listing: an id that is taken is refused."""
    action = lives.proposed(world)
    with pytest.raises(psycopg.errors.UniqueViolation), world.session("web") as s:
        w.insert(
            s, "reviews_action", id=action, type_id="note.add", proposer_id=world["robot"], dedup_key=str(new_id()),
            digest=bytes(32), case_seq=1, case_head=bytes(32),
        )  # fmt: skip
