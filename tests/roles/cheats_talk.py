"""Cheats on precedents, files, mentions and what somebody thought first."""

from __future__ import annotations

from typing import Any

from tests.roles import world as w
from tests.roles.cheats import NO_RIGHT, cheat
from tests.roles.world import Session, World

Given = dict[str, Any]


def _text(s: Session, action: Any, verdict: str = "approve", kind: str = "note.add") -> None:
    w.insert(
        s, "reviews_precedenttext", action_id=action, action_type_id=kind, revision=1, verdict=verdict, words="x",
        context="", fields="{}", currency="",
    )  # fmt: skip


@cheat(router="DK003", rest=NO_RIGHT)
def make_a_precedent_of_what_still_waits(world: World, s: Session, given: Given) -> None:
    _text(s, given["pending"])


@cheat(router="DK003")
def make_a_precedent_of_what_policy_decided(world: World, s: Session, given: Given) -> None:
    _text(s, given["policy"])


@cheat(router="DK003")
def make_a_precedent_before_its_undo_window_is_over(world: World, s: Session, given: Given) -> None:
    _text(s, given["window"])


@cheat(router="DK003")
def turn_a_verdict_round_in_its_precedent(world: World, s: Session, given: Given) -> None:
    _text(s, given["rejected"], "approve")


@cheat(router=NO_RIGHT, rest=NO_RIGHT)
def rewrite_what_a_precedent_is_found_by(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_precedenttext SET words = 'other'")


@cheat(router=NO_RIGHT, rest=NO_RIGHT)
def rank_precedents_anew(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_precedent SET similarity = 1")


@cheat(web=NO_RIGHT, agent=NO_RIGHT, executor=NO_RIGHT, sequencer=NO_RIGHT, auditor=NO_RIGHT)
def add_a_precedent_of_ones_own(world: World, s: Session, given: Given) -> None:
    s.run(
        "INSERT INTO reviews_precedent (search_id, place, action_id, similarity) VALUES (1, 1, %s, 1)", given["policy"]
    )


def _bind(world: World, s: Session, action: Any, days: int = 30, kind: str = "note.add") -> None:
    s.run(
        "INSERT INTO reviews_bindingprecedent (id, action_id, action_type_id, note, by_id, at, expires, lift_reason)"
        " VALUES (gen_random_uuid(), %s, %s, 'because', %s, now(), now() + make_interval(days => %s), '')",
        action, kind, world["lin"], days,
    )  # fmt: skip


@cheat(web="DK003", rest=NO_RIGHT)
def hold_up_a_case_that_waits(world: World, s: Session, given: Given) -> None:
    _bind(world, s, given["pending"])


@cheat(web="DK003")
def hold_a_case_up_for_ever(world: World, s: Session, given: Given) -> None:
    _bind(world, s, given["rejected"], days=4_000)


@cheat(web="DK003")
def hold_a_case_up_for_another_type(world: World, s: Session, given: Given) -> None:
    _bind(world, s, given["rejected"], kind="mail.send")


@cheat(web=NO_RIGHT)
def make_a_binding_precedent_last_longer(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_bindingprecedent SET expires = expires + interval '1 year'")


@cheat(web=NO_RIGHT, rest=NO_RIGHT)
def forget_who_was_mentioned(world: World, s: Session, given: Given) -> None:
    s.run("DELETE FROM reviews_mention")


@cheat(web=NO_RIGHT, rest=NO_RIGHT)
def change_what_somebody_thought_first(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_provisionalverdict SET verdict = 'approve'")


@cheat(router=NO_RIGHT, agent=NO_RIGHT, executor=NO_RIGHT, sequencer=NO_RIGHT)
def read_what_somebody_thought_first(world: World, s: Session, given: Given) -> None:
    s.run("SELECT verdict FROM reviews_provisionalverdict")


def _tell(s: Session, who: Any, kind: str = "digest") -> None:
    s.run("INSERT INTO reviews_notice (user_id, kind, mark) VALUES (%s, %s, '2026-01-01')", who, kind)


@cheat(agent=NO_RIGHT, executor=NO_RIGHT, sequencer=NO_RIGHT, auditor=NO_RIGHT)
def write_to_people_in_the_desks_name(world: World, s: Session, given: Given) -> None:
    _tell(s, world["lin"])


@cheat(web=NO_RIGHT, agent=NO_RIGHT, executor=NO_RIGHT, sequencer=NO_RIGHT)
def read_who_was_told_of_what(world: World, s: Session, given: Given) -> None:
    s.run("SELECT user_id, kind FROM reviews_notice")


@cheat(router="DK003", rest=NO_RIGHT)
def have_a_notice_sent_twice(world: World, s: Session, given: Given) -> None:
    if s.role == "router":
        _tell(s, world["lin"])
        s.run("UPDATE reviews_posting SET state = 'taken', tries = tries + 1")
        s.run("UPDATE reviews_posting SET state = 'sent'")
    s.run("UPDATE reviews_posting SET state = 'waiting'")


@cheat(router=NO_RIGHT, rest=NO_RIGHT)
def forget_what_people_were_told(world: World, s: Session, given: Given) -> None:
    s.run("DELETE FROM reviews_notice")
