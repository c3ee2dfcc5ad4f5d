"""Who may do what in schema `audit`. Pure data; `manage.py provision` and the start-up check read it.

No line gives anybody UPDATE, DELETE or TRUNCATE of events: there is nobody who may.
"""

from typing import NamedTuple


class Grant(NamedTuple):
    """`roles`: short names, space separated. `object`: a schema, table, view or function signature."""

    roles: str
    object: str
    privileges: str


EVERYBODY = "web router agent executor sequencer auditor"
WRITERS = "web router agent executor"
READERS = "web router sequencer auditor"

GRANTS: list[Grant] = [
    Grant(EVERYBODY, "SCHEMA audit", "USAGE"),
    # Who am I: triggers and services of all apps ask it.
    Grant(EVERYBODY, "audit.role()", "EXECUTE"),
    Grant(EVERYBODY, "audit.is_role(text[])", "EXECUTE"),
    Grant(EVERYBODY, "audit.b64(bytea)", "EXECUTE"),
    # Who asks these of a case learns what became of it; triggers ask them as the owner.
    Grant(READERS, "audit.attests(text,bigint,bytea,text,text,bigint)", "EXECUTE"),
    Grant(READERS, "audit.has_event(uuid,text,text)", "EXECUTE"),
    Grant(READERS, "audit.committed(uuid,text)", "EXECUTE"),
    Grant(READERS, "audit.attests_erasure(uuid,text)", "EXECUTE"),
    Grant(READERS, "audit.tip(text)", "EXECUTE"),
    Grant(EVERYBODY, "audit.health()", "EXECUTE"),
    # Writers give one column; agents and executors cannot read back even their own events.
    Grant(WRITERS, "audit.event", "INSERT(leaf)"),
    Grant(WRITERS, "audit.content", "INSERT"),
    # web reads through a view that hides open canaries and draws.
    Grant("web", "audit.event_web", "SELECT"),
    Grant("web", "audit.content", "SELECT"),
    Grant("web", "audit.leaf", "SELECT"),
    Grant("web", "audit.head", "SELECT"),
    Grant("web", "audit.checkpoint", "SELECT"),
    Grant("web", "audit.job", "SELECT INSERT"),
    # Receipts are signed by who decides or routes; agents see theirs through functions that look at who asks.
    Grant("web router", "audit.receipt", "SELECT INSERT(event_id, note)"),
    Grant("web router", "audit.receipt_key", "SELECT INSERT(vkey, role)"),
    Grant("auditor", "audit.receipt", "SELECT"),
    Grant("sequencer auditor", "audit.receipt_key", "SELECT"),
    Grant(READERS, "audit.receipts(text)", "EXECUTE"),
    # The process that carries checkpoints outside has the sequencer's login, and not its key.
    Grant("sequencer", "audit.anchor", "SELECT INSERT UPDATE DELETE"),
    Grant("sequencer", "audit.signature", "SELECT INSERT(size, signer, line)"),
    Grant("sequencer", "audit.timestamp", "SELECT INSERT(size, authority, note, token)"),
    Grant("web router auditor", "audit.anchor", "SELECT"),
    Grant("web router auditor", "audit.signature", "SELECT"),
    Grant("web router auditor", "audit.timestamp", "SELECT"),
    Grant("web", "audit.erase(uuid,text)", "EXECUTE"),
    # The keeper watches, reconciles and carries out jobs.
    Grant("router", "audit.event", "SELECT"),
    Grant("router", "audit.event_web", "SELECT"),
    Grant("router", "audit.event_name", "SELECT"),
    Grant("router", "audit.pending", "SELECT"),
    Grant("router", "audit.leaf", "SELECT"),
    Grant("router", "audit.head", "SELECT"),
    Grant("router", "audit.checkpoint", "SELECT"),
    Grant("router", "audit.content", "SELECT"),
    Grant("router", "audit.job", "SELECT INSERT UPDATE"),
    # The sequencer alone gives places in the tree and signs.
    Grant("sequencer", "audit.event", "SELECT INSERT(leaf)"),
    Grant("sequencer", "audit.event_name", "SELECT"),
    Grant("sequencer", "audit.content", "INSERT"),
    Grant("sequencer", "audit.pending", "SELECT DELETE"),
    Grant("sequencer", "audit.leaf", "SELECT INSERT"),
    Grant("sequencer", "audit.head", "SELECT UPDATE(size, frontier)"),
    Grant("sequencer", "audit.checkpoint", "SELECT INSERT UPDATE(signature)"),
    # Readers of events see rows by a policy: an open canary or draw is not for web.
    Grant("web", "audit.event", "SELECT"),
    Grant(READERS, "audit.sees_all()", "EXECUTE"),
    Grant(READERS, "audit.is_closed(text,text)", "EXECUTE"),
    # Search: the keeper fills it, web reads it.
    Grant("web router", "audit.search", "SELECT"),
    Grant("router", "audit.index_next(integer)", "EXECUTE"),
    Grant("router", "audit.index_words(bigint[],text[])", "EXECUTE"),
    # Holds and periods.
    Grant("web router", "audit.hold", "SELECT"),
    Grant("web router auditor", "audit.retention", "SELECT"),
    # Pruning takes two: web says what goes, and cannot delete; the keeper deletes what a signed event names.
    Grant("web", "audit.set_period(text,integer)", "EXECUTE"),
    Grant("router", "audit.prune(uuid)", "EXECUTE"),
    Grant("web router auditor", "audit.pruning(bigint,text[])", "EXECUTE"),
    Grant("web router auditor", "audit.prune_limit(text[])", "EXECUTE"),
    Grant("web router auditor", "audit.prune_plan(bigint,text[])", "EXECUTE"),
    Grant("web router auditor", "audit.prune_kept(text[])", "EXECUTE"),
    Grant("web router auditor", "audit.may_be_pruned(text)", "EXECUTE"),
    Grant(READERS, "audit.carried_out", "SELECT"),
    Grant("web router auditor", "audit.pruned_case", "SELECT"),
    Grant("web", "audit.event_name", "SELECT"),
    Grant("web router auditor", "audit.retention_class(text)", "EXECUTE"),
    Grant("web router auditor", "audit.held(text)", "EXECUTE"),
    Grant("web", "audit.place_hold(uuid,text,text,uuid)", "EXECUTE"),
    Grant("web", "audit.lift_hold(uuid,uuid)", "EXECUTE"),
    Grant("web", "audit.identity_kept_until(text,timestamp with time zone)", "EXECUTE"),
    Grant("web router", "audit.subject", "SELECT"),
    # Sealing: writers learn public keys; who opens also needs the master key, which lies in a file.
    Grant(WRITERS, "audit.name_subject(text,bytea)", "EXECUTE"),
    Grant(WRITERS, "audit.subject_of(text)", "EXECUTE"),
    Grant(WRITERS, "audit.sealing_key(bytea)", "EXECUTE"),  # of processes from before a key knew its case
    Grant(WRITERS, "audit.sealing_key(bytea,text)", "EXECUTE"),
    Grant(WRITERS, "audit.standing_key(text,bytea)", "EXECUTE"),
    Grant("web router executor", "audit.opening_keys(uuid[])", "EXECUTE"),
    Grant("web router", "audit.seal_key", "SELECT INSERT"),
    Grant("web", "audit.erase_key(bytea)", "EXECUTE"),
    Grant("web", "audit.sealed_by(bytea)", "EXECUTE"),
    # The auditor reads everything.
    Grant("auditor", "audit.event", "SELECT"),
    Grant("auditor", "audit.event_web", "SELECT"),
    Grant("auditor", "audit.event_name", "SELECT"),
    Grant("auditor", "audit.pending", "SELECT"),
    Grant("auditor", "audit.leaf", "SELECT"),
    Grant("auditor", "audit.head", "SELECT"),
    Grant("auditor", "audit.checkpoint", "SELECT"),
    Grant("auditor", "audit.content", "SELECT"),
    Grant("auditor", "audit.job", "SELECT"),
    Grant("auditor", "audit.login", "SELECT"),
]
