"""Cheats of agents with a real run, and of logins that tell stories: loose events, borrowed names, strange waits."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.test import override_settings

from audit import events
from audit.entries import Actor, Chain, prepare
from audit.events import EventName
from reviews.ids import new_id
from tests.roles import world as w
from tests.roles.cheats import NO_RIGHT, cheat
from tests.roles.cheats_effects import lift, with_stop
from tests.roles.world import Session, World

Given = dict[str, Any]
WITHDRAWN = EventName.ACTION_WITHDRAWN, events.ActionWithdrawn()
BEGUN = EventName.ATTEMPT_BEGUN, events.AttemptBegun(fence=1, worker="w1", digest=bytes(32), key="k")
ESCALATED = EventName.ACTION_ESCALATED, events.ActionEscalated(reason_code="sla_breached", source="support")


def story(
    world: World,
    s: Session,
    case: str,
    name: EventName,
    data: events.EventData,
    actor: Actor,
    commit: dict[str, bytes] | None = None,
) -> Any:
    """The next event of any case, whoever it belongs to."""
    with world.session("auditor") as other:  # a cheat may know what its login cannot read
        tip = other.one("SELECT seq, head FROM audit.tip(%s)", case)
    at = s.one("SELECT clock_timestamp() AS at")["at"]
    with override_settings(DATABASE_ROLE=s.role):
        chain = Chain(case, tip["seq"], bytes(tip["head"]), at)
        entry = prepare(name=name, data=data, chain=chain, actor=actor, commit=commit)
    s.run("INSERT INTO audit.event (leaf) VALUES (%s)", entry.leaf)
    return entry


def robot(world: World) -> Actor:
    return Actor("agent", str(world["robot"]))


@cheat(agent="DK002")
def tell_of_the_action_of_another_group(world: World, s: Session, given: Given) -> None:
    """Its case would have an event that its row does not know: nobody could decide it any more."""
    story(world, s, f"action:{given['strange']}", *WITHDRAWN, robot(world))


@cheat(agent="DK002")
def tell_of_the_action_of_no_run(world: World, s: Session, given: Given) -> None:
    story(world, s, f"action:{given['pending']}", *WITHDRAWN, robot(world))


@cheat(agent="DK002")
def tell_of_the_run_of_another_group(world: World, s: Session, given: Given) -> None:
    data = events.RunFinished(run=str(given["strange_run"]), outcome="finished", steps=0)
    story(world, s, f"run:{given['strange_run']}", EventName.RUN_FINISHED, data, robot(world))


@cheat(agent="AU003")
def tell_of_the_rules(world: World, s: Session, given: Given) -> None:
    story(world, s, "policy:default", *WITHDRAWN, robot(world))


@cheat(executor="AU003")
def tell_of_the_rules_as_the_executor(world: World, s: Session, given: Given) -> None:
    story(world, s, "policy:default", *BEGUN, Actor("system", "w1"))


@cheat(agent="AU003", executor="AU003", router="AU003")
def tell_it_in_the_name_of_a_person(world: World, s: Session, given: Given) -> None:
    name, data = {"agent": WITHDRAWN, "executor": BEGUN, "router": ESCALATED}[s.role]
    story(world, s, f"action:{given['own_pending']}", name, data, Actor("human", "psn_ada"))


@cheat(agent="AU003")
def tell_it_in_the_name_of_another_agent(world: World, s: Session, given: Given) -> None:
    action, salt = given["own_pending"], bytes(32)
    row = s.one("SELECT case_seq, last_message AS n FROM reviews_lock_own(%s)", action)
    body = json.dumps({"text": "I agree"}).encode()
    made = w.digest(salt, body)
    data = events.EvidenceAdded(number=1, digest=made)
    entry = story(world, s, f"action:{action}", EventName.EVIDENCE_ADDED, data, Actor("agent", str(world["stranger"])))
    s.run("SELECT reviews_agent_touch(%s, %s, %s)", action, row["case_seq"] + 1, entry.hash)


@cheat(agent="AU007", executor="AU007", router="AU007")
def tell_what_the_row_does_not_know(world: World, s: Session, given: Given) -> None:
    name, data = {"agent": WITHDRAWN, "executor": BEGUN, "router": ESCALATED}[s.role]
    actor = robot(world) if s.role == "agent" else Actor("system", "w1")
    story(world, s, f"action:{given['own_pending']}", name, data, actor)


def _birth_event(world: World, action: UUID) -> UUID:
    with world.session("auditor") as s:
        return s.one("SELECT event_id FROM reviews_revision WHERE action_id = %s AND number = 1", action)["event_id"]  # type: ignore[no-any-return]


@cheat(agent="AU007")
def bring_evidence_that_no_event_commits_to(world: World, s: Session, given: Given) -> None:
    action, made, salt = given["own"], new_id(), bytes(32)
    w.insert(
        s, "reviews_evidence", id=made, action_id=action, number=1, kind="text", title="t", source="", conflict=False,
        digest=w.digest(salt, b"x"), event_id=_birth_event(world, action),
    )  # fmt: skip
    w.insert(s, "reviews_evidencebody", evidence_id=made, salt=salt, scheme=0, body=b"x")


@cheat(agent="AU007")
def give_a_reason_that_no_event_commits_to(world: World, s: Session, given: Given) -> None:
    action, made, salt = given["own"], new_id(), bytes(32)
    body = json.dumps({"text": "approved by the board"}).encode()
    w.insert(
        s, "reviews_message", id=made, action_id=action, number=1, kind="reasoning", digest=w.digest(salt, body),
        event_id=_birth_event(world, action),
    )  # fmt: skip
    w.insert(s, "reviews_messagebody", message_id=made, salt=salt, scheme=0, body=body)


@cheat(agent="AU006")
def store_a_text_unchecked_under_another_scheme(world: World, s: Session, given: Given) -> None:
    action = given["own_pending"]
    entry = story(world, s, f"action:{action}", *WITHDRAWN, robot(world), commit={"reason": bytes(32)})
    w.insert(s, "audit.content", event_id=entry.id, field="reason", salt=bytes(32), scheme=1, body=b"something else")


@cheat(agent=NO_RIGHT)
def read_what_becomes_of_the_actions_of_others(world: World, s: Session, given: Given) -> None:
    s.run("SELECT id, state FROM reviews_action")


@cheat(agent=NO_RIGHT)
def ask_the_log_what_was_decided(world: World, s: Session, given: Given) -> None:
    s.run("SELECT audit.attests(%s, 2, %s, 'pending', 'approved')", f"action:{given['pending']}", bytes(32))


@cheat(agent="AG003")
def wait_for_the_action_of_others(world: World, s: Session, given: Given) -> None:
    """Waiting locks what is waited for, and tells whether it has come."""
    fence = s.one("SELECT fence FROM agents_lease(ARRAY['robot'], ARRAY['1'], 'w', 900, %s)", given["idle_run"])[
        "fence"
    ]
    waiting = json.dumps({"mode": "any", "on": [str(given["rejected"])], "asked": False, "seen": []})
    s.run("SELECT agents_park(%s, %s, %s, NULL)", given["idle_run"], fence, waiting)


@cheat(agent="DK002")
def go_on_as_a_second_run_without_ending_the_first(world: World, s: Session, given: Given) -> None:
    """Each would have a frame of its own to use up."""
    fence = s.one("SELECT fence FROM agents_lease(ARRAY['robot'], ARRAY['1'], 'w', 900, %s)", given["idle_run"])[
        "fence"
    ]
    following = new_id()
    data = events.RunStarted(run=str(following), agent="robot")
    at = s.one("SELECT clock_timestamp() AS at")["at"]
    with override_settings(DATABASE_ROLE="agent"):
        entry = prepare(
            name=EventName.RUN_STARTED, data=data, chain=Chain(f"run:{following}", 0, bytes(32), at),
            actor=robot(world), change=(None, "open"),
        )  # fmt: skip
    s.run("SELECT agents_continue(%s, %s, %s, '{}', %s)", given["idle_run"], fence, following, entry.hash)
    s.run("INSERT INTO audit.event (leaf) VALUES (%s)", entry.leaf)


@cheat(agent="DK002", executor="DK002", web="DK002")
def pretend_that_the_keeper_lives(world: World, s: Session, given: Given) -> None:
    s.run(
        "INSERT INTO reviews_heartbeat (name, kind, started_at, at, note)"
        " VALUES ('keeper@h:1', 'keeper', now(), now(), '')"
    )


@cheat(router="DK016")
def invent_a_proposal_and_approve_it(world: World, s: Session, given: Given) -> None:
    """What the router gives birth to was seeded, and is carried out by nobody."""
    action = w.propose(s, "note.add", proposer_id=world["robot"])
    w.policy_approve(s, action)


@cheat(executor="DK009")
def lease_with_a_snapshot_from_before_the_stop(world: World, s: Session, given: Given) -> None:
    s.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    s.run("SELECT 1 FROM reviews_stop")
    with_stop(world, "all")
    try:
        w.lease(s, given["approved"])
    finally:
        lift(world)


@cheat(agent=NO_RIGHT, executor=NO_RIGHT, auditor=NO_RIGHT)
def hold_the_lock_of_whoever_leads(world: World, s: Session, given: Given) -> None:
    """No keeper would lead, and nothing would be routed any more."""
    s.run("SELECT pg_try_advisory_lock(1)")


@cheat(agent="DK002", web="DK002")
def try_again_what_another_agent_proposed(world: World, s: Session, given: Given) -> None:
    columns = {"run": given["run"]} if s.role == "agent" else {"proposer_id": world["robot"]}
    w.propose(s, "note.add", retry_of_id=given["strange_rejected"], **columns)


@cheat(rest=NO_RIGHT)
def lock_the_signs_of_life(world: World, s: Session, given: Given) -> None:
    """The keeper writes its own between two sweeps, and would wait."""
    s.run("LOCK TABLE reviews_heartbeat IN ACCESS EXCLUSIVE MODE")
