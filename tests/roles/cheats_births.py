"""Cheats at birth: lying about what an action is, who proposes it, and for whom."""

from __future__ import annotations

from typing import Any

from reviews.ids import new_id
from tests.roles import world as w
from tests.roles.cheats import NO_RIGHT, cheat
from tests.roles.targets import propose_in_run
from tests.roles.world import Session, World

Given = dict[str, Any]


def lie(world: World, s: Session, given: Given, **columns: object) -> None:
    """A proposal as this login makes it, with one value more than it may name."""
    if s.role == "agent":
        w.propose(s, "files.delete", run=given["run"], **columns)
    else:
        w.propose(s, "files.delete", proposer_id=world["robot"], **columns)


@cheat(web=NO_RIGHT, router=NO_RIGHT, agent=NO_RIGHT)
def say_that_the_risk_is_low(world: World, s: Session, given: Given) -> None:
    lie(world, s, given, risk="low")


@cheat(web=NO_RIGHT, router=NO_RIGHT, agent=NO_RIGHT)
def say_that_it_can_be_undone(world: World, s: Session, given: Given) -> None:
    lie(world, s, given, reversibility="reversible", effect_mode="idempotent")


@cheat(web=NO_RIGHT, router=NO_RIGHT, agent=NO_RIGHT)
def name_another_owner(world: World, s: Session, given: Given) -> None:
    lie(world, s, given, owner_id=world["mallory"])


@cheat(web=NO_RIGHT, router=NO_RIGHT, agent=NO_RIGHT)
def ask_for_fewer_votes_at_birth(world: World, s: Session, given: Given) -> None:
    lie(world, s, given, needed=1)


@cheat(web=NO_RIGHT, router=NO_RIGHT, agent=NO_RIGHT)
def be_born_approved(world: World, s: Session, given: Given) -> None:
    lie(world, s, given, state="approved")


@cheat(web=NO_RIGHT, router=NO_RIGHT, agent=NO_RIGHT)
def be_born_with_a_past(world: World, s: Session, given: Given) -> None:
    lie(world, s, given, outcome="auto_execute", policy_version=1, fence=3)


@cheat(executor=NO_RIGHT, sequencer=NO_RIGHT, auditor=NO_RIGHT, owner="DK002")
def propose_with_a_login_that_proposes_nothing(world: World, s: Session, given: Given) -> None:
    w.insert(
        s, "reviews_action", id=new_id(), type_id="note.add", proposer_id=world["robot"], dedup_key="x",
        digest=bytes(32), case_seq=1, case_head=bytes(32),
    )  # fmt: skip


@cheat(owner="DK002")
def lie_past_the_grants(world: World, s: Session, given: Given) -> None:
    """Owner holds every right; the trigger refuses all the same."""
    w.insert(
        s, "reviews_action", id=new_id(), type_id="files.delete", proposer_id=world["robot"], dedup_key="x",
        digest=bytes(32), case_seq=1, case_head=bytes(32), risk="low",
    )  # fmt: skip


@cheat(agent="DK002")
def propose_in_the_run_of_another_group(world: World, s: Session, given: Given) -> None:
    propose_in_run(s, given["strange_run"])


@cheat(agent="DK002")
def propose_in_a_run_that_does_not_exist(world: World, s: Session, given: Given) -> None:
    propose_in_run(s, new_id())


@cheat(agent="DK002")
def propose_in_no_run(world: World, s: Session, given: Given) -> None:
    w.propose(s, "note.add")


@cheat(agent=NO_RIGHT)
def propose_as_another_agent(world: World, s: Session, given: Given) -> None:
    w.propose(s, "note.add", proposer_id=world["stranger"])


@cheat(agent=NO_RIGHT)
def propose_as_a_person(world: World, s: Session, given: Given) -> None:
    w.propose(s, "note.add", requested_by_id=world["ada"])


@cheat(web="DK002", router="DK002")
def propose_in_the_run_of_an_agent(world: World, s: Session, given: Given) -> None:
    w.propose(s, "note.add", run=given["run"])


@cheat(router="DK002")
def propose_in_the_name_of_a_person(world: World, s: Session, given: Given) -> None:
    w.propose(s, "note.add", requested_by_id=world["ada"])


@cheat(web="DK002", router="DK002")
def propose_as_two_at_once(world: World, s: Session, given: Given) -> None:
    w.propose(s, "note.add", proposer_id=world["robot"], requested_by_id=world["ada"])


@cheat(web="DK002")
def propose_with_a_closed_account(world: World, s: Session, given: Given) -> None:
    w.propose(s, "note.add", requested_by_id=world["gone"])


@cheat(web="DK002", router="DK002", agent="DK002")
def propose_an_unknown_type(world: World, s: Session, given: Given) -> None:
    columns = {"run": given["run"]} if s.role == "agent" else {"proposer_id": world["robot"]}
    w.propose(s, "no.such.type", **columns)


@cheat(web="DK002", agent="DK002")
def try_again_what_still_lives(world: World, s: Session, given: Given) -> None:
    columns = {"run": given["run"]} if s.role == "agent" else {"proposer_id": world["robot"]}
    w.propose(s, "note.add", retry_of_id=given["pending"], **columns)


@cheat(web="DK018")
def reverse_what_did_not_happen(world: World, s: Session, given: Given) -> None:
    w.propose(s, "note.add", requested_by_id=world["ada"], reverses_id=given["approved"])


@cheat(web="DK018")
def reverse_what_has_no_way_back(world: World, s: Session, given: Given) -> None:
    w.propose(s, "mail.send", requested_by_id=world["ada"], reverses_id=given["succeeded_mail"])


@cheat(web="DK018", router="DK018")
def reverse_as_a_program(world: World, s: Session, given: Given) -> None:
    w.propose(s, "note.add", proposer_id=world["robot"], reverses_id=given["succeeded"])


@cheat(web="23505")
def reverse_twice(world: World, s: Session, given: Given) -> None:
    w.propose(s, "note.add", requested_by_id=world["grace"], reverses_id=given["succeeded"])


@cheat(web="23505", agent="23505")
def use_a_key_twice(world: World, s: Session, given: Given) -> None:
    columns = {"run": given["run"]} if s.role == "agent" else {"proposer_id": world["robot"]}
    w.propose(s, "note.add", key="twice", **columns)
    w.propose(s, "note.add", key="twice", **columns)


@cheat(web="DK014", agent="DK014")
def use_a_key_for_other_bytes(world: World, s: Session, given: Given) -> None:
    columns = {"run": given["run"]} if s.role == "agent" else {"proposer_id": world["robot"]}
    w.propose(s, "note.add", key="mine", **columns)
    s.run(
        "SELECT reviews_known_proposal(%s, %s, NULL, 'mine', 'note.add', 'other bytes')",
        columns.get("run"), columns.get("proposer_id"),
    )  # fmt: skip


@cheat(web="23514", router="23514", agent="23514")
def be_surer_than_sure(world: World, s: Session, given: Given) -> None:
    columns = {"run": given["run"]} if s.role == "agent" else {"proposer_id": world["robot"]}
    w.propose(s, "note.add", confidence=1.5, **columns)


@cheat(web="23514", router="23514", agent="23514")
def be_sure_to_the_degree_of_nan(world: World, s: Session, given: Given) -> None:
    columns = {"run": given["run"]} if s.role == "agent" else {"proposer_id": world["robot"]}
    w.propose(s, "note.add", confidence=float("nan"), **columns)


@cheat(web="AU007", router="AU007", agent="AU007")
def be_born_unlogged(world: World, s: Session, given: Given) -> None:
    action = new_id()
    columns = {"run": given["run"]} if s.role == "agent" else {"proposer_id": world["robot"]}
    salt, body = w.body_of(x=1)
    w.insert(
        s, "reviews_action", id=action, type_id="note.add", dedup_key="x", digest=w.digest(salt, body), case_seq=1,
        case_head=bytes(range(32)), **columns,
    )  # fmt: skip
    revision = new_id()
    w.insert(
        s, "reviews_revision", id=revision, action_id=action, number=1, digest=w.digest(salt, body), event_id=new_id()
    )
    w.insert(s, "reviews_revisionbody", revision_id=revision, salt=salt, scheme=0, body=body)


@cheat(web="DK004", agent="AU007")
def be_born_without_bytes(world: World, s: Session, given: Given) -> None:
    action, made = new_id(), bytes(range(32))
    columns = {"run": given["run"]} if s.role == "agent" else {"proposer_id": world["robot"]}
    entry = w.birth(s, "note.add", action, made)
    w.insert(
        s, "reviews_action", id=action, type_id="note.add", dedup_key="x", digest=made, case_seq=1,
        case_head=entry.hash, **columns,
    )  # fmt: skip


@cheat(web="23514", router="23514", agent="23514")
def bring_an_artefact_above_the_limit(world: World, s: Session, given: Given) -> None:
    columns = {"run": given["run"]} if s.role == "agent" else {"proposer_id": world["robot"]}
    action, evidence = w.propose(s, "note.add", **columns), new_id()
    salt, body = bytes(32), b"x" * (1024 * 1024 + 1)
    w.insert(
        s, "reviews_evidence", id=evidence, action_id=action, number=1, kind="text", title="t", source="",
        conflict=False, digest=w.digest(salt, body), event_id=new_id(),
    )  # fmt: skip
    w.insert(s, "reviews_evidencebody", evidence_id=evidence, salt=salt, scheme=0, body=body)


@cheat(agent="DK002")
def add_evidence_to_the_action_of_another_group(world: World, s: Session, given: Given) -> None:
    w.insert(
        s, "reviews_evidence", id=new_id(), action_id=given["strange"], number=1, kind="text", title="t", source="",
        conflict=False, digest=bytes(32), event_id=new_id(),
    )  # fmt: skip


@cheat(agent="DK002")
def add_evidence_to_an_action_of_no_run(world: World, s: Session, given: Given) -> None:
    w.insert(
        s, "reviews_evidence", id=new_id(), action_id=given["pending"], number=1, kind="text", title="t", source="",
        conflict=False, digest=bytes(32), event_id=new_id(),
    )  # fmt: skip


@cheat(agent="DK002")
def withdraw_the_action_of_another_group(world: World, s: Session, given: Given) -> None:
    s.run("SELECT reviews_agent_withdraw(%s, 3, %s)", given["strange"], bytes(32))


@cheat(agent="DK002")
def lock_the_action_of_another_group(world: World, s: Session, given: Given) -> None:
    s.run("SELECT * FROM reviews_lock_own(%s)", given["strange"])


@cheat(agent="DK002")
def read_the_outcomes_of_another_group(world: World, s: Session, given: Given) -> None:
    s.run("SELECT * FROM reviews_outcomes(%s)", given["strange_run"])


@cheat(agent="DK010")
def answer_a_question_that_nobody_asked(world: World, s: Session, given: Given) -> None:
    s.run("SELECT reviews_agent_answer(%s, %s, 1, %s, 9, %s)", given["own_pending"], new_id(), bytes(32), bytes(32))


@cheat(agent="AU007")
def withdraw_unlogged(world: World, s: Session, given: Given) -> None:
    row = s.one("SELECT case_seq FROM reviews_lock_own(%s)", given["own_pending"])
    s.run("SELECT reviews_agent_withdraw(%s, %s, %s)", given["own_pending"], row["case_seq"] + 1, bytes(range(32)))
