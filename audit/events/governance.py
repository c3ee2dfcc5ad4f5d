"""Data of changes to rules, people and tokens, and of the record itself."""

from typing import Literal

from pydantic import Field

from audit.events.fields import Code, Count, Digest, Erasable, EventData, Moment, PerMille, Plain


class RegistrySynced(EventData):
    digest: Digest | None = None
    types: Count = 0
    principals: Count = 0
    changed: list[Code] = Field(default_factory=list)


class Registered(EventData):
    """A principal or an action type appears, with the values that matter for the gate."""

    name: Code
    version: Code = ""
    values: Plain = Field(default_factory=dict)


class Changed(EventData):
    """Before and after of what changed; the reason is committed as `content`."""

    name: Code
    version: Code = ""
    before: Plain = Field(default_factory=dict)
    after: Plain = Field(default_factory=dict)
    reason_code: Code = ""


class PrincipalRetired(EventData):
    name: Code
    version: Code = ""


class LevelSet(EventData):
    """Autonomy level or threshold by hand: expires, and carries no guarantee."""

    principal: Code
    type: Code
    version: Code = ""
    before: Plain | None = None
    level: Code | Count
    threshold_permille: PerMille | None = None
    hand_set: bool = True
    expires: Moment | None = None


class LevelLapsed(EventData):
    principal: Code
    type: Code
    level: Code | Count | None = None
    reason_code: Code = "expired"


class PolicyPublished(EventData):
    version: Code | Count
    previous: Code | Count | None = None
    policy: Code = ""
    before_digest: Digest | None = None
    after_digest: Digest | None = None
    before: Plain = Field(default_factory=dict)
    after: Plain = Field(default_factory=dict)
    republishes: Code | Count | None = None


class RoleChange(EventData):
    """A person's role, reach or authority. `subject` is a pseudonym."""

    subject: Code
    role: Code
    scope: Code = ""
    expires: Moment | None = None
    before: Plain = Field(default_factory=dict)
    after: Plain = Field(default_factory=dict)


class QualificationRecorded(EventData):
    subject: Code
    qualification: Code
    valid_from: Moment | None = None
    valid_until: Moment | None = None


class Delegation(EventData):
    delegation: Code
    source: Code
    target: Code
    scope: Code = ""
    expires: Moment | None = None


class TokenEvent(EventData):
    """Id, principal, scope, expiry; never the secret or its hash."""

    token: Code
    principal: Code
    scope: Code = ""
    expires: Moment | None = None


class AuthSignedIn(EventData):
    method: Code


class AuthRefused(EventData):
    """A refused sign-in or token; whatever was typed as a name is not kept."""

    method: Code
    reason_code: Code = ""
    token: Code | None = None


class AuthSteppedUp(EventData):
    method: Code
    purpose: Code = ""


class AuditSearched(EventData):
    """A search; words are committed as `content`, the closed filters stand here."""

    filters: Plain = Field(default_factory=dict)
    results: Count | None = None


class AuditExported(EventData):
    job: Code
    filters: Plain = Field(default_factory=dict)
    opened: list[Code] = Field(default_factory=list)


class AuditVerified(EventData):
    job: Code
    size: Count
    root: Digest | None = None
    outcome: Literal["valid", "tampered", "cannot_judge"]
    findings: list[Code] = Field(default_factory=list)


class ContentOpened(EventData):
    case: Code
    event: Code | None = None
    field: Code = ""
    purpose: Code = ""


class PrivacyErased(EventData):
    """Which committed texts are gone, on what basis and on whose word. Never whose they were."""

    entries: list[Erasable]
    basis: Code
    authoriser: Code


class KeysErased(EventData):
    """Follows a `privacy.erased`: the keys that went with the texts, by their ids. Never whose they were."""

    keys: list[Code]


class MasterChanged(EventData):
    """From which master key to which the keys of subjects go; `keys` lie under the old one still."""

    old: Code
    new: Code
    state: Literal["begun", "over"]
    keys: Count


class HoldEvent(EventData):
    """What is kept: a case or a type by its name; whom a subject's hold is about stands nowhere in the log."""

    hold: Code
    scope: Code = ""
    target: Code = ""
    reason_code: Code = ""


class Period(EventData):
    """How long a class of events is kept at least."""

    name: Code
    days: Count


class RetentionPruned(EventData):
    """Orders that entries of these classes below this index go: `count` now, `gone` with all that went before.

    `digest`: SHA-256 over the leaf hashes of all that are gone afterwards, in the order of the log.
    """

    below: Count
    periods: list[Period]
    count: Count
    gone: Count
    digest: Digest
    authoriser: Code


class LogCreated(EventData):
    origin: Code
    previous_origin: Code | None = None
    previous_size: Count | None = None
    previous_root: Digest | None = None
    restored_size: Count | None = None


class LogKey(EventData):
    """A key's verifier line, and the tree sizes it signs."""

    vkey: Code
    from_size: Count
    to_size: Count | None = None


class LogAlarm(EventData):
    alarm: Code
    values: Plain = Field(default_factory=dict)


class LogOneRole(EventData):
    """All processes share one login: who wrote what is no longer separated."""

    login: Code = "one"


class LogJourneyProfile(EventData):
    """Test timings are in force."""

    profile: Code
    timings: Plain = Field(default_factory=dict)
