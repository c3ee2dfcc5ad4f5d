"""Cheats on votes, retractions, revisions and the thread."""

from __future__ import annotations

from typing import Any

from audit import events
from audit.events import EventName
from reviews.ids import new_id
from tests.roles import world as w
from tests.roles.cheats import NO_RIGHT, cheat
from tests.roles.world import Session, World

Given = dict[str, Any]


@cheat(web="DK012")
def vote_as_the_owner_of_the_agent(world: World, s: Session, given: Given) -> None:
    w.just_vote(s, given["pending"], world["olga"])


@cheat(web="DK012")
def vote_on_ones_own_proposal(world: World, s: Session, given: Given) -> None:
    w.just_vote(s, given["by_person"], world["ada"])


@cheat(web="DK012")
def vote_on_ones_own_edit(world: World, s: Session, given: Given) -> None:
    w.just_vote(s, given["edited"], world["ada"])


@cheat(web="DK012")
def edit_and_approve_alone_where_two_are_needed(world: World, s: Session, given: Given) -> None:
    w.edit(s, given["two"], world["grace"], self_edit=True)


@cheat(web="DK012")
def claim_that_a_high_risk_edit_needs_no_second_person(world: World, s: Session, given: Given) -> None:
    w.edit(s, given["high"], world["ada"], self_edit=True)


@cheat(web="DK012")
def vote_after_escalating(world: World, s: Session, given: Given) -> None:
    w.just_vote(s, given["two"], world["lin"])


@cheat(web="DK012")
def vote_with_a_closed_account(world: World, s: Session, given: Given) -> None:
    w.just_vote(s, given["pending"], world["gone"])


@cheat(web="DK012")
def vote_without_reach(world: World, s: Session, given: Given) -> None:
    w.just_vote(s, given["pending"], world["mallory"])


@cheat(web="DK012")
def reject_without_reach(world: World, s: Session, given: Given) -> None:
    w.just_vote(s, given["pending"], world["mallory"], "reject")


@cheat(web="DK016")
def vote_as_policy(world: World, s: Session, given: Given) -> None:
    w.just_vote(s, given["proposed"], None)


@cheat(router="DK016", executor=NO_RIGHT, agent=NO_RIGHT, sequencer=NO_RIGHT, auditor=NO_RIGHT)
def vote_as_a_person(world: World, s: Session, given: Given) -> None:
    if s.role == "router":
        w.just_vote(s, given["pending"], world["ada"])
    else:  # these logins cannot even write the event
        w.insert(s, "reviews_decision", id=new_id(), action_id=given["pending"], via="single", verdict="approve")


@cheat(router="DK016")
def pass_a_persons_vote_off_as_policy(world: World, s: Session, given: Given) -> None:
    w.just_vote(s, given["pending"], world["ada"], via="policy", item_id=None)


@cheat(web="DK011")
def vote_on_a_stale_revision(world: World, s: Session, given: Given) -> None:
    first = s.one("SELECT digest FROM reviews_revision WHERE action_id = %s AND number = 1", given["edited"])
    w.just_vote(s, given["edited"], world["grace"], revision=1, digest=bytes(first["digest"]))


@cheat(web="DK011")
def vote_on_the_digest_of_another_action(world: World, s: Session, given: Given) -> None:
    other = s.action(given["other_pending"])
    w.just_vote(s, given["pending"], world["ada"], digest=bytes(other["digest"]))


@cheat(web="DK011")
def vote_without_having_seen_the_thread(world: World, s: Session, given: Given) -> None:
    w.message(s, given["pending"], "wait, this is wrong", author=world["lin"])
    w.just_vote(s, given["pending"], world["ada"], seen_message=0)


@cheat(web="DK011")
def claim_to_have_seen_more_than_there_is(world: World, s: Session, given: Given) -> None:
    w.just_vote(s, given["pending"], world["ada"], seen_evidence=7)


@cheat(web="DK010")
def vote_on_what_is_decided(world: World, s: Session, given: Given) -> None:
    w.just_vote(s, given["window"], world["grace"])


@cheat(web="DK010")
def vote_through_the_visit_of_another_action(world: World, s: Session, given: Given) -> None:
    w.just_vote(s, given["pending"], world["ada"], item_id=given["other_item"])


@cheat(web="DK010")
def approve_over_an_open_question(world: World, s: Session, given: Given) -> None:
    w.just_vote(s, given["asked"], world["grace"])


@cheat(web="23505")
def vote_twice(world: World, s: Session, given: Given) -> None:
    w.just_vote(s, given["two"], world["ada"])


@cheat(web="DK017")
def approve_high_risk_in_a_batch(world: World, s: Session, given: Given) -> None:
    w.just_vote(s, given["high"], world["ada"], via="batch", batch=new_id())


@cheat(web="DK017")
def approve_in_a_batch_what_needs_two(world: World, s: Session, given: Given) -> None:
    w.just_vote(s, given["two"], world["grace"], via="batch", batch=new_id())


@cheat(web="DK017")
def approve_two_types_in_one_batch(world: World, s: Session, given: Given) -> None:
    batch = new_id()
    w.just_vote(s, given["pending"], world["ada"], via="batch", batch=batch)
    w.just_vote(s, given["slow"], world["ada"], via="batch", batch=batch)


@cheat(web="DK006")
def reject_a_seeded_check_for_good(world: World, s: Session, given: Given) -> None:
    w.reject(s, given["canary"], world["ada"])


@cheat(web="42501", executor="42501", agent="42501")
def look_for_the_seeded_checks(world: World, s: Session, given: Given) -> None:
    s.run("SELECT action_id FROM reviews_canary")


@cheat(router="42501", executor="42501", agent="42501")
def take_a_verdict_without_a_person(world: World, s: Session, given: Given) -> None:
    s.run("SELECT * FROM reviews_take_verdict(%s, %s, 'reject', '{}')", [given["item"]], world["ada"])


@cheat(web="AU007")
def hang_a_tag_without_an_event(world: World, s: Session, given: Given) -> None:
    w.insert(
        s, "reviews_tag", id=new_id(), action_id=given["pending"], name="late", by_id=world["ada"],
        event_id=new_id(), created_at="now",
    )  # fmt: skip


@cheat(web="DK003")
def escalate_to_nobody(world: World, s: Session, given: Given) -> None:
    w.just_vote(s, given["pending"], world["ada"], "escalate")


@cheat(web="DK003")
def escalate_without_a_reason(world: World, s: Session, given: Given) -> None:
    w.just_vote(s, given["pending"], world["ada"], "escalate", target_id=world["other"])


@cheat(web="AU007")
def vote_without_an_event(world: World, s: Session, given: Given) -> None:
    row = s.action(given["pending"])
    w.insert(
        s, "reviews_decision", id=new_id(), action_id=row["id"], item_id=given["item"], reviewer_id=world["ada"],
        via="single", verdict="approve", revision=1, digest=bytes(row["digest"]), event_id=new_id(),
    )  # fmt: skip


@cheat(web="AU007")
def log_a_rejection_and_store_an_approval(world: World, s: Session, given: Given) -> None:
    row = s.action(given["pending"])
    data = events.DecisionRecorded(verdict="reject", revision=1, digest=bytes(row["digest"]))
    entry = s.step(EventName.DECISION_RECORDED, data, row["id"])
    s.move(row["id"], entry)
    w.insert(
        s, "reviews_decision", id=new_id(), action_id=row["id"], item_id=given["item"], reviewer_id=world["ada"],
        via="single", verdict="approve", revision=1, digest=bytes(row["digest"]), event_id=entry.id,
    )  # fmt: skip


@cheat(web="AU007")
def borrow_the_event_of_another_case(world: World, s: Session, given: Given) -> None:
    row = s.action(given["pending"])
    data = events.DecisionRecorded(verdict="approve", revision=1, digest=bytes(row["digest"]))
    entry = s.step(EventName.DECISION_RECORDED, data, given["other_pending"])
    s.move(given["other_pending"], entry)
    w.insert(
        s, "reviews_decision", id=new_id(), action_id=row["id"], item_id=given["item"], reviewer_id=world["ada"],
        via="single", verdict="approve", revision=1, digest=bytes(row["digest"]), event_id=entry.id,
    )  # fmt: skip


@cheat(owner="DK001", rest=NO_RIGHT)
def turn_a_vote_around(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_decision SET verdict = 'reject' WHERE id = %s", given["vote_approved"])


@cheat(owner="DK001", rest=NO_RIGHT)
def delete_a_vote(world: World, s: Session, given: Given) -> None:
    s.run("DELETE FROM reviews_decision WHERE id = %s", given["vote_approved"])


@cheat(web="DK016", router="DK016")
def take_back_the_vote_of_another(world: World, s: Session, given: Given) -> None:
    w.retract(s, given["vote_window"], world["grace"], given["window"])


@cheat(web="DK016")
def take_back_a_vote_of_policy(world: World, s: Session, given: Given) -> None:
    w.retract(s, given["vote_policy"], None, given["policy"])


@cheat(web="DK015")
def take_back_after_release(world: World, s: Session, given: Given) -> None:
    w.retract(s, given["vote_approved"], world["ada"], given["approved"])


@cheat(web="DK015")
def undo_without_taking_the_vote_back(world: World, s: Session, given: Given) -> None:
    data = events.DecisionRetracted(decision=str(given["vote_window"]))
    entry = s.step(EventName.DECISION_RETRACTED, data, given["window"], "pending")
    s.move(given["window"], entry, "state = 'pending', release_at = NULL, valid_until = NULL")


@cheat(web="DK015")
def take_a_vote_back_and_leave_it_approved(world: World, s: Session, given: Given) -> None:
    w.retract(s, given["vote_window"], world["ada"], given["window"], reopen=False)


@cheat(web="DK015")
def undo_and_keep_the_release(world: World, s: Session, given: Given) -> None:
    data = events.DecisionRetracted(decision=str(given["vote_window"]))
    entry = s.step(EventName.DECISION_RETRACTED, data, given["window"], "pending")
    w.insert(
        s, "reviews_retraction", id=new_id(), decision_id=given["vote_window"], by_id=world["ada"], event_id=entry.id
    )
    s.move(given["window"], entry, "state = 'pending'")


@cheat(owner="DK001", rest=NO_RIGHT)
def rewrite_a_revision(world: World, s: Session, given: Given) -> None:
    s.run(
        "UPDATE reviews_revision SET digest = %s, self_edit = true WHERE action_id = %s",
        bytes(range(32)),
        given["pending"],
    )


@cheat(owner="DK001", rest=NO_RIGHT)
def swap_the_approved_bytes(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_revisionbody SET body = 'evil'")


@cheat(owner="DK001", rest=NO_RIGHT)
def delete_the_approved_bytes(world: World, s: Session, given: Given) -> None:
    s.run("DELETE FROM reviews_revisionbody")


@cheat(web="DK004")
def store_other_bytes_than_the_digest_names(world: World, s: Session, given: Given) -> None:
    row = s.action(given["pending"])
    salt, body = w.body_of(amount=1)
    made = w.digest(salt, body)
    data = events.ActionEdited(revision=2, digest=made, previous_digest=bytes(row["digest"]))
    entry = s.step(EventName.ACTION_EDITED, data, row["id"], commit={"payload": made})
    s.move(row["id"], entry, "revision = 2, digest = %s", made)
    revision = new_id()
    w.insert(
        s, "reviews_revision", id=revision, action_id=row["id"], number=2, digest=made, event_id=entry.id,
        author_id=world["ada"], self_edit=False,
    )  # fmt: skip
    w.insert(s, "reviews_revisionbody", revision_id=revision, salt=salt, scheme=0, body=body.replace(b"1", b"9"))


@cheat(web="AU007")
def commit_the_log_to_other_bytes(world: World, s: Session, given: Given) -> None:
    row = s.action(given["pending"])
    salt, body = w.body_of(amount=1)
    data = events.ActionEdited(revision=2, digest=bytes(range(32)), previous_digest=bytes(row["digest"]))
    entry = s.step(EventName.ACTION_EDITED, data, row["id"], commit={"payload": bytes(range(32))})
    s.move(row["id"], entry, "revision = 2, digest = %s", w.digest(salt, body))
    w.add_revision(s, row["id"], 2, entry, salt, body, author_id=world["ada"])


@cheat(web="DK002")
def edit_as_if_the_agent_had(world: World, s: Session, given: Given) -> None:
    w.edit(s, given["pending"], None)


@cheat(router="DK002")
def write_a_message_in_somebodys_name(world: World, s: Session, given: Given) -> None:
    w.message(s, given["pending"], "fine with me", author=world["ada"])


@cheat(web="DK011", router="DK011")
def leave_a_gap_in_the_thread(world: World, s: Session, given: Given) -> None:
    w.message(s, given["pending"], "hello", author=world["ada"] if s.role == "web" else None, number=9)


@cheat(web="DK002", router="DK002")
def answer_into_another_thread(world: World, s: Session, given: Given) -> None:
    author = world["ada"] if s.role == "web" else None
    w.message(s, given["pending"], "yes", kind="answer", author=author, in_reply_to_id=given["question"])


@cheat(owner="DK001", rest=NO_RIGHT)
def rewrite_the_thread(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_message SET kind = 'comment'")


@cheat(web="23514")
def store_a_novel_as_a_comment(world: World, s: Session, given: Given) -> None:
    w.message(s, given["pending"], "x" * 4_001, author=world["ada"])


@cheat(owner="DK001", rest=NO_RIGHT)
def rewrite_the_evidence(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_evidence SET title = 'nothing to see'")
