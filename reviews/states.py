"""States, edges and the ordered words of the desk. Imports nothing of ours.

`EDGES` is the one table of transitions: migrations freeze it into the
database, where a trigger reads it, and a test compares the two.
"""

from enum import StrEnum
from typing import NamedTuple


class Status(StrEnum):
    PROPOSED = "proposed"
    PENDING = "pending"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"
    EXECUTING = "executing"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    IN_DOUBT = "in_doubt"
    REVERSED = "reversed"


class Edge(NamedTuple):
    """One permitted change of state; `before` is None at birth."""

    before: Status | None
    after: Status
    roles: frozenset[str]


def _edge(before: Status | None, after: Status, roles: str) -> Edge:
    return Edge(before, after, frozenset(roles.split()))


_S = Status
EDGES: tuple[Edge, ...] = (
    _edge(None, _S.PROPOSED, "agent web router"),
    _edge(_S.PROPOSED, _S.PENDING, "router"),
    _edge(_S.PROPOSED, _S.APPROVED, "router"),
    _edge(_S.PROPOSED, _S.REJECTED, "router"),
    _edge(_S.PENDING, _S.PENDING, "web router agent"),
    _edge(_S.PENDING, _S.APPROVED, "web"),
    _edge(_S.PENDING, _S.REJECTED, "web"),
    _edge(_S.PENDING, _S.EXPIRED, "router"),
    _edge(_S.PENDING, _S.WITHDRAWN, "web agent"),
    _edge(_S.APPROVED, _S.EXECUTING, "executor"),
    _edge(_S.APPROVED, _S.EXPIRED, "router"),
    _edge(_S.APPROVED, _S.WITHDRAWN, "web agent"),
    _edge(_S.APPROVED, _S.PENDING, "web router"),
    _edge(_S.REJECTED, _S.PENDING, "web router"),
    _edge(_S.EXECUTING, _S.EXECUTING, "executor"),
    _edge(_S.EXECUTING, _S.SUCCEEDED, "executor"),
    _edge(_S.EXECUTING, _S.FAILED, "executor"),
    _edge(_S.EXECUTING, _S.APPROVED, "executor"),
    _edge(_S.EXECUTING, _S.IN_DOUBT, "executor"),
    _edge(_S.IN_DOUBT, _S.SUCCEEDED, "web"),
    _edge(_S.IN_DOUBT, _S.FAILED, "web"),
    _edge(_S.SUCCEEDED, _S.REVERSED, "executor"),
)

# An action in one of these never changes again, but for `reversed`.
FINAL = frozenset({_S.REJECTED, _S.EXPIRED, _S.WITHDRAWN, _S.SUCCEEDED, _S.FAILED, _S.REVERSED})
# What people or policy let through, and may have been carried out.
LET_THROUGH = frozenset({_S.APPROVED, _S.EXECUTING, _S.SUCCEEDED, _S.REVERSED})
# What may be proposed again, linked to the first.
RETRYABLE = frozenset({_S.REJECTED, _S.EXPIRED, _S.FAILED})


def permitted(before: Status | None, after: Status, role: str) -> bool:
    """Whether `role` may take this edge at all; the gate asks for more."""
    return any(e.before == before and e.after == after and role in e.roles for e in EDGES)


class Verdict(StrEnum):
    """What a decision says. Only approve and reject close an action."""

    APPROVE = "approve"
    REJECT = "reject"
    ESCALATE = "escalate"
    ASK = "ask"


class _Ordered(StrEnum):
    """A closed list whose order of definition is its rank."""

    @property
    def rank(self) -> int:
        return list(type(self)).index(self)

    @property
    def words(self) -> str:
        """As people read it: `two person review`."""
        return self.value.replace("_", " ")


class Outcome(_Ordered):
    """What routing returns, least strict first."""

    AUTO_EXECUTE = "auto_execute"
    EXECUTE_AND_MONITOR = "execute_and_monitor"
    HOLD_RESULT = "hold_result"
    REVIEW = "review"
    TWO_PERSON_REVIEW = "two_person_review"
    ESCALATE = "escalate"
    REJECT = "reject"


class Mode(StrEnum):
    """Oversight mode: before the act, over it, or out of the loop."""

    HITL = "HITL"
    HOTL = "HOTL"
    HOOTL = "HOOTL"


MODE: dict[Outcome, Mode] = {
    Outcome.AUTO_EXECUTE: Mode.HOOTL,
    Outcome.EXECUTE_AND_MONITOR: Mode.HOTL,
    Outcome.HOLD_RESULT: Mode.HOTL,
    Outcome.REVIEW: Mode.HITL,
    Outcome.TWO_PERSON_REVIEW: Mode.HITL,
    Outcome.ESCALATE: Mode.HITL,
    Outcome.REJECT: Mode.HITL,
}


class Risk(_Ordered):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


class Reversibility(_Ordered):
    REVERSIBLE = "reversible"
    COMPENSABLE = "compensable"
    IRREVERSIBLE = "irreversible"


class EffectMode(StrEnum):
    """Whether an effect may be repeated, asked about, or neither."""

    IDEMPOTENT = "idempotent"
    PROBE = "probe"
    ONCE = "once"


class Purpose(StrEnum):
    """Why something visits the queue. The web role never reads this."""

    GATE = "gate"
    QUESTION = "question"
    QA = "qa"
    CANARY = "canary"


class AttemptEnd(StrEnum):
    """How one try at the effect ended; see `services.execution.finish`."""

    SUCCEEDED = "succeeded"
    NOT_DONE = "not_done"
    UNCLEAR = "unclear"
    LOST = "lost"


class Level(_Ordered):
    """Autonomy of one agent version for one action type."""

    L0 = "L0"
    L1 = "L1"
    L2 = "L2"
    L3 = "L3"
    L4 = "L4"


class StopScope(StrEnum):
    ALL = "all"
    TYPE = "type"
    AGENT = "agent"
