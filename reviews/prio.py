"""The order of the queue in one number, so that one index serves it. Pure.

Smaller is more urgent: 1 bit *not breached*, 2 bits of risk, 48 bits of
expected cost. Age comes after it as a column of its own.
"""

from collections.abc import Mapping

from reviews.states import Risk

_COST_BITS = 48
_MOST = (1 << _COST_BITS) - 1
NOT_BREACHED = 1 << (_COST_BITS + 2)  # a prio below this is of an item that is late

# What one minor unit is worth, in thousandths of a cent of the desk's own currency. They
# order the queue, they never decide anything.
RATES: Mapping[str, int] = {
    "EUR": 1000, "USD": 900, "GBP": 1150, "CHF": 1050, "SEK": 90, "NOK": 85, "DKK": 134,
    "PLN": 235, "JPY": 600, "CAD": 650, "AUD": 600,
}  # fmt: skip


def expected_cost(amount: int | None, currency: str, confidence: float | None) -> int:
    """amount x (1 - confidence) in thousandths; a missing confidence is 0, an unknown currency the most."""
    if amount is None:
        return 0
    if currency not in RATES:
        return _MOST
    doubt = 1000 - round(1000 * (confidence or 0.0))
    return min(_MOST, abs(amount) * RATES[currency] * doubt // 1000)


def pack_prio(
    *,
    risk: Risk,
    amount: int | None = None,
    currency: str = "",
    confidence: float | None = None,
    breached: bool = False,
) -> int:
    """The stored `prio` of an item."""
    cost = expected_cost(amount, currency, confidence)
    late = 0 if breached else NOT_BREACHED
    return late | (Risk.CRITICAL.rank - risk.rank) << _COST_BITS | (_MOST - cost)


def breach(prio: int) -> int:
    """The same item once it is late."""
    return prio & ~NOT_BREACHED
