"""What cheats are played on: one action per situation, committed once, never changed because every cheat fails."""

from __future__ import annotations

import time
from typing import Any
from uuid import UUID

from django.test import override_settings

from audit import events
from audit.entries import Actor, Chain, prepare
from audit.events import EventName
from reviews.ids import new_id
from tests.roles import lives
from tests.roles import world as w
from tests.roles.world import Session, World


def build(world: World) -> dict[str, Any]:
    made: dict[str, Any] = {}
    _open(world, made)
    _decided(world, made)
    _working(world, made)
    _runs(world, made)
    return made


def _open(world: World, made: dict[str, Any]) -> None:
    made["proposed"] = lives.proposed(world)
    made["proposed_mail"] = lives.proposed(world, "mail.send")
    made["proposed_critical"] = lives.proposed(world, "plant.stop")
    made["proposed_files"] = lives.proposed(world, "files.delete")
    made["by_person"] = lives.proposed(world, requested_by_id=world["ada"])
    made["pending"] = lives.pending(world)
    made["item"] = _item(world, made["pending"])
    made["other_pending"] = lives.pending(world)
    made["other_item"] = _item(world, made["other_pending"])
    made["high"] = lives.pending(world, "files.delete")
    made["slow"] = lives.pending(world, "slow.undo")
    made["canary"] = lives.pending(world, purpose="canary")
    made["two"] = lives.pending(world, outcome="two_person_review", needed=2)
    made["asked"] = lives.pending(world)
    made["asked_by_ada"] = made["by_person"]
    with world.session("router") as s:
        w.route(s, made["by_person"])
    with world.session("web") as s:
        made["vote_of_ada"] = w.just_vote(s, made["two"], world["ada"])
        w.just_vote(s, made["two"], world["lin"], "escalate", target_id=world["other"], reason_code="unsure")
        made["question"] = w.ask(s, made["asked"], world["ada"])
    made["edited"] = lives.pending(world)
    made["voted_then_edited"] = lives.pending(world, outcome="two_person_review", needed=2)
    with world.session("web") as s:
        w.edit(s, made["edited"], world["ada"])
        w.just_vote(s, made["voted_then_edited"], world["ada"])
        w.edit(s, made["voted_then_edited"], world["lin"])
    made["retracted"] = lives.pending(world, outcome="two_person_review", needed=2)
    with world.session("web") as s:
        w.just_vote(s, made["retracted"], world["grace"])
        taken = w.just_vote(s, made["retracted"], world["ada"])
        w.retract(s, taken, world["ada"], made["retracted"], reopen=False)


def _item(world: World, action: UUID) -> UUID:
    with world.session("auditor") as s:
        return s.one("SELECT id FROM reviews_item WHERE action_id = %s", action)["id"]  # type: ignore[no-any-return]


def _decided(world: World, made: dict[str, Any]) -> None:
    made["approved"] = lives.approved(world)
    made["approved_mail"] = lives.approved(world, "mail.send")
    made["window"] = lives.approved(world, window=3600)
    made["policy"] = lives.by_policy(world)
    made["rejected"] = lives.rejected(world)
    made["rejected_window"] = lives.rejected(world, window=3600)
    made["short"] = lives.pending(world)
    with world.session("web") as s:  # lapses at once
        _, entry = w.vote(s, made["short"], world["ada"], to="approved")
        s.move(
            made["short"], entry, "state = 'approved', release_at = clock_timestamp(),"
            " valid_until = clock_timestamp() + interval '1 s'",
        )  # fmt: skip
        s.run(w.CLOSE_ITEM, made["short"])
    made["by_gone"] = lives.pending(world)
    _with_gone(world, made["by_gone"])
    for name in ("window", "rejected_window", "policy", "approved"):
        made[f"vote_{name}"] = _vote(world, made[name])


def _with_gone(world: World, action: UUID) -> None:
    """Approved by somebody whose account was closed afterwards."""
    with world.session("web") as s:
        s.run("UPDATE reviews_user SET is_active = true WHERE id = %s", world["gone"])
        w.approve(s, action, world["gone"])
    with world.session("web") as s:
        s.run("UPDATE reviews_user SET is_active = false WHERE id = %s", world["gone"])


def _vote(world: World, action: UUID) -> UUID:
    with world.session("auditor") as s:
        return s.one("SELECT id FROM reviews_decision WHERE action_id = %s", action)["id"]  # type: ignore[no-any-return]


def _working(world: World, made: dict[str, Any]) -> None:
    made["leased"] = lives.leased(world)
    made["leased_mail"] = lives.leased(world, "mail.send")
    made["begun"] = lives.begun(world)
    made["begun_mail"] = lives.begun(world, "mail.send")
    made["lapsed"] = lives.leased(world, seconds=1)
    made["succeeded"] = lives.ended(world)
    made["succeeded_mail"] = lives.ended(world, "mail.send")
    made["in_doubt"] = lives.ended(world, "mail.send", "unclear")
    made["unclear"] = lives.ended(world, "note.add", "unclear")  # approved again, may have happened
    made["unclear_probe"] = lives.lease_again(world, lives.ended(world, "order.place", "unclear"))
    made["reversing"] = _reversal(world, made["succeeded"])
    time.sleep(1.05)  # what was to lapse has lapsed


def _reversal(world: World, original: UUID) -> UUID:
    reversal = lives.proposed(world, requested_by_id=world["ada"], reverses_id=original)
    with world.session("router") as s:
        w.route(s, reversal)
    with world.session("web") as s:
        w.approve(s, reversal, world["ada"])
    lives.lease_again(world, reversal)
    with world.session("executor") as s:
        w.begin(s, reversal, 1)
    return reversal


def _runs(world: World, made: dict[str, Any]) -> None:
    """A running run of this login's group with an action, and one whose agent has moved to another group."""
    for name in ("run", "strange_run"):
        made[name] = start_run(world, world["robot" if name == "run" else "stranger"])
    made["own"] = _in_run(world, made["run"])
    made["strange_rejected"] = _rejected_of(world, world["stranger"])
    made["idle_run"] = start_run(world, world["robot"])
    with world.session("web") as s:
        s.run("""UPDATE reviews_principal SET "group" = 'main' WHERE id = %s""", world["stranger"])
    made["strange"] = _in_run(world, made["strange_run"])
    with world.session("web") as s:
        s.run("""UPDATE reviews_principal SET "group" = 'other' WHERE id = %s""", world["stranger"])
    made["own_pending"] = _in_run(world, made["run"])
    with world.session("router") as s:
        w.route(s, made["own_pending"])
    with world.session("web") as s:
        made["own_question"] = w.ask(s, made["own_pending"], world["ada"])


def _rejected_of(world: World, principal: UUID) -> UUID:
    with world.session("web") as s:
        action = w.propose(s, "note.add", proposer_id=principal)
    with world.session("router") as s:
        w.route(s, action)
    with world.session("web") as s:
        w.reject(s, action, world["ada"])
    return action


def start_run(world: World, principal: UUID) -> UUID:
    run = new_id()
    with world.session("web") as s:
        name = s.one("SELECT name FROM reviews_principal WHERE id = %s", principal)["name"]
        at = s.one("SELECT clock_timestamp() AS at")["at"]
        with override_settings(DATABASE_ROLE="web"):
            entry = prepare(
                name=EventName.RUN_STARTED, data=events.RunStarted(run=str(run), agent=name), change=(None, "open"),
                chain=Chain(f"run:{run}", 0, bytes(32), at), actor=Actor("system", "tests"),
            )  # fmt: skip
        s.run("INSERT INTO audit.event (leaf) VALUES (%s)", entry.leaf)
        w.insert(
            s, "agents_run", id=run, agent_id=principal, agent_version="1", wake_at=at, case_seq=1, case_head=entry.hash
        )
    return run


def _in_run(world: World, run: UUID) -> UUID:
    with world.session("agent") as s:
        s.run("SELECT agents_lease(ARRAY['robot', 'stranger'], ARRAY['1', '1'], 'w', 900, %s)", run)
        return propose_in_run(s, run)


def propose_in_run(s: Session, run: UUID, **columns: Any) -> UUID:
    return w.propose(s, "note.add", run=run, **columns)
