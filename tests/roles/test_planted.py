"""Planted bugs: with one part of the gate taken out the same cheat goes through, so the tests above can fail.

Each takes the part out inside the attacker's own transaction (as owner, then switching the session to
the attacker, which only a superuser may) and rolls it all back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from tests import cluster
from tests.roles import cheats_effects, cheats_states, cheats_votes
from tests.roles.cheats import Attack, refusal
from tests.roles.world import Session, World

Given = dict[str, Any]


def function(name: str, arguments: str, result: str, body: str) -> str:
    return (
        f"CREATE OR REPLACE FUNCTION {name}({arguments}) RETURNS {result} LANGUAGE sql SECURITY DEFINER"
        f" SET search_path = pg_catalog, public, pg_temp AS $$ {body} $$"
    )


def nothing(name: str, arguments: str) -> str:
    """The check of this name, without what it checks."""
    return (
        f"CREATE OR REPLACE FUNCTION {name}({arguments}) RETURNS void LANGUAGE plpgsql SECURITY DEFINER"
        " SET search_path = pg_catalog, public, pg_temp AS 'BEGIN END'"
    )


ACTION = "a reviews_action"
PLANTED: list[tuple[str, Attack, str, list[str]]] = [
    (
        "approve without a vote", cheats_states.approve_without_a_vote, "web",
        [function("reviews_people_approved", "a reviews_action, entitled boolean", "boolean", "SELECT true")],
    ),
    (
        "a vote not bound to the digest", cheats_votes.vote_on_the_digest_of_another_action, "web",
        [
            nothing("reviews_check_seen", "d reviews_decision, a reviews_action"),
        ],
    ),
    (
        "own edit approved without self_edit", cheats_votes.vote_on_ones_own_edit, "web",
        [function("reviews_partial", "a reviews_action, person bigint", "text", "SELECT NULL::text")],
    ),
    (
        "a retracted vote counts", cheats_states.approve_with_a_vote_that_was_taken_back, "web",
        [
            function(
                "reviews_count_votes", "a reviews_action, entitled boolean", "integer",
                "SELECT count(*)::integer FROM reviews_decision d WHERE d.action_id = a.id AND d.verdict = 'approve'",
            )
        ],
    ),
    (
        "the event is forgotten", cheats_votes.vote_without_an_event, "web",
        ["DROP TRIGGER reviews_decision_event ON reviews_decision"],
    ),
    (
        "begin under a stop", cheats_effects.begin_under_a_stop, "executor",
        [
            nothing("reviews_demand_no_stop", "of_type text, of_proposer uuid"),
        ],
    ),
    (
        "lease before release", cheats_effects.lease_before_release, "executor",
        [function("reviews_lease_refusal", ACTION, "text", "SELECT NULL::text")],
    ),
    (
        "finish ignores the fence", cheats_effects.finish_with_an_old_fence_and_leave, "executor",
        [function("reviews_holds", ACTION, "boolean", "SELECT true")],
    ),
    (
        "a begun once effect is retried", cheats_effects.retry_a_begun_effect_that_can_happen_only_once, "executor",
        [function("reviews_exit", "target uuid", "text", "SELECT 'approved'")],
    ),
    (
        "policy approves what it may not", cheats_states.let_critical_risk_run_under_watch, "router",
        [function("reviews_policy_may", ACTION, "boolean", "SELECT true")],
    ),
    (
        "undo after release", cheats_votes.take_back_after_release, "web",
        [
            "ALTER TABLE reviews_retraction DISABLE TRIGGER reviews_retraction_made",
            nothing("reviews_check_undo", "o reviews_action"),
        ],
    ),
    (
        "a reversal leaves its original", cheats_states.reverse_and_leave_the_original_as_it_was, "executor",
        [
            nothing("reviews_check_rest", "o reviews_action, n reviews_action"),
        ],
    ),
]  # fmt: skip


def with_the_part_taken_out(world: World, role: str, attack: Attack, given: Given, statements: list[str]) -> str | None:
    """The SQLSTATE of the attack against a gate with a hole; None if it goes through to its deferred checks."""
    with psycopg.connect(cluster.server().superuser_url(world.database), row_factory=dict_row) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.execute(f'SET LOCAL SESSION AUTHORIZATION "assentry_{role}"')
        try:
            attack(world, Session(connection, role), given)
            connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        except psycopg.Error as error:
            return f"{error.sqlstate}: {error}"
        finally:
            connection.rollback()
    return None


@pytest.mark.slow
@pytest.mark.parametrize(("bug", "attack", "role", "statements"), PLANTED, ids=[name for name, *_ in PLANTED])
def test_a_planted_bug_is_caught(
    world: World, given: Given, bug: str, attack: Callable[..., None], role: str, statements: list[str]
) -> None:
    assert refusal(world, role, attack, given) is not None
    assert with_the_part_taken_out(world, role, attack, given, statements) is None, bug
