"""Routing: what may run by itself, who looks at the rest. Pure.

The outcome of a routing is the strictest of independent floors, so that
nothing one floor says can loosen another. Amounts are integers in minor
units of their currency; clocks are aware datetimes handed in by the caller.
The certificates that will earn a threshold come later; until then a
threshold is either set by hand or absent.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal, TypeAlias

from reviews.states import MODE, Level, Mode, Outcome, Reversibility, Risk

DEFAULT_LOW_MARK = 0.4
HAND_SET_LONGEST = timedelta(days=90)
NO_GUARANTEE = "hand-set, no guarantee"
NO_THRESHOLD = "no threshold"
UNCERTIFIED = "neither certified nor hand-set"

TauKind: TypeAlias = Literal["certified", "hand-set"]
Cell: TypeAlias = tuple[Risk, Reversibility]


class Plan(StrEnum):
    """How a proposal stands to the plan its run was held to."""

    NONE = "no plan"
    ON = "on plan"
    OFF = "off plan"


class Drift(StrEnum):
    OK = "ok"
    WATCH = "watch"
    ALARM = "alarm"


@dataclass(frozen=True, slots=True)
class Limits:
    """Amount limits of a type: up to each one, the next milder treatment is enough."""

    currency: str
    auto: int
    single: int
    pair: int
    cap: int


@dataclass(frozen=True, slots=True)
class Override:
    """A lead's word on one cell of the risk table, until it expires."""

    outcome: Outcome
    expires: datetime
    lead: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What a published policy says about one action type."""

    limits: Limits | None = None
    low_mark: float = DEFAULT_LOW_MARK
    minimum: Outcome = Outcome.AUTO_EXECUTE
    overrides: dict[Cell, Override] = field(default_factory=dict)
    deny: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that routing looks at. What is left out counts against the action."""

    risk: Risk
    reversibility: Reversibility
    now: datetime
    confidence: float | None = None
    amount: int | None = None
    currency: str = ""
    amount_required: bool = False
    level: Level = Level.L0
    level_expires: datetime | None = None
    tau: float | None = None
    tau_kind: TauKind | None = None
    rules: Rules = field(default_factory=Rules)
    is_release: bool = False
    plan: Plan = Plan.NONE
    plan_note: str = ""
    drift: Drift = Drift.OK
    stopped: str = ""
    past_deadline: bool = False
    qa_drawn: bool = False
    policy_version: int = 0


@dataclass(frozen=True, slots=True)
class Floor:
    """One reason to be careful: its name, what was found, how strict it is."""

    name: str
    value: str
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Routing:
    """The answer of policy. `why` are the floors that set the outcome."""

    outcome: Outcome
    needed: int
    mode: Mode
    floors: tuple[Floor, ...]
    why: tuple[Floor, ...]
    policy_version: int


_O, _R, _V = Outcome, Risk, Reversibility

TABLE: dict[Cell, Outcome] = {
    (_R.LOW, _V.REVERSIBLE): _O.AUTO_EXECUTE,
    (_R.LOW, _V.COMPENSABLE): _O.EXECUTE_AND_MONITOR,
    (_R.LOW, _V.IRREVERSIBLE): _O.REVIEW,
    (_R.MEDIUM, _V.REVERSIBLE): _O.EXECUTE_AND_MONITOR,
    (_R.MEDIUM, _V.COMPENSABLE): _O.HOLD_RESULT,
    (_R.MEDIUM, _V.IRREVERSIBLE): _O.REVIEW,
    (_R.HIGH, _V.REVERSIBLE): _O.HOLD_RESULT,
    (_R.HIGH, _V.COMPENSABLE): _O.REVIEW,
    (_R.HIGH, _V.IRREVERSIBLE): _O.TWO_PERSON_REVIEW,
    (_R.CRITICAL, _V.REVERSIBLE): _O.REVIEW,
    (_R.CRITICAL, _V.COMPENSABLE): _O.TWO_PERSON_REVIEW,
    (_R.CRITICAL, _V.IRREVERSIBLE): _O.TWO_PERSON_REVIEW,
}

LEVEL_FLOOR: dict[Level, Outcome] = {
    Level.L0: _O.REVIEW,
    Level.L1: _O.HOLD_RESULT,
    Level.L2: _O.EXECUTE_AND_MONITOR,
    Level.L3: _O.EXECUTE_AND_MONITOR,
    Level.L4: _O.AUTO_EXECUTE,
}


def strictest(*outcomes: Outcome) -> Outcome:
    """The strictest of these. `max` alone would compare the words."""
    return max(outcomes, key=lambda outcome: outcome.rank)


def loosest_allowed(risk: Risk, reversibility: Reversibility) -> Outcome:
    """How loose an override of this cell may be, whoever signs it."""
    if risk is _R.CRITICAL or reversibility is _V.IRREVERSIBLE:
        return _O.REVIEW
    if (risk, reversibility) == (_R.LOW, _V.REVERSIBLE):
        return _O.AUTO_EXECUTE
    return _O.EXECUTE_AND_MONITOR


def route(facts: Facts) -> Routing:
    """Decide how an action is treated: the maximum over all floors."""
    floors = tuple(_as_due(floor, facts) for floor in _floors(facts))
    outcome = strictest(*(floor.outcome for floor in floors))
    return Routing(
        outcome=outcome,
        needed=_needed(floors),
        mode=MODE[outcome],
        floors=floors,
        why=tuple(floor for floor in floors if floor.outcome is outcome),
        policy_version=facts.policy_version,
    )


FLOOR_NAMES = frozenset({"cell", "level", "amount", "confidence", "state", "off_plan", "type_minimum", "qa_draw"})


def with_floors(routing: Routing, *found: Floor) -> Routing:
    """The same routing with floors that others found; they can only make it stricter."""
    floors = (*routing.floors, *found)
    outcome = strictest(*(floor.outcome for floor in floors))
    why = tuple(floor for floor in floors if floor.outcome is outcome)
    return replace(routing, outcome=outcome, mode=MODE[outcome], floors=floors, why=why)


def _floors(facts: Facts) -> tuple[Floor, ...]:
    return (
        _cell(facts),
        _level(facts),
        _amount(facts),
        _confidence(facts),
        _state(facts),
        _plan(facts),
        Floor("type_minimum", facts.rules.minimum.value, facts.rules.minimum),
        _qa(facts),
    )


def _as_due(floor: Floor, facts: Facts) -> Floor:
    """Holding a result needs a type that releases one; others are reviewed."""
    if floor.outcome is not _O.HOLD_RESULT or facts.is_release:
        return floor
    return Floor(floor.name, f"{floor.value}; not the release of a held result", _O.REVIEW)


# Floors that can ask for a second person; the others only ask for attention.
_ASKS_FOR_TWO = frozenset({"cell", "amount", "type_minimum"})


def _needed(floors: tuple[Floor, ...]) -> int:
    two = _O.TWO_PERSON_REVIEW.rank
    asked = any(f.name in _ASKS_FOR_TWO and f.outcome.rank >= two for f in floors)
    return 2 if asked else 1


def _cell(facts: Facts) -> Floor:
    cell = (facts.risk, facts.reversibility)
    words = f"{facts.risk} risk, {facts.reversibility}"
    override = facts.rules.overrides.get(cell)
    if override is None or override.expires <= facts.now:
        return Floor("cell", words, TABLE[cell])
    words = f"{words}; overridden until {override.expires:%Y-%m-%d}"
    return Floor("cell", words, strictest(override.outcome, loosest_allowed(*cell)))


def standing(facts: Facts) -> tuple[Level, float | None, TauKind | None]:
    """Level, threshold and its kind as they count now.

    What is neither certified nor set by hand, what has expired, and what was
    set by hand without an expiry, is level 0 without a threshold.
    """
    kind = facts.tau_kind
    expires = facts.level_expires
    lapsed = expires <= facts.now if expires is not None else kind == "hand-set"
    if kind is None or lapsed:
        return Level.L0, None, None
    tau = facts.tau
    return facts.level, tau if tau is not None and 0 < tau <= 1 else None, kind


def _level(facts: Facts) -> Floor:
    level, _, kind = standing(facts)
    words = level.value
    if level is not facts.level:
        words = f"{words}, since {facts.level} has no standing or has expired"
    elif kind == "hand-set":
        words = f"{words}, {NO_GUARANTEE}"
    return Floor("level", words, LEVEL_FLOOR[level])


def _amount(facts: Facts) -> Floor:
    limits = facts.rules.limits
    if facts.amount is None or limits is None:
        missing = "unknown" if facts.amount is None else "without a limit"
        required = facts.amount_required
        return Floor("amount", missing, _O.REVIEW if required else _O.AUTO_EXECUTE)
    if facts.currency != limits.currency:
        # Nothing says how much this is, so nobody's limit can be shown to hold.
        return Floor("amount", f"limits are in {limits.currency}", _O.ESCALATE)
    return _amount_within(abs(facts.amount), limits)


def _amount_within(amount: int, limits: Limits) -> Floor:
    passed, outcome = None, _O.AUTO_EXECUTE
    for limit, beyond in (
        (limits.auto, _O.REVIEW),
        (limits.single, _O.TWO_PERSON_REVIEW),
        (limits.pair, _O.ESCALATE),
        (limits.cap, _O.REJECT),
    ):
        if amount > limit:
            passed, outcome = limit, strictest(outcome, beyond)
    shown = money(amount, limits.currency)
    if passed is None:
        return Floor("amount", f"{shown} <= {money(limits.auto, limits.currency)}", outcome)
    return Floor("amount", f"{shown} > {money(passed, limits.currency)}", outcome)


# ISO 4217 minor units that are not two.
_EXPONENTS = dict.fromkeys(("JPY", "KRW", "VND", "CLP", "ISK", "UGX", "XAF", "XOF"), 0)
_EXPONENTS |= dict.fromkeys(("BHD", "KWD", "OMR", "JOD", "TND", "IQD", "LYD"), 3)


def exponent(currency: str) -> int:
    """How many digits of an amount in minor units stand behind the point."""
    return _EXPONENTS.get(currency, 2)


def money(amount: int, currency: str) -> str:
    """An amount in minor units, written for people: 125000 EUR is 1,250.00 EUR."""
    digits = exponent(currency)
    whole, part = divmod(abs(amount), 10**digits)
    sign = "-" if amount < 0 else ""
    fraction = f".{part:0{digits}d}" if digits else ""
    return f"{sign}{whole:,}{fraction} {currency}".rstrip()


def usable(confidence: float | None) -> float | None:
    """The confidence if it is a number within 0 and 1, else None. NaN is within nothing."""
    if confidence is None:
        return None
    number = float(confidence)
    return number if 0 <= number <= 1 else None


def _confidence(facts: Facts) -> Floor:
    confidence = usable(facts.confidence)
    if confidence is None:
        return Floor("confidence", "missing or not a probability", _O.REVIEW)
    if confidence < facts.rules.low_mark and facts.risk.rank >= _R.HIGH.rank:
        return Floor("confidence", f"{confidence:g} < {facts.rules.low_mark:g}", _O.ESCALATE)
    _, tau, kind = standing(facts)
    if tau is None:
        return Floor("confidence", f"{confidence:g}, {NO_THRESHOLD}", _O.REVIEW)
    if confidence < tau:
        return Floor("confidence", f"{confidence:g} < {tau:g}", _O.REVIEW)
    note = f", {NO_GUARANTEE}" if kind == "hand-set" else ""
    return Floor("confidence", f"{confidence:g} >= {tau:g}{note}", _O.AUTO_EXECUTE)


def _state(facts: Facts) -> Floor:
    """The strictest thing known about agent, type and moment."""
    found = [Floor("state", "ok", _O.AUTO_EXECUTE)]
    if facts.drift is Drift.WATCH:
        found.append(Floor("state", "drift watch", _O.EXECUTE_AND_MONITOR))
    if standing(facts)[2] is None:
        found.append(Floor("state", UNCERTIFIED, _O.REVIEW))
    if facts.drift is Drift.ALARM:
        found.append(Floor("state", "drift alarm", _O.REVIEW))
    if facts.stopped:
        found.append(Floor("state", f"stopped: {facts.stopped}", _O.ESCALATE))
    if facts.past_deadline:
        found.append(Floor("state", "past its deadline on arrival", _O.REJECT))
    if facts.rules.deny:
        found.append(Floor("state", f"denied: {facts.rules.deny}", _O.REJECT))
    return max(found, key=lambda floor: floor.outcome.rank)


def _plan(facts: Facts) -> Floor:
    words = f"{facts.plan}: {facts.plan_note}" if facts.plan_note else facts.plan.value
    outcome = _O.REVIEW if facts.plan is Plan.OFF else _O.AUTO_EXECUTE
    return Floor("off_plan", words, outcome)


def _qa(facts: Facts) -> Floor:
    if facts.qa_drawn:
        return Floor("qa_draw", "drawn to be seen first", _O.REVIEW)
    return Floor("qa_draw", "not drawn", _O.AUTO_EXECUTE)


ROUTINE = "routine review"


def chip(why: tuple[Floor, ...]) -> str:
    """Why an item is here, in one phrase that betrays nothing about sampling.

    Only what the action itself brought about is named. A draw, a level and a
    missing threshold all read "routine review".
    """
    for name in ("hidden", "policy_error", "amount", "off_plan", "state", "confidence", "cell"):
        for floor in why:
            if floor.name == name and _about_the_action(floor):
                words = name.replace("_", " ")
                return floor.value if name in _SPEAKS_FOR_ITSELF else f"{words} {floor.value}"
    return ROUTINE


_SPEAKS_FOR_ITSELF = frozenset({"hidden", "off_plan", "state", "cell"})


def _about_the_action(floor: Floor) -> bool:
    return floor.value != UNCERTIFIED and not floor.value.endswith(NO_THRESHOLD)
