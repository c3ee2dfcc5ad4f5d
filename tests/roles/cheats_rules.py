"""Cheats on the walls themselves: rules, rights, triggers, functions, names; and on what a login may read."""

from __future__ import annotations

from typing import Any

from reviews.ids import new_id
from tests.roles import world as w
from tests.roles.cheats import NO_RIGHT, cheat
from tests.roles.cheats_effects import lift, with_stop
from tests.roles.cheats_states import DATES, push
from tests.roles.world import Session, World

Given = dict[str, Any]
KEPT = (
    "action",
    "decision",
    "revision",
    "revisionbody",
    "message",
    "evidence",
    "item",
    "attempt",
    "policyversion",
    "level",
    "stop",
)


def _truncate(table: str) -> None:
    def attack(world: World, s: Session, given: Given) -> None:
        s.run(f"TRUNCATE reviews_{table} CASCADE")

    attack.__name__ = f"truncate_{table}"
    cheat(owner="DK001", rest=NO_RIGHT)(attack)


for _table in KEPT:
    _truncate(_table)


@cheat(owner="DK001", rest=NO_RIGHT)
def delete_an_action(world: World, s: Session, given: Given) -> None:
    s.run("DELETE FROM reviews_action WHERE id = %s", given["pending"])


@cheat(owner="DK001", rest=NO_RIGHT)
def delete_a_visit(world: World, s: Session, given: Given) -> None:
    s.run("DELETE FROM reviews_item WHERE id = %s", given["item"])


@cheat(rest=NO_RIGHT)
def switch_a_trigger_off(world: World, s: Session, given: Given) -> None:
    s.run("ALTER TABLE reviews_action DISABLE TRIGGER reviews_action_changes")


@cheat(rest=NO_RIGHT)
def switch_all_triggers_off(world: World, s: Session, given: Given) -> None:
    s.run("ALTER TABLE reviews_decision DISABLE TRIGGER ALL")


@cheat(rest=NO_RIGHT)
def drop_a_trigger(world: World, s: Session, given: Given) -> None:
    s.run("DROP TRIGGER reviews_action_changes ON reviews_action")


@cheat(rest=NO_RIGHT)
def pretend_to_be_a_replica(world: World, s: Session, given: Given) -> None:
    s.run("SET session_replication_role = replica")


@cheat(rest=NO_RIGHT)
def replace_a_function(world: World, s: Session, given: Given) -> None:
    s.run(
        "CREATE OR REPLACE FUNCTION public.reviews_stopped(of_type text, of_proposer uuid) RETURNS boolean"
        " LANGUAGE sql AS 'SELECT false'"
    )


@cheat(rest=NO_RIGHT)
def drop_a_function(world: World, s: Session, given: Given) -> None:
    s.run("DROP FUNCTION reviews_action_changes() CASCADE")


@cheat(rest=NO_RIGHT)
def make_a_function_of_ones_own(world: World, s: Session, given: Given) -> None:
    s.run("CREATE FUNCTION public.always(text, text) RETURNS boolean LANGUAGE sql AS 'SELECT false'")


@cheat(rest=NO_RIGHT)
def make_a_schema_to_shadow_from(world: World, s: Session, given: Given) -> None:
    s.run("CREATE SCHEMA evil")


@cheat(rest=NO_RIGHT)
def make_a_temporary_table_that_shadows(world: World, s: Session, given: Given) -> None:
    s.run("CREATE TEMPORARY TABLE reviews_stop (lifted_at timestamptz)")


@cheat(rest=NO_RIGHT)
def make_a_rule_that_swallows_writes(world: World, s: Session, given: Given) -> None:
    s.run("CREATE RULE nothing AS ON INSERT TO reviews_decision DO INSTEAD NOTHING")


@cheat(rest=NO_RIGHT)
def alter_a_table(world: World, s: Session, given: Given) -> None:
    s.run("ALTER TABLE reviews_action ALTER COLUMN state TYPE text USING 'approved'")


@cheat(rest=NO_RIGHT)
def drop_a_constraint(world: World, s: Session, given: Given) -> None:
    s.run("ALTER TABLE reviews_decision DROP CONSTRAINT decision_via")


@cheat(rest=NO_RIGHT)
def become_the_owner(world: World, s: Session, given: Given) -> None:
    s.run('SET ROLE "assentry_owner"')


@cheat(rest=NO_RIGHT)
def sign_on_as_somebody_else(world: World, s: Session, given: Given) -> None:
    s.run('SET SESSION AUTHORIZATION "assentry_owner"')


@cheat(rest=NO_RIGHT)
def give_oneself_rights(world: World, s: Session, given: Given) -> None:
    s.run('GRANT "assentry_owner" TO "assentry_web"')


@cheat(rest=NO_RIGHT)
def make_a_login(world: World, s: Session, given: Given) -> None:
    s.run("CREATE ROLE intruder LOGIN SUPERUSER")


@cheat(rest=NO_RIGHT)
def change_the_password_of_another_login(world: World, s: Session, given: Given) -> None:
    s.run("ALTER ROLE assentry_owner PASSWORD 'x'")


@cheat(rest=NO_RIGHT)
def add_an_edge(world: World, s: Session, given: Given) -> None:
    s.run("INSERT INTO reviews_action_edge VALUES ('proposed', 'succeeded', '{web,router,agent,executor}')")


@cheat(rest=NO_RIGHT)
def change_who_one_is(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE audit.login SET role = 'web'")


@cheat(rest=NO_RIGHT)
def write_the_counts(world: World, s: Session, given: Given) -> None:
    s.run("INSERT INTO reviews_pending_delta (queue, risk, cb, dn) VALUES ('support', 0, 0, 1000)")


@cheat(rest=NO_RIGHT)
def run_a_program_on_the_server(world: World, s: Session, given: Given) -> None:
    s.run("COPY (SELECT 1) TO PROGRAM 'true'")


@cheat(rest=NO_RIGHT)
def read_a_file_of_the_server(world: World, s: Session, given: Given) -> None:
    s.run("SELECT pg_read_file('postgresql.conf')")


@cheat(web="DK006")
def look_for_operators_somewhere_else(world: World, s: Session, given: Given) -> None:
    """A schema before every other one where `>=` is always true and `<>` never: the functions do not look there."""
    s.run("SET search_path = lies, public, pg_catalog")
    assert s.one("SELECT 0 >= 1 AS ge, 'a'::text <> 'b'::text AS ne") == {"ge": True, "ne": False}
    push(s, given["pending"], "approved", DATES)


@cheat(executor="DK020")
def look_for_no_stop_somewhere_else(world: World, s: Session, given: Given) -> None:
    with_stop(world, "all")
    try:
        s.run("SET search_path = lies, public, pg_catalog")
        w.lease(s, given["approved"])
    finally:
        lift(world)


@cheat(agent=NO_RIGHT, sequencer=NO_RIGHT)
def read_the_bytes_of_actions(world: World, s: Session, given: Given) -> None:
    s.run("SELECT body FROM reviews_revisionbody")


@cheat(executor=NO_RIGHT)
def read_bytes_without_a_lease(world: World, s: Session, given: Given) -> None:
    s.run("SELECT body FROM reviews_revisionbody")


@cheat(web=NO_RIGHT, agent=NO_RIGHT, executor=NO_RIGHT, sequencer=NO_RIGHT)
def read_why_something_is_in_the_queue(world: World, s: Session, given: Given) -> None:
    s.run("SELECT purpose FROM reviews_item")


@cheat(web="42703")
def read_the_purpose_through_the_view(world: World, s: Session, given: Given) -> None:
    s.run("SELECT purpose FROM reviews_item_desk")


@cheat(agent=NO_RIGHT, sequencer=NO_RIGHT)
def read_votes(world: World, s: Session, given: Given) -> None:
    s.run("SELECT * FROM reviews_decision")


@cheat(agent=NO_RIGHT)
def read_the_confidence_of_others(world: World, s: Session, given: Given) -> None:
    s.run("SELECT confidence, risk FROM reviews_action")


@cheat(agent=NO_RIGHT, executor=NO_RIGHT, sequencer=NO_RIGHT)
def read_people(world: World, s: Session, given: Given) -> None:
    s.run("SELECT * FROM reviews_user")


@cheat(web=NO_RIGHT, router=NO_RIGHT, executor=NO_RIGHT, sequencer=NO_RIGHT, auditor=NO_RIGHT)
def act_through_the_functions_of_agents(world: World, s: Session, given: Given) -> None:
    s.run("SELECT reviews_agent_withdraw(%s, 3, %s)", given["own"], bytes(32))


@cheat(rest=NO_RIGHT)
def ask_the_inner_functions(world: World, s: Session, given: Given) -> None:
    s.run("SELECT reviews_reaches(1, 'support')")


@cheat(router=NO_RIGHT, agent=NO_RIGHT, executor=NO_RIGHT, auditor=NO_RIGHT)
def erase_with_another_login(world: World, s: Session, given: Given) -> None:
    s.run("SELECT reviews_erase(%s, 'payload')", new_id())


@cheat(web="DK001")
def erase_what_is_not_over(world: World, s: Session, given: Given) -> None:
    event = s.one("SELECT event_id FROM reviews_revision WHERE action_id = %s", given["pending"])["event_id"]
    s.run("SELECT reviews_erase(%s, 'payload')", event)


@cheat(web="AU007")
def erase_unlogged(world: World, s: Session, given: Given) -> None:
    event = s.one("SELECT event_id FROM reviews_revision WHERE action_id = %s", given["succeeded_mail"])["event_id"]
    s.run("SELECT reviews_erase(%s, 'payload')", event)


@cheat(web="DK003")
def hide_what_is_pending(world: World, s: Session, given: Given) -> None:
    s.run(w.CLOSE_ITEM, given["pending"])


@cheat(web="DK003")
def move_a_visit_without_escalating(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_item_desk SET queue_id = 'elsewhere' WHERE id = %s", given["item"])


@cheat(web=NO_RIGHT, executor=NO_RIGHT, agent=NO_RIGHT)
def change_what_a_visit_is_about(world: World, s: Session, given: Given) -> None:
    view = "reviews_item_desk" if s.role == "web" else "reviews_item"
    s.run(f"UPDATE {view} SET action_id = %s, risk = 'low' WHERE id = %s", given["other_pending"], given["item"])


@cheat(router="DK003")
def change_what_a_visit_is_about_as_the_router(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_item SET purpose = 'qa' WHERE id = %s", given["item"])


@cheat(web=NO_RIGHT, agent=NO_RIGHT, executor=NO_RIGHT)
def bring_something_into_the_queue(world: World, s: Session, given: Given) -> None:
    table = "reviews_item_desk" if s.role == "web" else "reviews_item"
    w.insert(s, table, id=new_id(), action_id=given["proposed"], queue_id="support", prio=1)


@cheat(router="23505")
def queue_something_twice(world: World, s: Session, given: Given) -> None:
    w.visit(s, given["pending"])


@cheat(web="23514")
def go_below_the_floor_of_a_type(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_actiontype SET risk = 'low' WHERE name = 'files.delete'")


@cheat(router=NO_RIGHT, agent=NO_RIGHT, executor=NO_RIGHT, auditor=NO_RIGHT)
def change_a_type_with_another_login(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_actiontype SET risk = 'low', undo_window = 0")


@cheat(router="DK003")
def give_autonomy_as_the_keeper(world: World, s: Session, given: Given) -> None:
    _level(world, s, "L3")


def _level(world: World, s: Session, level: str, days: int = 30) -> None:
    s.run(
        "INSERT INTO reviews_level"
        " (id, principal_id, version, action_type_id, level, hand_set, reason, by_id, at, expires)"
        " VALUES (%s, %s, '1', 'note.add', %s, true, 'because', %s, now(), now() + make_interval(days => %s))",
        new_id(), world["robot"], level, world["lin"], days,
    )  # fmt: skip


@cheat(web="23514")
def give_autonomy_for_a_year(world: World, s: Session, given: Given) -> None:
    _level(world, s, "L2", days=365)


@cheat(owner="DK001", rest=NO_RIGHT)
def raise_a_level_in_place(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_level SET level = 'L4'")


@cheat(owner="DK001", rest=NO_RIGHT)
def rewrite_a_policy(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_policyversion SET document = '{}'")


@cheat(router=NO_RIGHT, agent=NO_RIGHT, executor=NO_RIGHT, auditor=NO_RIGHT)
def publish_a_policy_with_another_login(world: World, s: Session, given: Given) -> None:
    w.insert(s, "reviews_policyversion", number=9, document="{}", digest=bytes(32), reason="mine", at="now")


@cheat(web="DK003")
def lift_a_stop_without_a_reason(world: World, s: Session, given: Given) -> None:
    made = w.stop(s, world["lin"])
    s.run("UPDATE reviews_stop SET lifted_at = now(), lifted_by_id = %s WHERE id = %s", world["lin"], made)


@cheat(router=NO_RIGHT, agent=NO_RIGHT, executor=NO_RIGHT, sequencer=NO_RIGHT, auditor=NO_RIGHT)
def lift_a_stop_with_another_login(world: World, s: Session, given: Given) -> None:
    s.run("UPDATE reviews_stop SET lifted_at = now()")


@cheat(owner="DK001", rest=NO_RIGHT)
def delete_a_stop(world: World, s: Session, given: Given) -> None:
    s.run("DELETE FROM reviews_stop")


@cheat(router=NO_RIGHT, agent=NO_RIGHT, executor=NO_RIGHT, auditor=NO_RIGHT)
def widen_a_reach_with_another_login(world: World, s: Session, given: Given) -> None:
    w.insert(s, "reviews_reach", group_id=world["other"], queue_id="support")
