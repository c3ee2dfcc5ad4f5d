"""Every name an event can have, and who may write it. Names are never reused."""

from enum import StrEnum


class EventName(StrEnum):
    """What can happen. The value is what stands in the leaf."""

    ACTION_PROPOSED = "action.proposed"
    ACTION_WITHDRAWN = "action.withdrawn"
    EVIDENCE_ADDED = "evidence.added"
    QUESTION_ANSWERED = "question.answered"
    ACTION_ROUTED = "action.routed"
    DECISION_RECORDED = "decision.recorded"
    DECISION_RETRACTED = "decision.retracted"
    QUESTION_CLOSED = "question.closed"
    ACTION_EXPIRED = "action.expired"
    ACTION_ESCALATED = "action.escalated"
    AUDIT_VERIFIED = "audit.verified"
    LEVEL_LAPSED = "level.lapsed"
    ATTEMPT_LEASED = "attempt.leased"
    ATTEMPT_BEGUN = "attempt.begun"
    ATTEMPT_FINISHED = "attempt.finished"
    ATTEMPT_RETRIED = "attempt.retried"
    ATTEMPT_IN_DOUBT = "attempt.in_doubt"
    ACTION_REVERSED = "action.reversed"
    RUN_STARTED = "run.started"
    RUN_FINISHED = "run.finished"
    RUN_BLOCKED = "run.blocked"
    RUN_FORKED = "run.forked"
    RUN_CANCELLED = "run.cancelled"
    CERTIFICATE_ISSUED = "certificate.issued"
    CERTIFICATE_REVOKED = "certificate.revoked"
    SAMPLE_DRAWN = "sample.drawn"
    SAMPLE_GRADED = "sample.graded"
    CANARY_SEEDED = "canary.seeded"
    CANARY_SCORED = "canary.scored"
    DRIFT_RAISED = "drift.raised"
    INCIDENT_OPENED = "incident.opened"
    INCIDENT_CLOSED = "incident.closed"
    STOP_PLACED = "stop.placed"
    STOP_LIFTED = "stop.lifted"
    ACTION_EDITED = "action.edited"
    ACTION_DEFERRED = "action.deferred"
    ACTION_ASSIGNED = "action.assigned"
    ACTION_TAGGED = "action.tagged"
    MESSAGE_POSTED = "message.posted"
    ATTEMPT_SETTLED = "attempt.settled"
    REGISTRY_SYNCED = "registry.synced"
    PRINCIPAL_REGISTERED = "principal.registered"
    PRINCIPAL_CHANGED = "principal.changed"
    PRINCIPAL_RETIRED = "principal.retired"
    ACTION_TYPE_REGISTERED = "action_type.registered"
    ACTION_TYPE_CHANGED = "action_type.changed"
    QUEUE_CHANGED = "queue.changed"
    ACCOUNT_CHANGED = "account.changed"
    LEVEL_SET = "level.set"
    POLICY_PUBLISHED = "policy.published"
    ROLE_GRANTED = "role.granted"
    ROLE_REVOKED = "role.revoked"
    QUALIFICATION_RECORDED = "qualification.recorded"
    DELEGATION_GRANTED = "delegation.granted"
    DELEGATION_REVOKED = "delegation.revoked"
    TOKEN_CREATED = "token.created"
    TOKEN_CHANGED = "token.changed"
    TOKEN_ROTATED = "token.rotated"
    TOKEN_REVOKED = "token.revoked"
    AUTH_SIGNED_IN = "auth.signed_in"
    AUTH_REFUSED = "auth.refused"
    AUTH_STEPPED_UP = "auth.stepped_up"
    AUDIT_SEARCHED = "audit.searched"
    AUDIT_EXPORTED = "audit.exported"
    CONTENT_OPENED = "content.opened"
    PRIVACY_ERASED = "privacy.erased"
    PRIVACY_KEYS_ERASED = "privacy.keys_erased"
    PRIVACY_MASTER_CHANGED = "privacy.master_changed"
    HOLD_PLACED = "hold.placed"
    HOLD_LIFTED = "hold.lifted"
    RETENTION_PRUNED = "retention.pruned"
    RETENTION_CHANGED = "retention.changed"
    LOG_CREATED = "log.created"
    LOG_KEY_ADDED = "log.key_added"
    LOG_KEY_RETIRED = "log.key_retired"
    LOG_ALARM = "log.alarm"
    LOG_ONE_ROLE = "log.one_role"
    LOG_JOURNEY_PROFILE = "log.journey_profile"


def _names(*names: str) -> frozenset[EventName]:
    return frozenset(EventName(name) for name in names)


_PROPOSING = _names("action.proposed", "action.withdrawn", "evidence.added", "question.answered", "run.started")
_ROUTING = _names(
    "action.routed", "action.assigned", "decision.recorded", "decision.retracted", "question.closed", "run.started",
    "certificate.issued", "certificate.revoked", "sample.drawn", "sample.graded", "canary.seeded",
    "canary.scored", "drift.raised", "incident.opened", "incident.closed",
)  # fmt: skip
_KEEPING = _names("action.expired", "action.escalated", "audit.verified", "level.lapsed")
_EXECUTING = frozenset(n for n in EventName if n.startswith("attempt.") and n != "attempt.settled") | _names(
    "action.reversed"
)
_SEQUENCING = frozenset(n for n in EventName if n.startswith("log."))
_AGENT = _PROPOSING | _names("run.finished", "run.blocked")
_WEB = (frozenset(EventName) - _KEEPING - _EXECUTING - _SEQUENCING) - _names("run.finished", "run.blocked")

ROLE_NAMES: dict[str, frozenset[EventName]] = {
    "agent": _AGENT,
    "web": _WEB,
    "router": _ROUTING | _KEEPING,
    "executor": _EXECUTING,
    "sequencer": _SEQUENCING,
}

WRITERS: dict[EventName, frozenset[str]] = {
    name: frozenset(role for role, names in ROLE_NAMES.items() if name in names) for name in EventName
}

VOTES = _names("decision.recorded", "decision.retracted")
"""What a case's other voters read afterwards."""

RECEIPTED = _names(
    "action.proposed", "action.edited", "decision.recorded", "decision.retracted", "question.answered",
)  # fmt: skip
"""What the desk promises to whoever did it, with a signed receipt."""
