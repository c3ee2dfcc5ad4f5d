"""R14: the record in the field names of draft-sharif-agent-audit-trail, an individual Internet-Draft.

Names and enumerations as its revisions 00 to 06 use them; a draft is work in progress and may have changed.
One record an event of an action or a run; `session_id` is the case. `prev_hash` chains the records of a case
within this file: SHA-256 over the canonical JSON (RFC 8785) of the record before. The log's own proof is its
Merkle tree, in `action_detail`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from audit.canonical import encode
from audit.report import Query, Report
from audit.reports.events import Told, read
from audit.tabular import Column, Line, plain

DENIED = {"rejected", "expired", "withdrawn"}
FAILED = {"failed", "in_doubt"}
# Our events by the draft's kinds of action.
KINDS = {
    "decision.recorded": "decision", "action.routed": "decision", "attempt.begun": "tool_call",
    "attempt.finished": "tool_response", "attempt.retried": "tool_response", "attempt.in_doubt": "error",
    "action.proposed": "tool_call",
}  # fmt: skip
BEFORE = {
    "action.proposed",
    "action.routed",
    "decision.recorded",
    "decision.retracted",
    "attempt.leased",
    "attempt.begun",
}
ONLY = "AND (e.case_id LIKE 'action:%%' OR e.case_id LIKE 'run:%%')"
COLUMNS = (
    Column("record_id", "the event's id", "event"),
    Column("timestamp", "ISO 8601, UTC"),
    Column("agent_id", "the principal, as a URI", "code"),
    Column("agent_version", "as the agent states it; the draft asks for a semantic version"),
    Column("session_id", "the case", "case"),
    Column("action_type", "tool_call, tool_response, decision, error or lifecycle"),
    Column("action_detail", "event, codes, digests, place in the log"),
    Column("outcome", "success, failure, denied, escalated or timeout"),
    Column("trust_level", "always L0: no verification of the agent is asserted"),
    Column("record_phase", "pre_execution or post_execution"),
    Column("parent_record_id", "the event before it in the case"),
    Column("prev_hash", "of the record before it in the case, within this file"),
)


def outcome(told: Told) -> str:
    """The draft's word for how it came out."""
    verdict = told.data.get("verdict")
    if told.name == "action.expired":
        return "timeout"
    if verdict == "escalate" or told.data.get("outcome") == "escalate" or told.name == "action.escalated":
        return "escalated"
    if verdict == "reject" or told.after in DENIED:
        return "denied"
    return "failure" if told.after in FAILED or told.name == "attempt.in_doubt" else "success"


def record(told: Told, agent: tuple[str, str], parent: str | None, prev_hash: str | None) -> dict[str, Any]:
    """One record of the draft, all twelve mandatory fields."""
    detail = {"event": told.name, "actor": told.actor, "data": told.data, "leaf_index": told.leaf_index}
    return {
        "record_id": str(told.id),
        "timestamp": plain(told.at),
        "agent_id": f"urn:assentry:principal:{agent[0] or 'none'}",
        "agent_version": agent[1],
        "session_id": told.case,
        "action_type": KINDS.get(told.name, "lifecycle"),
        "action_detail": detail,
        "outcome": outcome(told),
        "trust_level": "L0",
        "record_phase": "pre_execution" if told.name in BEFORE else "post_execution",
        "parent_record_id": parent,
        "prev_hash": prev_hash,
    }


def _lines(query: Query) -> Iterator[Line]:
    agents: dict[str, tuple[str, str]] = {}
    last: dict[str, tuple[str, str]] = {}
    for told in read(query, None, ONLY):
        data = told.data
        named = data.get("proposer") or data.get("agent") or data.get("principal")
        if named:
            agents[told.case] = (str(named), str(data.get("agent_version") or ""))
        made = record(told, agents.get(told.case, ("", "")), *last.get(told.case, (None, None)))
        last[told.case] = (made["record_id"], hashlib.sha256(encode(made)).hexdigest())
        yield Line(str(told.n), list(made.values()))


R14 = Report(
    id="R14",
    title="Agent Audit Trail",
    question="The record of actions and runs in the field names of an Internet-Draft for agents' audit logs.",
    columns=COLUMNS,
    lines=_lines,
    asks=frozenset({"case"}),
    note="Votes on a case that still waits for another stand here once it is closed. "
    "After draft-sharif-agent-audit-trail (an individual draft, no standard). A record whose case began before "
    "the time asked for names no agent; a chain begins anew in each file.",
)
REPORTS = (R14,)
