"""Every cheat, as every login that must be refused, with the code that names why; and nothing changed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from tests.roles import (
    cheats_agents,
    cheats_births,
    cheats_effects,
    cheats_people,
    cheats_rules,
    cheats_states,
    cheats_talk,
    cheats_votes,
)
from tests.roles.cheats import REGISTER as CHEATS
from tests.roles.cheats import Cheat, cases, refusal
from tests.roles.world import World

assert all((cheats_agents, cheats_births, cheats_effects, cheats_people, cheats_rules))
assert all((cheats_states, cheats_talk, cheats_votes))

WHOLE = ("action", "item", "attempt")
COUNTED = ("decision", "retraction", "revision", "revisionbody", "message", "evidence", "level", "action_edge", "user")
ROWS = "SELECT {} (SELECT count(*) FROM audit.event) AS events, (SELECT count(*) FROM audit.login) AS logins".format(
    "".join(f"(SELECT md5(string_agg(x::text, '|' ORDER BY x.id)) FROM reviews_{name} x) AS {name}, " for name in WHOLE)
    + "".join(f'(SELECT count(*) FROM reviews_{name}) AS "{name}", ' for name in COUNTED)
    + "(SELECT count(*) FROM reviews_stop WHERE lifted_at IS NULL) AS stops,"
)


def rows(world: World) -> object:
    s = world.signed_in("auditor")
    found = s.run(ROWS)
    s.connection.rollback()
    return found


@pytest.mark.parametrize(("cheat", "role", "code"), list(cases(CHEATS)))
def test_a_cheat_is_refused(world: World, given: dict[str, Any], cheat: Cheat, role: str, code: str) -> None:
    before = rows(world)
    assert refusal(world, role, cheat.attack, given) == code
    assert rows(world) == before


def test_there_are_at_least_forty_cheats_and_every_login_tries_some() -> None:
    assert len({one.name for one in CHEATS}) == len(CHEATS) >= 40
    tried = Counter(role for one in CHEATS for role in one.refused)
    assert set(tried) >= {"web", "router", "agent", "executor", "sequencer", "auditor", "owner"}
    assert min(tried.values()) >= 10
