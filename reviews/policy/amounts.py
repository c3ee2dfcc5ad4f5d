"""Finding the amount of a payload. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def value_at(payload: object, path: str) -> object:
    """What stands at a dotted path ("order.total"), or None where nothing does."""
    found = payload
    for key in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(key)
    return found


def amount_of(payload: Any, *, amount_path: str, currency_path: str = "", currency: str = "") -> tuple[int | None, str]:
    """Amount in minor units and its currency; (None, ...) where it is no whole number.

    The payload's own currency wins over the type's.
    """
    amount = value_at(payload, amount_path) if amount_path else None
    named = value_at(payload, currency_path) if currency_path else None
    own = named.upper() if isinstance(named, str) else currency
    whole = isinstance(amount, int) and not isinstance(amount, bool)
    return (amount if whole else None), own  # type: ignore[return-value]
