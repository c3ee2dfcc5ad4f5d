"""What a handler is given, and the words it answers with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias
from uuid import UUID


class NotDone(Exception):
    """Raised by a handler that is certain that nothing happened. Any other exception is unclear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectContext:
    """What surrounds one try at an effect.

    `key` is the idempotency key, the same for all tries at one revision; `body` are the approved
    bytes, whose salted digest was compared before the handler was called.
    """

    action: UUID
    type: str
    revision: int
    key: str
    deadline: datetime  # UTC; the handler is interrupted then
    body: bytes
    digest: bytes
    reverses: UUID | None = None


Answer: TypeAlias = Literal["done", "not_done", "unknown"]
Execute: TypeAlias = Callable[[Any, EffectContext], Any]
Undo: TypeAlias = Callable[[Any, EffectContext, Any], Any]
Probe: TypeAlias = Callable[[Any, EffectContext], Answer]


@dataclass(frozen=True, slots=True)
class Handler:
    """How an action type takes effect. `undo` gets the result of the original as its third argument."""

    execute: Execute
    undo: Undo | None = None
    probe: Probe | None = None
