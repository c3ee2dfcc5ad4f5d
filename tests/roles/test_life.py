"""What the logins do by design: every way through the table of edges, with plain SQL."""

from __future__ import annotations

import time

import pytest

from audit import events
from audit.events import EventName
from tests.roles import lives
from tests.roles import world as w
from tests.roles.world import World


def test_an_action_goes_from_proposal_to_success(world: World) -> None:
    action = lives.ended(world)
    assert lives.state(world, action) == "succeeded"
    assert lives.row(world, action)["closed_at"] is not None


def test_every_change_left_its_event(world: World) -> None:
    action = lives.ended(world)
    with world.session("auditor") as s:
        told = s.run("SELECT name, change_to FROM audit.event WHERE case_id = %s ORDER BY case_seq", f"action:{action}")
    assert [(row["name"], row["change_to"]) for row in told] == [
        ("action.proposed", "proposed"),
        ("action.routed", "pending"),
        ("decision.recorded", "approved"),
        ("attempt.leased", "executing"),
        ("attempt.begun", None),
        ("attempt.finished", "succeeded"),
    ]


def test_the_database_derives_what_a_proposer_may_not_name(world: World) -> None:
    row = lives.row(world, lives.proposed(world, "files.delete"))
    assert (row["risk"], row["reversibility"], row["effect_mode"], row["needed"]) == ("high", "irreversible", "once", 1)
    assert (row["owner_id"], row["proposer_id"], row["type_version"]) == (world["olga"], world["robot"], 1)


def test_policy_lets_a_low_and_reversible_action_through(world: World) -> None:
    assert lives.state(world, lives.by_policy(world)) == "approved"


def test_two_people_approve_what_needs_two(world: World) -> None:
    action = lives.pending(world, "files.delete", outcome="two_person_review", needed=2)
    with world.session("web") as s:
        w.just_vote(s, action, world["ada"])
    assert lives.state(world, action) == "pending"
    with world.session("web") as s:
        w.approve(s, action, world["grace"])
    assert lives.state(world, action) == "approved"


def test_an_editor_approves_their_own_edit_where_the_type_allows_it(world: World) -> None:
    action = lives.pending(world)
    with world.session("web") as s:
        w.edit(s, action, world["ada"], self_edit=True)
        w.approve(s, action, world["ada"])
    assert lives.state(world, action) == "approved"


def test_undo_brings_an_approval_back_before_release(world: World) -> None:
    action = lives.pending(world)
    with world.session("web") as s:
        decision = w.approve(s, action, world["ada"], window=600)
    with world.session("web") as s:
        w.retract(s, decision, world["ada"], action)
    assert lives.state(world, action) == "pending"
    with world.session("web") as s:  # the same person may vote again, in a new round
        w.approve(s, action, world["ada"])
    assert lives.state(world, action) == "approved"


def test_a_begun_once_effect_that_got_lost_is_settled_by_a_person(world: World) -> None:
    action = lives.begun(world, "mail.send", seconds=1.5)
    time.sleep(1.55)
    with world.session("executor") as s:  # the reaper holds no fence
        s.run(w.END, "lost", action, 1)
        w.leave(s, action, 1, "in_doubt")
    assert lives.state(world, action) == "in_doubt"
    with world.session("web") as s:
        w.settle(s, action, "succeeded")
    assert lives.state(world, action) == "succeeded"


@pytest.mark.parametrize(
    ("kind", "start", "end", "state"),
    [
        ("note.add", False, "not_done", "approved"),
        ("mail.send", False, "lost", "approved"),
        ("note.add", True, "not_done", "approved"),
        ("order.place", True, "not_done", "failed"),
        ("mail.send", True, "not_done", "failed"),
        ("note.add", True, "unclear", "approved"),
        ("order.place", True, "unclear", "approved"),
        ("mail.send", True, "unclear", "in_doubt"),
    ],
)
def test_an_attempt_ends_where_its_effect_mode_leads(
    world: World, kind: str, start: bool, end: str, state: str
) -> None:
    action = (lives.begun if start else lives.leased)(world, kind)
    with world.session("executor") as s:
        assert w.finish(s, action, 1, end, delay=0.01) == state
    assert lives.state(world, action) == state
    assert lives.row(world, action)["failures"] == 1


@pytest.mark.parametrize(("end", "last"), [("not_done", "failed"), ("unclear", "in_doubt")])
def test_the_sixth_attempt_is_the_last(world: World, end: str, last: str) -> None:
    action = lives.approved(world)
    for number in range(1, 7):
        with world.session("executor") as s:
            w.lease(s, action)
        with world.session("executor") as s:
            w.begin(s, action, number)
            state = w.finish(s, action, number, end)
        assert state == ("approved" if number < 6 else last)


def test_all_attempts_at_a_revision_carry_one_key(world: World) -> None:
    action = lives.begun(world)
    with world.session("executor") as s:
        w.finish(s, action, 1, "unclear")
    lives.lease_again(world, action)
    with world.session("executor") as s:
        keys = s.run("SELECT DISTINCT key FROM reviews_attempt WHERE action_id = %s", action)
    assert keys == [{"key": f"desk-{action}-1"}]


def test_a_failed_last_try_stays_in_doubt_while_an_earlier_one_is_unclear(world: World) -> None:
    action = lives.approved(world)
    for number, end in enumerate(("unclear", *["not_done"] * 5), start=1):
        with world.session("executor") as s:
            w.lease(s, action)
        with world.session("executor") as s:
            w.begin(s, action, number)
            state = w.finish(s, action, number, end)
    assert state == "in_doubt"


def test_a_lease_is_renewed_by_its_holder(world: World) -> None:
    action = lives.leased(world, seconds=60)
    with world.session("executor") as s:
        w.hold(s, 1)
        s.run("UPDATE reviews_action SET lease_until = clock_timestamp() + interval '2 minutes' WHERE id = %s", action)
    assert lives.state(world, action) == "executing"


def test_the_holder_of_a_lease_reads_the_approved_bytes(world: World) -> None:
    action = lives.leased(world)
    with world.session("executor") as s:
        w.hold(s, 1)
        found = s.one("SELECT * FROM reviews_leased_body(%s)", action)
        digest = bytes(s.action(action)["digest"])
    assert w.digest(found["salt"], found["body"]) == digest


def test_a_reversal_marks_its_original_in_the_same_transaction(world: World) -> None:
    original = lives.ended(world)
    reversal = lives.proposed(world, requested_by_id=world["ada"], reverses_id=original)
    with world.session("router") as s:
        w.route(s, reversal)
    with world.session("web") as s:
        w.approve(s, reversal, world["grace"])
    with world.session("executor") as s:
        w.lease(s, reversal)
    with world.session("executor") as s:
        w.begin(s, reversal, 1)
        w.finish(s, reversal, 1)
        entry = s.step(EventName.ACTION_REVERSED, events.ActionReversed(by=str(reversal)), original, "reversed")
        s.move(original, entry, "state = 'reversed'")
    assert (lives.state(world, reversal), lives.state(world, original)) == ("succeeded", "reversed")


def test_the_router_expires_what_nobody_decided_in_time(world: World) -> None:
    action = lives.proposed(world)
    with world.session("router") as s:
        deadline = (
            "state = 'pending', outcome = 'review', policy_version = 1, routed_at = now(),"
            " decide_by = clock_timestamp() + interval '1 s'"
        )
        s.move(action, w.routed_event(s, action, "pending"), deadline)
        item = w.visit(s, action)
    time.sleep(1.05)
    with world.session("router") as s:
        s.move(action, s.step(EventName.ACTION_EXPIRED, events.ActionExpired(), action, "expired"), "state = 'expired'")
        s.run("UPDATE reviews_item SET closed_at = now() WHERE id = %s", item)
    assert lives.state(world, action) == "expired"


def test_a_question_keeps_it_pending_and_a_person_may_still_reject(world: World) -> None:
    action = lives.pending(world)
    with world.session("web") as s:
        w.ask(s, action, world["ada"])
    with world.session("web") as s:
        w.reject(s, action, world["grace"])
    assert lives.state(world, action) == "rejected"


def test_an_escalation_moves_a_visit_to_another_queue(world: World) -> None:
    action = lives.pending(world)
    with world.session("web") as s:
        w.just_vote(s, action, world["ada"], "escalate", target_id=world["other"], reason_code="unsure")
        s.run("UPDATE reviews_item_desk SET queue_id = 'elsewhere' WHERE action_id = %s", action)
    with world.session("web") as s:
        w.approve(s, action, world["mallory"])
    assert lives.state(world, action) == "approved"
