"""Cheats on leases, attempts and stops: doing what was not released, twice, or under a stop."""

from __future__ import annotations

from typing import Any

from audit import events
from audit.events import EventName
from reviews.ids import new_id
from tests.roles import world as w
from tests.roles.cheats import NO_RIGHT, cheat
from tests.roles.world import Session, World

Given = dict[str, Any]


@cheat(executor="DK009")
def lease_what_is_pending(world: World, s: Session, given: Given) -> None:
    w.lease(s, given["pending"])


@cheat(executor="DK015")
def lease_before_release(world: World, s: Session, given: Given) -> None:
    w.lease(s, given["window"])


@cheat(executor="DK007")
def lease_a_lapsed_approval(world: World, s: Session, given: Given) -> None:
    w.lease(s, given["short"])


@cheat(executor="DK006")
def lease_what_somebody_approved_who_has_left(world: World, s: Session, given: Given) -> None:
    w.lease(s, given["by_gone"])


@cheat(web="DK009", router="DK009")
def lease_with_another_login(world: World, s: Session, given: Given) -> None:
    name, data = {
        "web": (EventName.MESSAGE_POSTED, events.MessagePosted(number=1)),
        "router": (EventName.ACTION_EXPIRED, events.ActionExpired()),
    }[s.role]
    s.move(given["approved"], s.step(name, data, given["approved"], "executing"), "state = 'executing'")


@cheat(executor="DK005")
def lease_for_an_hour(world: World, s: Session, given: Given) -> None:
    w.lease(s, given["approved"], seconds=3600)


@cheat(executor="DK005")
def lease_in_the_past(world: World, s: Session, given: Given) -> None:
    w.lease(s, given["approved"], seconds=-1)


@cheat(executor="DK005")
def lease_with_the_fence_as_it_was(world: World, s: Session, given: Given) -> None:
    w.lease(s, given["approved"], fence_step=0)


@cheat(executor="DK005")
def lease_with_a_fence_far_ahead(world: World, s: Session, given: Given) -> None:
    w.lease(s, given["approved"], fence_step=2)


@cheat(executor="DK013")
def lease_without_an_attempt(world: World, s: Session, given: Given) -> None:
    row = s.action(given["approved"])
    data = events.AttemptLeased(fence=1, worker="w", digest=bytes(row["digest"]))
    entry = s.step(EventName.ATTEMPT_LEASED, data, row["id"], "executing")
    s.move(
        row["id"],
        entry,
        "state = 'executing', fence = 1, worker = 'w', lease_until = clock_timestamp() + interval '1 min'",
    )


def attempt(s: Session, action: Any, **columns: object) -> None:
    row = s.action(action)
    values = {
        "id": new_id(), "action_id": action, "fence": row["fence"], "worker": row["worker"] or "w",
        "revision": row["revision"], "digest": bytes(row["digest"]), "event_id": new_id(),
    } | columns  # fmt: skip
    w.insert(s, "reviews_attempt", **values)


@cheat(executor="DK005")
def open_an_attempt_without_a_lease(world: World, s: Session, given: Given) -> None:
    attempt(s, given["approved"])


@cheat(executor="23505")
def open_a_second_attempt(world: World, s: Session, given: Given) -> None:
    attempt(s, given["leased"])


@cheat(executor="DK013")
def open_an_attempt_that_has_already_succeeded(world: World, s: Session, given: Given) -> None:
    s.action(given["leased"])
    attempt(s, given["leased"], effect_at="now", ended_at="now", end="succeeded")


@cheat(web=NO_RIGHT, router=NO_RIGHT, agent=NO_RIGHT, sequencer=NO_RIGHT, auditor=NO_RIGHT)
def open_an_attempt_with_another_login(world: World, s: Session, given: Given) -> None:
    w.insert(s, "reviews_attempt", id=new_id(), action_id=given["leased"], fence=2, worker="w")


@cheat(executor="DK020")
def lease_under_a_stop_for_all(world: World, s: Session, given: Given) -> None:
    with_stop(world, "all")
    try:
        w.lease(s, given["approved"])
    finally:
        lift(world)


@cheat(executor="DK020")
def lease_under_a_stop_of_the_type(world: World, s: Session, given: Given) -> None:
    with_stop(world, "type", action_type_id="note.add")
    try:
        w.lease(s, given["approved"])
    finally:
        lift(world)


@cheat(executor="DK020")
def lease_under_a_stop_of_the_agent(world: World, s: Session, given: Given) -> None:
    with_stop(world, "agent", principal_id=world["robot"])
    try:
        w.lease(s, given["approved"])
    finally:
        lift(world)


@cheat(executor="DK020")
def begin_under_a_stop(world: World, s: Session, given: Given) -> None:
    with_stop(world, "all")
    try:
        w.begin(s, given["leased"], 1)
    finally:
        lift(world)


@cheat(executor="DK020")
def begin_under_a_stop_that_came_after_the_transaction_had_started(world: World, s: Session, given: Given) -> None:
    s.action(given["leased"])
    with_stop(world, "all")
    try:
        w.begin(s, given["leased"], 1)
    finally:
        lift(world)


@cheat(router="DK020")
def approve_by_policy_under_a_stop(world: World, s: Session, given: Given) -> None:
    with_stop(world, "all")
    try:
        w.policy_approve(s, given["proposed"])
    finally:
        lift(world)


def with_stop(world: World, scope: str, **columns: Any) -> None:
    """A stop, committed by web; lifted again by `lift`, since the cheat's own rollback does not reach it."""
    with world.session("web") as other:
        world.ids["standing"] = w.stop(other, world["lin"], scope, **columns)


def lift(world: World) -> None:
    with world.session("web") as other:
        other.run(
            "UPDATE reviews_stop SET lifted_at = now(), lifted_by_id = %s, lift_reason = 'over' WHERE id = %s",
            world["lin"], world["standing"],
        )  # fmt: skip


@cheat(executor="DK005")
def begin_without_the_fence(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_attempt SET effect_at = now() WHERE action_id = %s", given["leased"])


@cheat(executor="DK005")
def begin_with_an_old_fence(world: World, s: Session, given: Given) -> None:
    w.hold(s, 0)
    s.run("UPDATE reviews_attempt SET effect_at = now() WHERE action_id = %s", given["leased"])


@cheat(executor="DK005")
def begin_after_the_lease(world: World, s: Session, given: Given) -> None:
    w.begin(s, given["lapsed"], 1)


@cheat(executor="DK013")
def begin_twice(world: World, s: Session, given: Given) -> None:
    w.begin(s, given["begun"], 1)


@cheat(executor="AU007")
def begin_unlogged(world: World, s: Session, given: Given) -> None:
    w.hold(s, 1)
    s.run("UPDATE reviews_attempt SET effect_at = now() WHERE action_id = %s", given["leased"])


@cheat(executor="DK013")
def begin_again_without_asking_whether_it_happened(world: World, s: Session, given: Given) -> None:
    w.begin(s, given["unclear_probe"], 2)


@cheat(executor="DK013")
def ask_whether_it_happened_too_early(world: World, s: Session, given: Given) -> None:
    w.hold(s, 2)
    s.run("UPDATE reviews_attempt SET probe = 'not_done' WHERE action_id = %s AND fence = 2", given["unclear_probe"])


@cheat(executor="DK005")
def finish_with_an_old_fence(world: World, s: Session, given: Given) -> None:
    w.hold(s, 0)
    s.run(w.END, "succeeded", given["begun"], 1)


@cheat(executor="DK005")
def finish_with_an_old_fence_and_leave(world: World, s: Session, given: Given) -> None:
    w.hold(s, 0)
    s.run(w.END, "succeeded", given["begun"], 1)
    w.leave(s, given["begun"], 1, "succeeded")


@cheat(executor="DK013")
def succeed_without_having_begun(world: World, s: Session, given: Given) -> None:
    w.finish(s, given["leased"], 1)


@cheat(executor="DK008")
def leave_without_closing_the_attempt(world: World, s: Session, given: Given) -> None:
    w.hold(s, 1)
    w.leave(s, given["begun"], 1, "succeeded")


@cheat(executor="DK013")
def close_the_attempt_and_stay(world: World, s: Session, given: Given) -> None:
    w.hold(s, 1)
    s.run(w.END, "succeeded", given["begun"], 1)


@cheat(executor="DK008")
def retry_a_begun_effect_that_can_happen_only_once(world: World, s: Session, given: Given) -> None:
    w.finish(s, given["begun_mail"], 1, "unclear", to="approved", delay=1)


@cheat(executor="DK008")
def call_a_begun_unclear_effect_failed(world: World, s: Session, given: Given) -> None:
    w.finish(s, given["begun_mail"], 1, "unclear", to="failed")


@cheat(executor="DK005")
def reap_a_lease_that_runs(world: World, s: Session, given: Given) -> None:
    s.run(w.END, "lost", given["begun"], 1)


@cheat(executor="DK005")
def reap_a_lapsed_lease_as_a_success(world: World, s: Session, given: Given) -> None:
    s.run(w.END, "succeeded", given["lapsed"], 1)


@cheat(executor="DK005")
def renew_a_lapsed_lease(world: World, s: Session, given: Given) -> None:
    w.hold(s, 1)
    s.run("UPDATE reviews_action SET lease_until = clock_timestamp() + interval '1 min' WHERE id = %s", given["lapsed"])


@cheat(executor="DK005")
def renew_the_lease_of_another(world: World, s: Session, given: Given) -> None:
    s.run(
        "UPDATE reviews_action SET lease_until = clock_timestamp() + interval '14 min' WHERE id = %s", given["leased"]
    )


@cheat(executor="DK005")
def take_over_a_lease(world: World, s: Session, given: Given) -> None:
    w.hold(s, 1)
    data = events.AttemptLeased(fence=1, worker="thief", digest=bytes(s.action(given["leased"])["digest"]))
    s.move(given["leased"], s.step(EventName.ATTEMPT_LEASED, data, given["leased"]), "worker = 'thief'")


@cheat(executor="DK005")
def read_bytes_that_are_not_leased(world: World, s: Session, given: Given) -> None:
    w.hold(s, 0)
    s.run("SELECT * FROM reviews_leased_body(%s)", given["approved"])


@cheat(executor="DK013")
def change_an_attempt_that_has_ended(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_attempt SET note = 'never mind' WHERE action_id = %s", given["succeeded_mail"])


@cheat(executor=NO_RIGHT, web=NO_RIGHT, router=NO_RIGHT, owner="DK013")
def change_the_key_of_an_attempt(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_attempt SET key = 'another' WHERE action_id = %s", given["leased"])


@cheat(executor="23514")
def return_more_than_the_limit(world: World, s: Session, given: Given) -> None:
    w.hold(s, 1)
    s.run(
        """UPDATE reviews_attempt SET "end" = 'succeeded', ended_at = now(), result = %s WHERE action_id = %s""",
        b"x" * 65_537, given["begun"],
    )  # fmt: skip


@cheat(owner="DK001", rest=NO_RIGHT)
def delete_an_attempt(world: World, s: Session, given: Given) -> None:
    s.run("DELETE FROM reviews_attempt")
