"""What the logins do by design: every way through the table of edges, with plain SQL."""

from __future__ import annotations

import time
from uuid import UUID

import psycopg
import pytest

from audit import events
from audit.events import EventName
from reviews.ids import new_id
from tests.roles import lives, targets
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


def test_what_is_over_is_erased_with_its_salt_and_its_event(world: World) -> None:
    action = lives.ended(world)
    with world.session("web") as s:
        revision = s.one("SELECT id, event_id, digest FROM reviews_revision WHERE action_id = %s", action)
        w.insert(s, "reviews_searchtext", action_id=action, revision=1, title="Call Kim", text="kim")
        named = events.Erasable(event=str(revision["event_id"]), field="payload")
        data = events.PrivacyErased(entries=[named], basis="gdpr_17", authoriser="psn_lin")
        s.tell(EventName.PRIVACY_ERASED, data, f"erasure:{action}", seq=0, head=bytes(32))
        assert s.one("SELECT reviews_erase(%s, 'payload') AS done", revision["event_id"])["done"]
    with world.session("auditor") as s:
        assert s.run("SELECT * FROM reviews_revisionbody WHERE revision_id = %s", revision["id"]) == []
        assert s.run("SELECT * FROM reviews_searchtext WHERE action_id = %s", action) == []
        assert (
            s.one("SELECT digest FROM reviews_revision WHERE id = %s", revision["id"])["digest"] == revision["digest"]
        )


def test_an_agent_answers_a_question_with_other_bytes_and_it_stays_open_until_routed(world: World) -> None:
    run = targets.start_run(world, world["robot"])
    with world.session("agent") as s:
        s.run("SELECT agents_lease(ARRAY['robot'], ARRAY['1'], 'w', 900, %s)", run)
        action = targets.propose_in_run(s, run)
    with world.session("router") as s:
        item = w.route(s, action)
    with world.session("web") as s:
        question = w.ask(s, action, world["ada"])
    with world.session("agent") as s:
        asked = s.run("SELECT * FROM reviews_outcomes(%s)", run)
        answer(s, action, question)
    assert [(row["question"], row["question_text"]) for row in asked] == [(question, "Which account?")]
    assert lives.row(world, action)["revision"] == 2
    with world.session("auditor") as s:
        assert s.one("SELECT question_open FROM reviews_item WHERE id = %s", item) == {"question_open": True}


def answer(s: w.Session, action: UUID, question: UUID) -> None:
    """Message, new revision and the step of the case, as an agent's login can."""
    row = s.one("SELECT * FROM reviews_lock_own(%s)", action)
    salt, body = w.body_of(account=7)
    made, text = w.digest(salt, body), w.body_of(text="7")
    entry = s.event(
        EventName.QUESTION_ANSWERED, events.QuestionAnswered(revision=2, digest=made), action, seq=row["case_seq"],
        head=bytes(row["case_head"]), commit={"payload": made, "text": w.digest(*text)},
    )  # fmt: skip
    message = new_id()
    w.insert(
        s, "reviews_message", id=message, action_id=action, number=row["last_message"] + 1, kind="answer",
        in_reply_to_id=question, digest=w.digest(*text), event_id=entry.id,
    )  # fmt: skip
    w.insert(s, "reviews_messagebody", message_id=message, salt=text[0], scheme=0, body=text[1])
    w.add_revision(s, action, 2, entry, salt, body)
    s.run("SELECT reviews_agent_answer(%s, %s, 2, %s, %s, %s)", action, question, made, entry.seq, entry.hash)


def test_a_run_hears_nothing_before_release_and_the_reason_after_it(world: World) -> None:
    run = targets.start_run(world, world["robot"])
    with world.session("agent") as s:
        s.run("SELECT agents_lease(ARRAY['robot'], ARRAY['1'], 'w', 900, %s)", run)
        held, told = targets.propose_in_run(s, run), targets.propose_in_run(s, run)
    for action, window in ((held, 600), (told, 0)):
        with world.session("router") as s:
            w.route(s, action)
        with world.session("web") as s:
            w.reject(s, action, world["ada"], window=window)
    with world.session("agent") as s:
        heard = s.run("SELECT action, state, verdict, body FROM reviews_outcomes(%s)", run)
    assert [(row["action"], row["state"], row["verdict"]) for row in heard] == [(told, "rejected", "reject")]
    assert heard[0]["body"]


def test_an_old_answer_does_not_close_a_newer_question(world: World) -> None:
    run = targets.start_run(world, world["robot"])
    with world.session("agent") as s:
        s.run("SELECT agents_lease(ARRAY['robot'], ARRAY['1'], 'w', 900, %s)", run)
        action = targets.propose_in_run(s, run)
    with world.session("router") as s:
        w.route(s, action)
    with world.session("web") as s:
        first = w.ask(s, action, world["ada"])
    with world.session("agent") as s:
        answer(s, action, first)
    with world.session("web") as s:
        w.ask(s, action, world["grace"])
    with pytest.raises(psycopg.DatabaseError, match="no such question") as caught, world.session("agent") as s:
        row = s.one("SELECT * FROM reviews_lock_own(%s)", action)
        s.run(
            "SELECT reviews_agent_answer(%s, %s, %s, %s, %s, %s)",
            action, first, row["revision"], row["digest"], row["case_seq"] + 1, bytes(range(32)),
        )  # fmt: skip
    assert caught.value.sqlstate == "DK010"
