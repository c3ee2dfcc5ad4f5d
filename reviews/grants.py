"""Who may do what with the desk's tables and functions. Pure data; `manage.py provision` applies it.

Nobody has DELETE or TRUNCATE on anything that tells what happened. What a role
may do with a row it can write, the triggers in `sql/` say.
"""

from typing import NamedTuple


class Grant(NamedTuple):
    """`roles`: short names, space separated. `object`: a table, view or function signature."""

    roles: str
    object: str
    privileges: str


BIRTH = (
    "id, type_id, run, proposer_id, requested_by_id, dedup_key, confidence, digest, retry_of_id, reverses_id, "
    "plan_id, plan_step, case_seq, case_head"
)
RUN_BIRTH = "id, type_id, run, dedup_key, confidence, digest, retry_of_id, plan_id, plan_step, case_seq, case_head"
VISIT = (
    "queue_id, question_open, deferred_until, closed_at, prio, breached, due, amount, currency, claimed_by_id, "
    "claimed_until, assignee_id, escalated_to_id, passed_by_id, version"
)
# Column by column, so that an agent cannot name a person as author or a date of its own.
AGENT_REVISION = "id, action_id, number, digest, event_id, created_at, author_id, self_edit"
PULSE = "name, kind, started_at, at, busy_at, note"
READERS = "web router"
RUNNING = "web router agent executor sequencer"

GRANTS: list[Grant] = [
    # The case row: born by who proposes, moved by web, router and executor, each by its own columns.
    Grant("web", "reviews_action", f"SELECT INSERT({BIRTH})"),
    Grant(
        "web",
        "reviews_action",
        "UPDATE(state, revision, digest, outcome, needed, decide_by, valid_until, release_at, case_seq, case_head)",
    ),
    Grant("router", "reviews_action", f"SELECT INSERT({BIRTH})"),
    Grant(
        "router",
        "reviews_action",
        "UPDATE(state, outcome, floors, policy_version, needed, routed_at, decide_by, valid_until, release_at, "
        "case_seq, case_head)",
    ),
    # Not one column to read: states of others, and its own before their release, are no business of an agent.
    Grant("agent", "reviews_action", f"INSERT({RUN_BIRTH})"),
    Grant(
        "executor",
        "reviews_action",
        "SELECT UPDATE(state, fence, lease_until, worker, release_at, case_seq, case_head)",
    ),
    # Visits: the router sees why, web sees the view without it.
    Grant("router", "reviews_item", "SELECT INSERT UPDATE"),
    Grant("web", "reviews_item_desk", f"SELECT UPDATE({VISIT})"),
    Grant("router", "reviews_item_desk", "SELECT"),
    Grant(READERS, "reviews_cube", "SELECT"),
    # Seeded checks: the router knows them; web seeds, decides and is told, each by its function.
    Grant("router", "reviews_canary", "SELECT"),
    Grant(
        READERS,
        "reviews_seed_canary(uuid,uuid,bigint,text,bytea,bytea,uuid,text,jsonb,text,text)",
        "EXECUTE",
    ),
    Grant("web", "reviews_take_verdict(uuid[],bigint,text,jsonb)", "EXECUTE"),
    Grant("web", "reviews_debrief(uuid[])", "EXECUTE"),
    Grant("web", "reviews_checks(text[],integer)", "EXECUTE"),
    Grant("web", "reviews_tag", "SELECT INSERT UPDATE(removed_at, removed_by_id, removed_event)"),
    Grant("router", "reviews_tag", "SELECT"),
    # Bytes and texts.
    Grant(READERS, "reviews_revision", "SELECT"),
    Grant("web", "reviews_revision", "INSERT"),
    Grant("router", "reviews_revision", "INSERT"),
    Grant("agent", "reviews_revision", f"INSERT({AGENT_REVISION})"),
    Grant("executor", "reviews_revision", "SELECT"),
    Grant(READERS, "reviews_revisionbody", "SELECT INSERT"),
    Grant("agent", "reviews_revisionbody", "INSERT"),
    Grant(READERS, "reviews_message", "SELECT INSERT"),
    Grant("agent", "reviews_message", "INSERT"),
    Grant(READERS, "reviews_messagebody", "SELECT INSERT"),
    Grant("agent", "reviews_messagebody", "INSERT"),
    Grant(READERS, "reviews_evidence", "SELECT INSERT"),
    Grant("agent", "reviews_evidence", "INSERT"),
    Grant(READERS, "reviews_evidencebody", "SELECT INSERT"),
    Grant("agent", "reviews_evidencebody", "INSERT"),
    Grant(READERS, "reviews_searchtext", "SELECT INSERT"),
    # Precedents: the keeper finds and keeps them, pages read what was found.
    Grant(READERS, "reviews_precedent", "SELECT"),
    Grant("router", "reviews_precedent", "INSERT"),
    Grant(READERS, "reviews_precedentsearch", "SELECT"),
    Grant("router", "reviews_precedentsearch", "INSERT"),
    Grant("router", "reviews_precedenttext", "SELECT INSERT"),
    Grant("router", "reviews_precedentdue", "SELECT DELETE"),  # a work list: it tells nothing
    Grant("web", "reviews_bindingprecedent", "SELECT INSERT UPDATE(lifted_at, lifted_by_id, lift_reason)"),
    Grant("router", "reviews_bindingprecedent", "SELECT"),
    # Talk. Who follows what is a preference, not a record.
    Grant("web", "reviews_follow", "SELECT INSERT UPDATE(active, seen_message, seen_evidence)"),
    Grant("router", "reviews_follow", "SELECT"),
    Grant("web", "reviews_mention", "SELECT INSERT"),
    Grant("router", "reviews_mention", "SELECT"),
    Grant("web", "reviews_provisionalverdict", "SELECT INSERT"),
    # Votes.
    Grant(READERS, "reviews_decision", "SELECT INSERT"),
    Grant("executor", "reviews_decision", "SELECT"),
    Grant(READERS, "reviews_retraction", "SELECT INSERT"),
    Grant("executor", "reviews_retraction", "SELECT"),
    # Effects.
    Grant(READERS, "reviews_attempt", "SELECT"),
    Grant(
        "executor",
        "reviews_attempt",
        "SELECT INSERT UPDATE(effect_at, ended_at, end, result, note, probe)",
    ),
    Grant(READERS, "reviews_circuit", "SELECT"),
    Grant("executor", "reviews_circuit", "SELECT INSERT UPDATE"),
    # Rules.
    Grant("web", "reviews_stop", "SELECT INSERT UPDATE(lifted_at, lifted_by_id, lift_reason)"),
    Grant("router executor", "reviews_stop", "SELECT"),
    Grant("web", "reviews_actiontype", "SELECT INSERT UPDATE"),
    Grant("router agent executor", "reviews_actiontype", "SELECT"),
    Grant("web", "reviews_principal", "SELECT INSERT UPDATE"),
    Grant("router executor", "reviews_principal", "SELECT"),
    Grant(READERS, "reviews_level", "SELECT INSERT"),
    Grant("web", "reviews_policyversion", "SELECT INSERT"),
    Grant("router", "reviews_policyversion", "SELECT"),
    Grant("web", "reviews_policydraft", "SELECT INSERT UPDATE DELETE"),
    # People. Links between people, groups and queues have no past of their own: the log has it.
    Grant(READERS, "reviews_qualification", "SELECT"),
    Grant("web", "reviews_qualification", "INSERT"),
    Grant(READERS, "reviews_absence", "SELECT"),
    Grant("web", "reviews_absence", "INSERT UPDATE(ended_at)"),
    Grant("web", "reviews_handover", "SELECT INSERT UPDATE(told_at)"),
    Grant("router", "reviews_handover", "SELECT INSERT"),
    Grant(READERS, "reviews_passedon", "SELECT INSERT"),
    Grant("web", "reviews_invitation", "SELECT INSERT UPDATE(used_at, revoked_at)"),
    Grant("web", "reviews_user", "SELECT INSERT UPDATE"),
    Grant("web", "reviews_user_groups", "SELECT INSERT UPDATE DELETE"),
    Grant("web", "reviews_user_user_permissions", "SELECT INSERT UPDATE DELETE"),
    # A person's own views of the queue tell nothing of what happened.
    Grant("web", "reviews_savedview", "SELECT INSERT UPDATE DELETE"),
    Grant("web", "reviews_defaultview", "SELECT INSERT UPDATE DELETE"),
    Grant("web", "reviews_queue", "SELECT INSERT UPDATE"),
    Grant("web", "reviews_reach", "SELECT INSERT UPDATE DELETE"),
    Grant("web", "reviews_authority", "SELECT INSERT UPDATE DELETE"),
    Grant("router", "reviews_user", "SELECT"),
    Grant("router", "reviews_user_groups", "SELECT"),
    Grant("router", "reviews_queue", "SELECT"),
    Grant("router", "reviews_reach", "SELECT"),
    Grant("router", "reviews_authority", "SELECT"),
    # News for people: whoever does something tells it, the keeper sends it. A trigger makes the posting.
    Grant("web", "reviews_notice", "INSERT"),
    Grant("router", "reviews_notice", "SELECT INSERT"),
    Grant("router", "reviews_posting", "SELECT UPDATE(state, tries, next_at, why)"),
    # Pulse.
    Grant(READERS, "reviews_queuestamp", "SELECT INSERT UPDATE"),
    # By column: whoever may write a whole table may also lock it, and the keeper would wait for the lock.
    Grant(RUNNING, "reviews_heartbeat", f"SELECT INSERT({PULSE}) UPDATE({PULSE})"),
    # The start-up check of each process compares the edges with its code.
    Grant(RUNNING, "reviews_action_edge", "SELECT"),
    # Functions: what part of the hidden each role may ask for.
    Grant("agent web router", "reviews_known_proposal(uuid,uuid,bigint,text,text,bytea)", "EXECUTE"),
    Grant("agent web router", "reviews_known_proposal(uuid,uuid,bigint,text,text,bytea,bytea)", "EXECUTE"),
    Grant("agent", "reviews_run_principal(uuid)", "EXECUTE"),
    Grant(READERS, "reviews_run_frame(uuid)", "EXECUTE"),
    Grant("agent", "reviews_lock_own(uuid)", "EXECUTE"),
    Grant("agent", "reviews_agent_touch(uuid,bigint,bytea)", "EXECUTE"),
    Grant("agent", "reviews_agent_withdraw(uuid,bigint,bytea)", "EXECUTE"),
    Grant("agent", "reviews_agent_answer(uuid,uuid,integer,bytea,bigint,bytea)", "EXECUTE"),
    Grant("agent", "reviews_outcomes(uuid,uuid[])", "EXECUTE"),
    Grant("agent", "reviews_expects(uuid)", "EXECUTE"),
    Grant("executor", "reviews_leasable(uuid)", "EXECUTE"),
    Grant("executor", "reviews_exit(uuid)", "EXECUTE"),
    Grant("executor", "reviews_leased_body(uuid)", "EXECUTE"),
    Grant("executor", "reviews_leased_text(uuid)", "EXECUTE"),
    Grant("web router executor", "reviews_unclear(uuid)", "EXECUTE"),
    Grant("web router executor", "reviews_stopped(text,uuid)", "EXECUTE"),
    Grant("web router executor", "reviews_votes(uuid)", "EXECUTE"),
    Grant("router auditor", "reviews_cube_drift()", "EXECUTE"),
    Grant("router", "reviews_cube_rollup()", "EXECUTE"),
    Grant("web", "reviews_erase(uuid,text)", "EXECUTE"),
]
