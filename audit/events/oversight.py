"""Data of runs, certificates, samples, canaries, incidents and stops."""

from typing import Literal

from pydantic import Field

from audit.events.fields import Code, Count, Digest, EventData, PerMille, Plain


class RunStarted(EventData):
    run: Code
    agent: Code
    agent_version: Code = ""
    parent: Code | None = None
    input_digest: Digest | None = None


class RunFinished(EventData):
    run: Code
    outcome: Code = "finished"
    result_digest: Digest | None = None
    error: Code | None = None
    steps: Count | None = None


class RunBlocked(EventData):
    """The code no longer does what its journal says."""

    run: Code
    seq: Count | None = None
    cause: Code
    expected: Digest | None = None
    found: Digest | None = None


class RunForked(EventData):
    run: Code
    new_run: Code
    seq: Count


class RunCancelled(EventData):
    run: Code
    reason_code: Code = ""


class CertificateIssued(EventData):
    certificate: Code
    type: Code
    agent: Code | None = None
    threshold_permille: PerMille
    values: Plain = Field(default_factory=dict)


class CertificateRevoked(EventData):
    certificate: Code
    reason_code: Code


class SampleDrawn(EventData):
    sample: Code
    item: Code | None = None
    values: Plain = Field(default_factory=dict)


class SampleGraded(EventData):
    sample: Code
    grade: Code
    values: Plain = Field(default_factory=dict)


class CanarySeeded(EventData):
    """A case that begins as a check; its first revision, as `action.proposed` would tell it."""

    canary: Code
    item: Code | None = None
    revision: Count = 1
    digest: Digest | None = None
    values: Plain = Field(default_factory=dict)


class CanaryScored(EventData):
    canary: Code
    caught: bool
    values: Plain = Field(default_factory=dict)


class DriftRaised(EventData):
    type: Code
    agent: Code | None = None
    measure: Code
    values: Plain = Field(default_factory=dict)


class IncidentOpened(EventData):
    incident: Code
    severity: Code = ""
    actions: list[Code] = Field(default_factory=list)


class IncidentClosed(EventData):
    incident: Code
    outcome: Code = ""


class StopPlaced(EventData):
    """The kill switch: nothing of that scope is approved by policy, leased or begun."""

    stop: Code
    scope: Literal["all", "type", "agent"]
    target: Code | None = None
    reason_code: Code = ""


class StopLifted(EventData):
    stop: Code
    scope: Code = ""
    target: Code | None = None
    reason_code: Code = ""
