"""The cube of counts is exact at every moment, and its marks never hide a waiting row."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID

from tests.roles import lives
from tests.roles import world as w
from tests.roles.world import World


def drift(world: World) -> list[dict[str, Any]]:
    with world.session("router") as s:
        return s.run("SELECT * FROM reviews_cube_drift()")


def cube(world: World) -> dict[tuple[str, int, int], int]:
    with world.session("web") as s:
        return {(r["queue"], r["risk"], r["cb"]): r["n"] for r in s.run("SELECT * FROM reviews_cube")}


def roll_up(world: World) -> int:
    with world.session("router") as s:
        return int(s.one("SELECT reviews_cube_rollup() AS folded")["folded"])


def waiting(world: World, confidence: float | None, prio: int) -> UUID:
    action = lives.proposed(world, confidence=confidence)
    with world.session("router") as s:
        item = w.route(s, action)
        s.run("UPDATE reviews_item SET prio = %s WHERE id = %s", prio, item)
    return action


def test_a_visit_counts_in_its_cell_at_once(world: World) -> None:
    before = cube(world)
    waiting(world, 0.5, 5)
    waiting(world, None, 5)
    waiting(world, 1.0, 5)
    after = cube(world)
    changed = {cell: after[cell] - before.get(cell, 0) for cell in after if after[cell] != before.get(cell, 0)}
    assert changed == {("support", 0, 10): 1, ("support", 0, -1): 1, ("support", 0, 19): 1}


def test_counts_stay_exact_while_things_come_go_move_and_are_rolled_up(world: World) -> None:
    dice = random.Random(7)
    actions = [waiting(world, dice.random(), dice.randrange(1000)) for _ in range(12)]
    for number, action in enumerate(actions):
        with world.session("web") as s:
            match number % 4:
                case 0:
                    w.approve(s, action, world["ada"])
                case 1:
                    s.run(
                        "UPDATE reviews_item_desk SET deferred_until = now() + interval '1 h' WHERE action_id = %s",
                        action,
                    )
                case 2:
                    w.just_vote(s, action, world["ada"], "escalate", target_id=world["other"], reason_code="unsure")
                    s.run("UPDATE reviews_item_desk SET queue_id = 'elsewhere', prio = 1 WHERE action_id = %s", action)
                case _:
                    w.reject(s, action, world["ada"], window=600)
        assert drift(world) == []
        if number % 5 == 0:
            assert roll_up(world) > 0
            assert drift(world) == []


def test_a_claim_leaves_no_delta(world: World) -> None:
    action = waiting(world, 0.3, 5)
    roll_up(world)
    with world.session("web") as s:
        s.run("UPDATE reviews_item_desk SET claimed_by_id = %s WHERE action_id = %s", world["ada"], action)
    assert roll_up(world) == 0


def test_no_waiting_row_lies_below_its_cells_mark(world: World) -> None:
    first = waiting(world, 0.72, -50)
    waiting(world, 0.72, -40)
    roll_up(world)
    with world.session("web") as s:
        w.approve(s, first, world["ada"])
    roll_up(world)  # the mark may now rise to the second
    waiting(world, 0.72, -60)  # and must fall again for a more urgent one
    with world.session("auditor") as s:
        hidden = s.run(
            "SELECT i.id FROM reviews_item i"
            " JOIN reviews_cube c ON c.queue = i.queue_id AND c.risk = i.risk_rank AND c.cb = i.cb"
            " WHERE i.waiting AND (i.prio, i.entered) < (c.low, coalesce(c.low_at, '-infinity'))"
        )
        mark = s.one("SELECT low FROM reviews_cube WHERE queue = 'support' AND risk = 0 AND cb = 14")
    assert hidden == []
    assert mark["low"] == -60


def test_an_emptied_cell_is_not_shown(world: World) -> None:
    action = waiting(world, 0.07, 5)
    assert cube(world)["support", 0, 1] == 1
    with world.session("web") as s:
        w.approve(s, action, world["ada"])
    assert ("support", 0, 1) not in cube(world)
    roll_up(world)
    assert ("support", 0, 1) not in cube(world)
