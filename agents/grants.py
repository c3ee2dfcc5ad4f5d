"""Who may do what with runs. Agent logins hold functions only, each of which looks at their group."""

from typing import NamedTuple


class Grant(NamedTuple):
    roles: str
    object: str
    privileges: str


_AGENT_FUNCTIONS = (
    "agents_lease(text[],text[],text,double precision,uuid)",
    "agents_read_journal(uuid,bigint)",
    "agents_append(uuid,bigint,integer,text,text,bytea,bytea)",
    "agents_renew(uuid,bigint)",
    "agents_give_back(uuid,bigint)",
    "agents_park(uuid,bigint,jsonb,timestamp with time zone)",
    "agents_close(uuid,bigint,text,bytea,text,jsonb,bigint,bytea)",
    "agents_child(uuid,bigint,uuid,text,jsonb,text,bytea)",
    "agents_continue(uuid,bigint,uuid,jsonb,bytea)",
    "agents_continue(uuid,bigint,uuid,jsonb,text,bytea)",
    "agents_outcomes(uuid,bigint,uuid[])",
    "agents_child_outcomes(uuid,bigint,uuid[])",
    "agents_known_sources(uuid,text[])",
    "agents_rule_records(uuid,text[])",
    "agents_receipts(uuid,bigint,uuid)",
    "agents_decision_receipts(uuid,bigint,uuid[])",
)

GRANTS: list[Grant] = [
    Grant("web", "agents_agent", "SELECT INSERT UPDATE(schema, starts)"),
    Grant("agent executor router", "agents_agent", "SELECT"),
    Grant("web", "agents_run", "SELECT INSERT UPDATE(state, finished_at, lease_until, wake_at, case_seq, case_head)"),
    Grant("router", "agents_run", "SELECT INSERT"),
    Grant("web router", "agents_journal", "SELECT"),
    Grant("web", "agents_erase(uuid)", "EXECUTE"),
    Grant("web", "agents_held(uuid)", "EXECUTE"),
    Grant("web", "agents_copy_journal(uuid,uuid,integer)", "EXECUTE"),
    Grant("router", "agents_wake(integer)", "EXECUTE"),
    *(Grant("agent", function, "EXECUTE") for function in _AGENT_FUNCTIONS),
]
