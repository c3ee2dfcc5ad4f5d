"""What the logins do by design: every way through the table of edges, with plain SQL."""

from __future__ import annotations

import pytest

from tests.roles import world as w
from tests.roles.world import World


def born(world: World, kind: str = "note.add"):
    with world.session("web") as s:
        return w.propose(s, kind, proposer_id=world["robot"])


def pending(world: World, kind: str = "note.add", **how: object):
    action = born(world, kind)
    with world.session("router") as s:
        w.route(s, action, **how)  # type: ignore[arg-type]
    return action


def approved(world: World, kind: str = "note.add", window: float = 0):
    action = pending(world, kind)
    with world.session("web") as s:
        w.approve(s, action, world["ada"], window=window)
    return action


def state(world: World, action: object) -> str:
    with world.session("auditor") as s:
        return s.one("SELECT state FROM reviews_action WHERE id = %s", action)["state"]


def test_an_action_goes_from_proposal_to_success(world: World) -> None:
    action = approved(world)
    with world.session("executor") as s:
        fence = w.lease(s, action)
    with world.session("executor") as s:
        w.begin(s, action, fence)
    with world.session("executor") as s:
        w.finish(s, action, fence)
    assert state(world, action) == "succeeded"
