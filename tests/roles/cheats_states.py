"""Cheats on the action's row: its state, its bytes, its dates, what it was born with."""

from __future__ import annotations

from typing import Any

from audit import events
from audit.events import EventName
from tests.roles import world as w
from tests.roles.cheats import NO_RIGHT, cheat
from tests.roles.world import Session, World

Given = dict[str, Any]

EVENT_OF = {
    "web": (EventName.DECISION_RECORDED, events.DecisionRecorded(verdict="approve", revision=1, digest=bytes(32))),
    "router": (
        EventName.ACTION_ROUTED,
        events.ActionRouted(outcome="review", mode="HITL", floors=[], policy_version=1, needed=1),
    ),
    "executor": (EventName.ATTEMPT_FINISHED, events.AttemptFinished(fence=1, outcome="succeeded")),
}


def push(s: Session, action: Any, state: str, sets: str = "", *values: object) -> None:
    """To this state with an event that the login may write and that tells exactly this change."""
    name, data = EVENT_OF.get(s.role, EVENT_OF["web"])
    s.move(action, s.step(name, data, action, state), f"state = '{state}'{', ' + sets if sets else ''}", *values)


def tell(s: Session, action: Any, sets: str, *values: object) -> None:
    """Change columns with an event, but no state."""
    name, data = EVENT_OF.get(s.role, EVENT_OF["web"])
    s.move(action, s.step(name, data, action), sets, *values)


DATES = "release_at = clock_timestamp(), valid_until = clock_timestamp() + interval '1 day'"


@cheat(web="AU007", router="AU007", executor="AU007", owner="AU007", rest=NO_RIGHT)
def set_approved_without_an_event(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_action SET state = 'approved' WHERE id = %s", given["pending"])


@cheat(web="DK006", router="DK009", executor="DK009")
def approve_without_a_vote(world: World, s: Session, given: Given) -> None:
    # The executor may set the fewest columns.
    push(s, given["pending"], "approved", DATES if s.role != "executor" else "release_at = clock_timestamp()")
    if s.role == "web":
        s.run(w.CLOSE_ITEM, given["pending"])


@cheat(web="DK006")
def approve_with_one_vote_where_two_are_needed(world: World, s: Session, given: Given) -> None:
    push(s, given["two"], "approved", DATES)


@cheat(web="DK006")
def approve_with_a_vote_on_an_earlier_revision(world: World, s: Session, given: Given) -> None:
    w.just_vote(s, given["voted_then_edited"], world["grace"])
    push(s, given["voted_then_edited"], "approved", DATES)


@cheat(web="DK006")
def approve_with_a_vote_that_was_taken_back(world: World, s: Session, given: Given) -> None:
    push(s, given["retracted"], "approved", DATES)
    s.run(w.CLOSE_ITEM, given["retracted"])


@cheat(web="DK006")
def approve_although_somebody_rejected(world: World, s: Session, given: Given) -> None:
    w.just_vote(s, given["pending"], world["grace"], "reject")
    w.just_vote(s, given["pending"], world["ada"])
    push(s, given["pending"], "approved", DATES)


@cheat(web="DK006")
def reject_without_a_vote(world: World, s: Session, given: Given) -> None:
    push(s, given["pending"], "rejected", "release_at = clock_timestamp()")


@cheat(web="DK009", executor="DK009")
def approve_past_the_router(world: World, s: Session, given: Given) -> None:
    push(s, given["proposed"], "approved", "release_at = clock_timestamp()")


@cheat(web="DK009", router="DK009", executor="DK009")
def approve_what_was_rejected(world: World, s: Session, given: Given) -> None:
    push(s, given["rejected"], "approved")


@cheat(web="DK009", router="DK009", executor="DK009")
def do_again_what_succeeded(world: World, s: Session, given: Given) -> None:
    push(s, given["succeeded"], "approved")


@cheat(web="DK009", router="DK009")
def say_that_it_succeeded(world: World, s: Session, given: Given) -> None:
    push(s, given["begun"], "succeeded")


@cheat(router="DK009", executor="DK009")
def settle_a_doubt_as_somebody_else(world: World, s: Session, given: Given) -> None:
    push(s, given["in_doubt"], "succeeded")


@cheat(web="AU007")
def settle_a_doubt_without_a_word(world: World, s: Session, given: Given) -> None:
    w.settle(s, given["in_doubt"], "succeeded", note="")


@cheat(web="DK015")
def approve_with_a_release_in_the_past(world: World, s: Session, given: Given) -> None:
    _, entry = w.vote(s, given["pending"], world["ada"], to="approved")
    s.move(given["pending"], entry, w.APPROVED, -3600)


@cheat(web="DK015")
def approve_inside_the_undo_window_of_the_type(world: World, s: Session, given: Given) -> None:
    w.approve(s, given["slow"], world["ada"], window=5)


@cheat(web="DK003")
def approve_and_leave_it_in_the_queue(world: World, s: Session, given: Given) -> None:
    _, entry = w.vote(s, given["pending"], world["ada"], to="approved")
    s.move(given["pending"], entry, w.APPROVED, 0)


@cheat(web="AU007", router="AU007", executor="AU007", owner="AU007", rest=NO_RIGHT)
def merge_into_approved(world: World, s: Session, given: Given) -> None:
    s.run(
        "MERGE INTO reviews_action a USING (SELECT %s::uuid AS id) x ON a.id = x.id"
        " WHEN MATCHED THEN UPDATE SET state = 'approved'",
        given["pending"],
    )


@cheat(web="AU007", router="AU007", rest=NO_RIGHT)
def upsert_into_approved(world: World, s: Session, given: Given) -> None:
    s.run(
        "INSERT INTO reviews_action (id, type_id, proposer_id, dedup_key, digest, case_seq, case_head)"
        " VALUES (%s, 'note.add', %s, 'upsert', %s, 1, %s) ON CONFLICT (id) DO UPDATE SET state = 'approved'",
        given["pending"], world["robot"], bytes(32), bytes(32),
    )  # fmt: skip


@cheat(web="AU007", router="AU007")
def tell_another_change_than_the_row_makes(world: World, s: Session, given: Given) -> None:
    name, data = EVENT_OF[s.role]
    entry = s.step(name, data, given["pending"], "approved")
    s.move(given["pending"], entry, "decide_by = decide_by + interval '1 hour'")


@cheat(web="AU007", router="AU007", executor="DK005")
def take_a_step_of_the_case_without_an_event(world: World, s: Session, given: Given) -> None:
    s.run(
        "UPDATE reviews_action SET case_seq = case_seq + 1, case_head = %s WHERE id = %s",
        bytes(range(32)),
        given["pending"],
    )


@cheat(web="AU007", router="AU007")
def use_the_event_of_another_case(world: World, s: Session, given: Given) -> None:
    name, data = EVENT_OF[s.role]
    entry = s.step(name, data, given["other_pending"])
    s.run(
        "UPDATE reviews_action SET case_seq = case_seq + 1, case_head = %s WHERE id = %s", entry.hash, given["pending"]
    )


@cheat(web="AU007", router="AU007")
def skip_a_number_of_the_case(world: World, s: Session, given: Given) -> None:
    s.run(
        "UPDATE reviews_action SET case_seq = case_seq + 2, case_head = %s WHERE id = %s",
        bytes(range(32)),
        given["pending"],
    )


@cheat(web=NO_RIGHT, router=NO_RIGHT, agent=NO_RIGHT, executor=NO_RIGHT, owner="DK003")
def lower_the_risk(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_action SET risk = 'low' WHERE id = %s", given["high"])


@cheat(owner="DK003", rest=NO_RIGHT)
def change_owner_proposer_and_key(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_action SET owner_id = %s, dedup_key = 'x' WHERE id = %s", world["ada"], given["pending"])


@cheat(web="DK003", router="DK003")
def need_fewer_votes(world: World, s: Session, given: Given) -> None:
    tell(s, given["two"], "needed = 1")


@cheat(web="DK003", router="DK003")
def soften_the_outcome(world: World, s: Session, given: Given) -> None:
    tell(s, given["two"], "outcome = 'auto_execute'")


@cheat(web=NO_RIGHT, executor=NO_RIGHT, agent=NO_RIGHT)
def blank_the_reasons_of_routing(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_action SET floors = '[]', policy_version = 99 WHERE id = %s", given["pending"])


@cheat(web="DK004")
def swap_the_digest_and_keep_the_revision(world: World, s: Session, given: Given) -> None:
    tell(s, given["pending"], "digest = %s", bytes(range(32)))


@cheat(web="DK004")
def jump_a_revision(world: World, s: Session, given: Given) -> None:
    tell(s, given["pending"], "revision = revision + 2, digest = %s", bytes(range(32)))


@cheat(web="DK004")
def edit_after_approval(world: World, s: Session, given: Given) -> None:
    w.edit(s, given["window"], world["ada"])


@cheat(web="DK004")
def edit_without_bytes(world: World, s: Session, given: Given) -> None:
    made = bytes(range(32))
    data = events.ActionEdited(revision=2, digest=made, previous_digest=made)
    entry = s.step(EventName.ACTION_EDITED, data, given["pending"], commit={"payload": made})
    s.move(given["pending"], entry, "revision = revision + 1, digest = %s", made)


@cheat(web="DK015", router="DK015", executor="DK015")
def move_the_release_earlier(world: World, s: Session, given: Given) -> None:
    tell(s, given["window"], "release_at = clock_timestamp()")


@cheat(web="DK003", router="DK003")
def make_an_approval_last_longer(world: World, s: Session, given: Given) -> None:
    tell(s, given["approved"], "valid_until = clock_timestamp() + interval '10 years'")


@cheat(router="DK007")
def expire_before_the_deadline(world: World, s: Session, given: Given) -> None:
    push(s, given["pending"], "expired")


@cheat(router="DK007")
def expire_an_approval_that_holds(world: World, s: Session, given: Given) -> None:
    push(s, given["approved"], "expired")


@cheat(web="DK008")
def withdraw_what_may_have_happened(world: World, s: Session, given: Given) -> None:
    push(s, given["unclear"], "withdrawn")


@cheat(router="DK003")
def route_without_a_deadline(world: World, s: Session, given: Given) -> None:
    push(s, given["proposed"], "pending", "outcome = 'review', policy_version = 1, routed_at = now()")


@cheat(router="DK003")
def route_to_two_people_and_ask_one(world: World, s: Session, given: Given) -> None:
    s.move(given["proposed"], w.routed_event(s, given["proposed"], "pending"), w.ROUTE, "two_person_review", 1)


@cheat(router="DK003")
def route_into_no_queue(world: World, s: Session, given: Given) -> None:
    s.move(given["proposed"], w.routed_event(s, given["proposed"], "pending"), w.ROUTE, "review", 1)


@cheat(router="DK016")
def approve_by_policy_without_its_vote(world: World, s: Session, given: Given) -> None:
    push(s, given["proposed"], "approved", f"outcome = 'auto_execute', policy_version = 1, routed_at = now(), {DATES}")


@cheat(router="DK016")
def reject_by_policy_without_its_vote(world: World, s: Session, given: Given) -> None:
    push(s, given["proposed"], "rejected", "release_at = clock_timestamp()")


@cheat(router="DK016")
def let_medium_risk_run_by_itself(world: World, s: Session, given: Given) -> None:
    w.policy_approve(s, given["proposed_mail"])


@cheat(router="DK016")
def let_critical_risk_run_under_watch(world: World, s: Session, given: Given) -> None:
    w.policy_approve(s, given["proposed_critical"], "execute_and_monitor")


@cheat(router="DK016")
def let_the_irreversible_run_under_watch(world: World, s: Session, given: Given) -> None:
    w.policy_approve(s, given["proposed_files"], "execute_and_monitor")


@cheat(router="DK016")
def let_policy_approve_what_it_wants_reviewed(world: World, s: Session, given: Given) -> None:
    w.policy_approve(s, given["proposed"], "review")


@cheat(web="DK016")
def approve_a_seeded_canary(world: World, s: Session, given: Given) -> None:
    w.approve(s, given["canary"], world["ada"])


@cheat(router="DK016")
def let_policy_approve_a_seeded_canary(world: World, s: Session, given: Given) -> None:
    w.visit(s, given["proposed"], purpose="canary")
    w.policy_approve(s, given["proposed"])


@cheat(executor="DK018")
def call_it_reversed_although_nothing_reversed_it(world: World, s: Session, given: Given) -> None:
    data = events.ActionReversed(by="nobody")
    s.move(
        given["succeeded_mail"], s.step(EventName.ACTION_REVERSED, data, given["succeeded_mail"], "reversed"),
        "state = 'reversed'",
    )  # fmt: skip


@cheat(executor="DK018")
def reverse_and_leave_the_original_as_it_was(world: World, s: Session, given: Given) -> None:
    w.finish(s, given["reversing"], 1)
