"""How a wait ends, and the handle that is waited for."""

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Handle:
    """Something a run waits for: an action it proposed, or a run it started."""

    kind: Literal["action", "run"]
    id: UUID
    name: str  # of the action type, or of the agent


@dataclass(frozen=True, slots=True, kw_only=True)
class _OfAction:
    action: UUID
    ok: ClassVar[bool] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ended(_OfAction):
    """`receipts`: the desk's signed promises that what was decided is in the log. Keep them outside the desk."""

    receipts: tuple[str, ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Approved(_Ended):
    """Let through, and carried out where the type has a handler.

    `payload` is what was approved: after an edit not what the agent proposed. `result` is what the
    handler gave back.
    """

    payload: dict[str, Any]
    edited: bool = False
    result: Any = None
    ok: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(_Ended):
    code: str = ""
    rationale: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expired(_Ended):
    """Nobody decided in time, or the approval lapsed before it was carried out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawn(_Ended):
    """Taken back by its proposer, its owner or with its run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed(_Ended):
    """Approved, and then the effect did not come about."""

    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(_OfAction):
    """A reviewer asks back. Answer with `run.answer` and wait again.

    `expects`: empty for free text, or {"kind": "choice", "options": [...]}, {"kind": "field", "path": "..."} or
    {"kind": "attachment"}. An agent that cannot answer so says in words why.
    """

    question: UUID
    text: str
    expects: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A child run came to its end."""

    run: UUID
    result: Any = None
    ok: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildFailed:
    run: UUID
    error: str = ""
    ok: ClassVar[bool] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """The child run was cancelled by a person."""

    run: UUID
    ok: ClassVar[bool] = False


Outcome: TypeAlias = Approved | Rejected | Expired | Withdrawn | Failed | Asked | Finished | ChildFailed | Cancelled
