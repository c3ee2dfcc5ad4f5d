"""Cheats on what people may decide and how they prove who they are."""

from __future__ import annotations

from typing import Any

from reviews.ids import new_id
from tests.roles import world as w
from tests.roles.cheats import NO_RIGHT, cheat
from tests.roles.world import Session, World

Given = dict[str, Any]


def qualification(s: Session, person: int, by: int, **more: Any) -> None:
    given = {
        "id": new_id(), "user_id": person, "name": "payments", "valid_from": "2026-01-01", "valid_until": "2027-01-01",
        "recorded_by_id": by, "event_id": new_id(), "at": "2026-01-01", **more,
    }  # fmt: skip
    w.insert(s, "reviews_qualification", **given)


@cheat(web="DK012")
def vote_without_the_qualification_that_the_authority_asks_for(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_authority SET qualification = 'payments' WHERE group_id = %s", world["desk"])
    w.just_vote(s, given["pending"], world["ada"])


@cheat(web="DK012")
def vote_above_ones_risk(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_authority SET max_risk = 'low' WHERE group_id = %s", world["desk"])
    w.just_vote(s, given["high"], world["ada"])


@cheat(web="DK012")
def vote_with_an_authority_that_is_over(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_authority SET valid_until = now() WHERE group_id = %s", world["desk"])
    w.just_vote(s, given["pending"], world["ada"])


@cheat(web="AU007", rest=NO_RIGHT)
def qualify_somebody_without_an_event(world: World, s: Session, given: Given) -> None:
    qualification(s, world["ada"], world["lin"])


@cheat(web="23514", rest=NO_RIGHT)
def qualify_oneself(world: World, s: Session, given: Given) -> None:
    qualification(s, world["ada"], world["ada"])


@cheat(web="23514", rest=NO_RIGHT)
def qualify_somebody_until_before_it_begins(world: World, s: Session, given: Given) -> None:
    qualification(s, world["ada"], world["lin"], valid_until="2025-01-01")


@cheat(rest=NO_RIGHT)
def lengthen_a_qualification(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_qualification SET valid_until = valid_until + interval '1 year'")


@cheat(rest=NO_RIGHT)
def remove_what_was_written_about_people(world: World, s: Session, given: Given) -> None:
    s.run("DELETE FROM reviews_absence")


@cheat(web="AU007", rest=NO_RIGHT)
def invite_without_an_event(world: World, s: Session, given: Given) -> None:
    s.run(
        "INSERT INTO reviews_invitation (id, user_id, by_id, event_id, at, expires)"
        " VALUES (%s, %s, %s, %s, now(), now() + interval '7 days')",
        new_id(), world["ada"], world["lin"], new_id(),
    )  # fmt: skip


@cheat(web="DK003")
def invite_for_years(world: World, s: Session, given: Given) -> None:
    w.insert(
        s, "reviews_invitation", id=new_id(), user_id=world["ada"], by_id=world["lin"], event_id=new_id(),
        at="2026-01-01", expires="2090-01-01",
    )  # fmt: skip


@cheat(router=NO_RIGHT, agent=NO_RIGHT, executor=NO_RIGHT, sequencer=NO_RIGHT, auditor=NO_RIGHT)
def read_the_secrets_of_second_factors(world: World, s: Session, given: Given) -> None:
    s.run("SELECT data FROM mfa_authenticator")
