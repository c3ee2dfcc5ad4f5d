"""Data of the events in an action's life, and of the attempts at its effect."""

from typing import Literal

from pydantic import Field

from audit.events.fields import Code, Count, Digest, EventData, Moment, PerMille


class ActionProposed(EventData):
    """An action is born. Risk and needed votes are what the database derived, not what the proposer said."""

    type: Code
    type_version: Code
    proposer: Code
    agent_version: Code = ""
    run: Code | None = None
    revision: Count = 1
    digest: Digest
    risk: Code
    reversibility: Code
    effect_mode: Code
    confidence_permille: PerMille | None = None
    needed: Count | None = None
    retry_of: Code | None = None
    reverses: Code | None = None
    plan: Code | None = None
    token: Code | None = None
    dedup: Code | None = None
    evidence: list[Digest] = Field(default_factory=list)


class ActionWithdrawn(EventData):
    """Taken back by its proposer, owner or a person, or because its run was cancelled."""

    reason_code: Code = ""
    run_cancelled: bool = False


class EvidenceAdded(EventData):
    number: Count
    kind: Code = ""
    digest: Digest


class QuestionAnswered(EventData):
    """An agent answers what a reviewer asked, with the new revision if the answer changed the payload."""

    question: Count | None = None
    message: Count | None = None
    revision: Count | None = None
    digest: Digest | None = None


class Floor(EventData):
    """One rule that fired: what it looked at and the least strict outcome it allows."""

    name: Code
    value: Code | None = None
    outcome: Code


class ActionRouted(EventData):
    """What policy decided about the way an action takes, with every floor that fired."""

    outcome: Code
    mode: Code
    floors: list[Floor]
    policy: Code = ""
    policy_version: Code | Count
    needed: Count
    revision: Count | None = None
    digest: Digest | None = None
    risk: Code | None = None
    confidence_permille: PerMille | None = None
    queue: Code | None = None
    priority: int | None = None
    self_edit: bool | None = None
    level: Code | None = None
    threshold_permille: PerMille | None = None
    qa: Code | None = None
    monitored: bool | None = None
    error: Code | None = None


class DecisionRecorded(EventData):
    """One vote on exact bytes: who is in the envelope, here stand when, what, on which policy, and the verdict."""

    verdict: Literal["approve", "reject", "escalate", "ask"]
    purpose: Code = "gate"
    single: bool = True
    reason_code: Code = ""
    override: bool = False
    incident: Code | None = None
    decision: Code = ""
    reviewer: Code = ""
    round: Count = 0
    revision: Count
    digest: Digest
    proposed_digest: Digest | None = None
    self_edit: bool = False
    evidence: list[Digest] = Field(default_factory=list)
    evidence_seen: Count = 0
    messages_seen: Count = 0
    opened_at: Moment | None = None
    shown_ms: Count | None = None
    deadline: Moment | None = None
    release_at: Moment | None = None
    ui_version: Code = ""
    item: Code | None = None
    principal: Code = ""
    agent_version: Code = ""
    type: Code = ""
    type_version: Code = ""
    model: Code = ""
    run: Code | None = None
    tool: Code = ""
    policy: Code = ""
    policy_version: Code | Count | None = None
    outcome: Code = ""
    mode: Code = ""
    trigger: Code = ""
    risk: Code = ""
    confidence_permille: PerMille | None = None
    needed: Count | None = None
    token: Code | None = None
    delegation: Code | None = None
    qualification: Code | None = None
    qualified_until: Moment | None = None
    co_approver_event: Code | None = None
    target: Code | None = None


class DecisionRetracted(EventData):
    """Undo: the voter takes the closing vote back before release."""

    decision: Code
    verdict: Code = ""
    revision: Count | None = None
    round: Count | None = None
    reason_code: Code = ""


class QuestionClosed(EventData):
    """A reviewer's question ends: answered, taken back, or timed out."""

    question: Count | None = None
    how: Code


class ActionExpired(EventData):
    deadline: Moment | None = None
    reason_code: Code = ""


class ActionEscalated(EventData):
    """The keeper passes the item on because its time is up. Never an approval."""

    reason_code: Code = ""
    source: Code = ""
    target: Code = ""
    deadline: Moment | None = None


class ActionEdited(EventData):
    """A person's edit: a new revision that voids the votes on the one before."""

    revision: Count
    digest: Digest
    previous_digest: Digest
    self_edit: bool = False
    changed: list[Code] = Field(default_factory=list)


class ActionDeferred(EventData):
    until: Moment | None = None


class ActionAssigned(EventData):
    assignee: Code | None = None
    queue: Code | None = None


class ActionTagged(EventData):
    """Words hung on a case to find it again, and taken off."""

    added: list[Code] = Field(default_factory=list)
    removed: list[Code] = Field(default_factory=list)


class MessagePosted(EventData):
    """A message of the thread; the text is committed as `content`."""

    number: Count
    kind: Code = ""
    digest: Digest | None = None
    question: Count | None = None


class ActionReversed(EventData):
    """A succeeded action was undone by another action that went through the gate itself."""

    by: Code


class AttemptLeased(EventData):
    fence: Count
    worker: Code
    revision: Count | None = None
    digest: Digest
    key: Code = ""
    expires: Moment | None = None
    probe: bool = False


class AttemptBegun(EventData):
    """The intent, written before the effect."""

    fence: Count
    worker: Code
    digest: Digest
    key: Code


class AttemptFinished(EventData):
    """The lease holder reports the end. `outcome` is succeeded or failed."""

    fence: Count
    worker: Code = ""
    outcome: Code
    key: Code = ""
    digest: Digest | None = None
    result_digest: Digest | None = None
    error: Code | None = None
    probe: Code | None = None
    duration_ms: Count | None = None


class AttemptRetried(EventData):
    """The attempt ended without a final answer; the action waits for another one."""

    fence: Count
    worker: Code = ""
    cause: Code
    key: Code = ""
    digest: Digest | None = None
    release_at: Moment | None = None
    reaped: bool = False
    attempts: Count | None = None
    error: Code | None = None


class AttemptInDoubt(EventData):
    """Begun, and nobody knows whether it happened. Nothing repeats it until a person settles it."""

    fence: Count
    worker: Code = ""
    cause: Code
    key: Code = ""
    digest: Digest | None = None
    reaped: bool = False
    error: Code | None = None


class AttemptSettled(EventData):
    fence: Count
    outcome: Code
    key: Code = ""
    probe: Code | None = None
