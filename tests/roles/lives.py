"""Actions in the states that tests want, each made by the logins that make it in production, and committed."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from tests.roles import world as w
from tests.roles.world import World


def proposed(world: World, kind: str = "note.add", **how: Any) -> UUID:
    with world.session("web") as s:
        return w.propose(s, kind, **({"proposer_id": world["robot"]} if "requested_by_id" not in how else {}), **how)


def pending(world: World, kind: str = "note.add", **how: Any) -> UUID:
    action = proposed(world, kind)
    with world.session("router") as s:
        w.route(s, action, **how)
    return action


def approved(world: World, kind: str = "note.add", window: float = 0, by: str = "ada") -> UUID:
    action = pending(world, kind)
    with world.session("web") as s:
        w.approve(s, action, world[by], window=window)
    return action


def rejected(world: World, window: float = 0) -> UUID:
    action = pending(world)
    with world.session("web") as s:
        w.reject(s, action, world["ada"], window=window)
    return action


def by_policy(world: World) -> UUID:
    action = proposed(world)
    with world.session("router") as s:
        w.policy_approve(s, action)
    return action


def leased(world: World, kind: str = "note.add", seconds: float = 600) -> UUID:
    return lease_again(world, approved(world, kind), seconds)


def lease_again(world: World, action: UUID, seconds: float = 600) -> UUID:
    with world.session("executor") as s:
        w.lease(s, action, seconds=seconds)
    return action


def begun(world: World, kind: str = "note.add", seconds: float = 600) -> UUID:
    action = leased(world, kind, seconds)
    with world.session("executor") as s:
        w.begin(s, action, fence(world, action))
    return action


def ended(world: World, kind: str = "note.add", end: str = "succeeded") -> UUID:
    action = begun(world, kind)
    with world.session("executor") as s:
        w.finish(s, action, fence(world, action), end)
    return action


def fence(world: World, action: UUID) -> int:
    return int(row(world, action)["fence"])


def row(world: World, action: UUID) -> dict[str, Any]:
    with world.session("auditor") as s:
        return s.one("SELECT * FROM reviews_action WHERE id = %s", action)


def state(world: World, action: UUID) -> str:
    return str(row(world, action)["state"])
