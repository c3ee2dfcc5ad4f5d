"""What may be decided in a batch, and why an item may not. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from reviews.policy.routing import Limits, money
from reviews.states import Reversibility, Risk, Verdict

MOST_EVER = 1000
REJECT_LIMIT = 100
APPROVE_LIMIT: dict[Risk, int] = {Risk.LOW: 100, Risk.MEDIUM: 25}


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How many items one batch may hold, per type; admin may raise to 1,000."""

    approve_low: int = APPROVE_LIMIT[Risk.LOW]
    approve_medium: int = APPROVE_LIMIT[Risk.MEDIUM]
    reject: int = REJECT_LIMIT

    def of(self, verdict: Verdict, risk: Risk) -> int:
        """The limit for a batch whose highest risk is `risk`; 0 where none may be."""
        if verdict is Verdict.REJECT:
            return self.reject
        return {Risk.LOW: self.approve_low, Risk.MEDIUM: self.approve_medium}.get(risk, 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem:
    """One selected item as it stands under its row lock."""

    type: str
    risk: Risk
    reversibility: Reversibility
    amount: int | None = None
    currency: str = ""
    limits: Limits | None = None
    needed: int = 1
    is_question: bool = False
    question_open: bool = False
    claimed_by_other: str = ""
    loaded: bool = True


def batch_block_reason(verdict: Verdict, item: BatchItem, *, batch_type: str) -> str | None:
    """Why this item is left out of the batch, in words, or None if it may stay.

    The item's state and version are checked before, as conflicts; how many
    may be decided at once is `BatchLimits.of`.
    """
    if verdict not in (Verdict.APPROVE, Verdict.REJECT):
        return f"{verdict} is not done in batches"
    if item.is_question:
        return "a question is answered on its own page"
    if item.claimed_by_other:
        return f"claimed by {item.claimed_by_other}"
    return None if verdict is Verdict.REJECT else _approval_blocked(item, batch_type)


def _approval_blocked(item: BatchItem, batch_type: str) -> str | None:
    """The first of the approval rules that this item breaks."""
    rules = (
        (item.risk.rank > Risk.MEDIUM.rank, f"{item.risk} risk goes one by one"),
        (item.reversibility is Reversibility.IRREVERSIBLE, "irreversible goes one by one"),
        (item.needed > 1, "needs two people"),
        (item.question_open, "a question is open"),
        (item.type != batch_type, f"a batch is of one type, this is {item.type}"),
        (not item.loaded, "made for a version of its type that is not loaded"),
    )
    blocked = next((reason for broken, reason in rules if broken), None)
    return blocked or _above_single(item)


def _above_single(item: BatchItem) -> str | None:
    if item.amount is None or item.limits is None:
        return None
    if item.currency != item.limits.currency:
        return f"limits are in {item.limits.currency}"
    if abs(item.amount) > item.limits.single:
        return f"amount above {money(item.limits.single, item.limits.currency)}"
    return None
