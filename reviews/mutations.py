"""Ways to make a check from something that was right: what a lead picks from, and what is wrong afterwards. Pure."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, Protocol

Payload = Mapping[str, Any]
TENFOLD = 10
# Fields that say whom something is about, where a type does not say which.
SUBJECTS = ("customer", "customer_id", "recipient", "to", "email", "account", "user", "user_id", "order_id", "order")


class Kind(Protocol):
    """The part of an action type that is read."""

    @property
    def amount_path(self) -> str: ...


class Mutation(NamedTuple):
    """A payload with its fault, the verdict that is right, and what to say afterwards; the lead may change all."""

    code: str
    label: str
    payload: dict[str, Any]
    note: str = ""
    answer: str = "reject"
    evidence: bool = True  # whether it keeps its evidence


def mutations(kind: Kind, payload: Payload, others: Sequence[Payload] = ()) -> list[Mutation]:
    """What can be made of this payload. `others`: payloads of the same type, to take a wrong name from."""
    return [
        *_tenfold(kind, payload),
        *_somebody_else(payload, others),
        Mutation(
            "no_evidence", "The evidence is missing", _copy(payload), "There was no evidence for it.", "reject", False
        ),
        Mutation("duplicate", "It was done before", _copy(payload), "The very same was carried out before."),
        Mutation("by_hand", "Something else: edit it below", _copy(payload)),
        Mutation("known_good", "Nothing: it is right", _copy(payload), "Nothing was wrong with it.", "approve"),
    ]


def _without_evidence(payload: Payload) -> Mutation:
    note = "There was no evidence for it."
    return Mutation("no_evidence", "The evidence is missing", _copy(payload), note, evidence=False)


def _copy(payload: Payload) -> dict[str, Any]:
    return copy.deepcopy(dict(payload))


def _tenfold(kind: Kind, payload: Payload) -> Iterator[Mutation]:
    made = _copy(payload)
    *way, name = kind.amount_path.split(".")
    here: Any = made
    for step in way:
        here = here.get(step) if isinstance(here, dict) else None
    grown = _times(here.get(name) if isinstance(here, dict) else None)
    if grown is not None:
        here[name] = grown
        yield Mutation("tenfold", "The amount times ten", made, "The amount was ten times what the evidence says.")


def _times(value: object) -> int | str | None:
    """Ten times a number, in the type that it has."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value * TENFOLD or None
    try:
        grown = Decimal(value) * TENFOLD if isinstance(value, str) else None
    except InvalidOperation:
        return None
    return format(grown, "f") if grown and grown.is_finite() else None


def _somebody_else(payload: Payload, others: Sequence[Payload]) -> Iterator[Mutation]:
    for name in SUBJECTS:
        own = payload.get(name)
        if own is None:  # others may lack it too
            continue
        wrong = next((o[name] for o in others if type(o.get(name)) is type(own) and o[name] != own), None)
        if wrong is not None:
            label = f"Another {name.removesuffix('_id').replace('_', ' ')}"
            yield Mutation("wrong_subject", label, {**_copy(payload), name: wrong}, f"It was about another {name}.")
            return
