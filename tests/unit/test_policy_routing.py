"""Routing by brute force: total, explained, and never looser for the worse case."""

import itertools
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviews.policy import (
    FLOOR_NAMES,
    Drift,
    Facts,
    Floor,
    Limits,
    Override,
    Plan,
    Rules,
    chip,
    loosest_allowed,
    money,
    route,
    strictest,
    usable,
    with_floors,
)
from reviews.states import Level, Mode, Outcome, Reversibility, Risk

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
LIMITS = Limits(currency="EUR", auto=10_000, single=100_000, pair=500_000, cap=1_000_000)
RULES = Rules(limits=LIMITS)

AMOUNTS = (10_000, 100_000, 500_000, 1_000_000, 1_000_001)
CONFIDENCES = (0.95, 0.85, 0.2)  # from tau up, below tau, below the low mark
STATES = ("ok", "watch", "alarm", "uncertified", "stopped", "denied")
AXES = (tuple(Risk), tuple(Reversibility), tuple(reversed(Level)), AMOUNTS, CONFIDENCES)


def facts(**given_facts: object) -> Facts:
    """An action at its best: everything that could speak for it does."""
    best: dict[str, object] = {
        "risk": Risk.LOW,
        "reversibility": Reversibility.REVERSIBLE,
        "now": NOW,
        "confidence": 0.95,
        "amount": 10_000,
        "currency": "EUR",
        "amount_required": True,
        "level": Level.L4,
        "level_expires": LATER,
        "tau": 0.9,
        "tau_kind": "certified",
        "rules": RULES,
        "is_release": True,
        "plan": Plan.ON,
    }
    return Facts(**{**best, **given_facts})  # type: ignore[arg-type]


def in_state(base: Facts, state: str) -> Facts:
    match state:
        case "watch":
            return replace(base, drift=Drift.WATCH)
        case "alarm":
            return replace(base, drift=Drift.ALARM)
        case "uncertified":
            return replace(base, tau=None, tau_kind=None)
        case "stopped":
            return replace(base, stopped="by Lin")
        case "denied":
            return replace(base, rules=replace(RULES, deny="no cash out"))
    return base


def combination(
    risk: Risk,
    reversibility: Reversibility,
    level: Level,
    amount: int,
    confidence: float,
    state: str,
    plan: Plan,
    *,
    is_release: bool = True,
) -> Facts:
    base = facts(
        risk=risk,
        reversibility=reversibility,
        level=level,
        amount=amount,
        confidence=confidence,
        plan=plan,
        is_release=is_release,
    )
    return in_state(base, state)


def every_combination(plan: Plan) -> list[tuple[object, ...]]:
    return [(*axes, state, plan) for *axes, state in itertools.product(*AXES, STATES)]


@pytest.mark.parametrize("plan", [Plan.ON, Plan.OFF])
@pytest.mark.parametrize("is_release", [True, False])
def test_every_combination_has_an_outcome_with_reasons(plan: Plan, is_release: bool) -> None:
    combinations = every_combination(plan)
    assert len(combinations) == 5_400
    for values in combinations:
        routing = route(combination(*values, is_release=is_release))  # type: ignore[arg-type]
        assert routing.why
        assert len(routing.floors) == 8
        assert all(floor.outcome is routing.outcome for floor in routing.why)
        assert not any(floor.outcome.rank > routing.outcome.rank for floor in routing.floors)
        assert routing.needed in (1, 2)
        if routing.outcome is Outcome.TWO_PERSON_REVIEW:
            assert routing.needed == 2


@pytest.mark.parametrize("is_release", [True, False])
def test_no_worse_case_gets_a_looser_outcome(is_release: bool) -> None:
    routed = {
        values: route(combination(*values, is_release=is_release))  # type: ignore[arg-type]
        for plan in (Plan.ON, Plan.OFF)
        for values in every_combination(plan)
    }
    worse_by_one = [dict(itertools.pairwise(axis)) for axis in AXES]
    worse_by_one.append({"ok": "watch", "watch": "alarm", "alarm": "stopped", "stopped": "denied"})
    worse_by_one.append({Plan.ON: Plan.OFF})
    compared = 0
    for values, routing in routed.items():
        for place, worse in enumerate(worse_by_one):
            if values[place] not in worse:
                continue
            stricter = routed[(*values[:place], worse[values[place]], *values[place + 1 :])]
            assert stricter.outcome.rank >= routing.outcome.rank, (values, place)
            assert stricter.needed >= routing.needed, (values, place)
            compared += 1
    assert compared > 40_000


AT_BEST = {
    ("low", "reversible"): "review hold_result execute_and_monitor execute_and_monitor auto_execute",
    ("low", "compensable"): "review hold_result" + " execute_and_monitor" * 3,
    ("medium", "reversible"): "review hold_result" + " execute_and_monitor" * 3,
    ("medium", "compensable"): "review" + " hold_result" * 4,
    ("high", "reversible"): "review" + " hold_result" * 4,
    ("high", "compensable"): " ".join(["review"] * 5),
    ("critical", "reversible"): " ".join(["review"] * 5),
    ("low", "irreversible"): " ".join(["review"] * 5),
    ("medium", "irreversible"): " ".join(["review"] * 5),
    ("high", "irreversible"): " ".join(["two_person_review"] * 5),
    ("critical", "compensable"): " ".join(["two_person_review"] * 5),
    ("critical", "irreversible"): " ".join(["two_person_review"] * 5),
}


@pytest.mark.parametrize("cell", AT_BEST)
def test_outcome_at_best_inputs_is_the_published_table(cell: tuple[str, str]) -> None:
    risk, reversibility = Risk(cell[0]), Reversibility(cell[1])
    outcomes = [route(facts(risk=risk, reversibility=reversibility, level=level)).outcome for level in Level]
    assert outcomes == AT_BEST[cell].split()


@pytest.mark.parametrize("confidence", [None, math.nan, math.inf, -math.inf, -0.01, 1.01, 2.0])
@pytest.mark.parametrize("tau", [0.9, 1e-9])
def test_confidence_that_is_no_probability_never_passes(confidence: float | None, tau: float) -> None:
    routing = route(facts(confidence=confidence, tau=tau))
    assert routing.outcome is Outcome.REVIEW
    assert [floor.name for floor in routing.why] == ["confidence"]


@pytest.mark.parametrize("tau", [None, math.nan, math.inf, 0.0, -1.0, 1.5])
def test_threshold_that_is_no_probability_lets_nothing_pass(tau: float | None) -> None:
    assert route(facts(confidence=1.0, tau=tau)).outcome is Outcome.REVIEW


def test_confidence_at_the_threshold_passes_and_just_below_does_not() -> None:
    assert route(facts(confidence=0.9)).outcome is Outcome.AUTO_EXECUTE
    assert route(facts(confidence=math.nextafter(0.9, 0))).outcome is Outcome.REVIEW


@pytest.mark.parametrize(
    ("confidence", "usable_as"),
    [(None, None), (math.nan, None), (-0.001, None), (1.001, None), (math.inf, None), (0, 0.0), (1, 1.0)],
)
def test_only_a_probability_is_usable(confidence: float | None, usable_as: float | None) -> None:
    assert usable(confidence) == usable_as


@pytest.mark.parametrize("minimum", [Outcome.REVIEW, Outcome.TWO_PERSON_REVIEW, Outcome.ESCALATE])
def test_type_minimum_of_two_people_or_more_needs_two(minimum: Outcome) -> None:
    routing = route(facts(rules=replace(RULES, minimum=minimum)))
    assert routing.outcome is minimum
    assert routing.needed == (1 if minimum is Outcome.REVIEW else 2)


def test_low_confidence_at_high_risk_escalates() -> None:
    assert route(facts(confidence=0.4, risk=Risk.HIGH)).outcome is Outcome.REVIEW
    assert route(facts(confidence=0.39, risk=Risk.HIGH)).outcome is Outcome.ESCALATE
    assert route(facts(confidence=0.39, risk=Risk.MEDIUM)).outcome is Outcome.REVIEW


@pytest.mark.parametrize(
    ("amount", "outcome", "needed"),
    [
        (10_000, Outcome.AUTO_EXECUTE, 1),
        (10_001, Outcome.REVIEW, 1),
        (100_001, Outcome.TWO_PERSON_REVIEW, 2),
        (500_001, Outcome.ESCALATE, 2),
        (1_000_001, Outcome.REJECT, 2),
        (-1_000_001, Outcome.REJECT, 2),
        (None, Outcome.REVIEW, 1),
    ],
)
def test_amount_limits(amount: int | None, outcome: Outcome, needed: int) -> None:
    routing = route(facts(amount=amount))
    assert (routing.outcome, routing.needed) == (outcome, needed)


def test_amount_in_another_currency_is_not_compared_but_escalated() -> None:
    routing = route(facts(currency="JPY", amount=1))
    assert routing.outcome is Outcome.ESCALATE
    assert routing.why[0].value == "limits are in EUR"


def test_type_that_requires_an_amount_but_has_no_limits_is_reviewed() -> None:
    assert route(facts(rules=Rules())).outcome is Outcome.REVIEW
    assert route(facts(rules=Rules(), amount_required=False)).outcome is Outcome.AUTO_EXECUTE


HAND = {"tau_kind": "hand-set", "tau": 0.5, "level": Level.L4}


@pytest.mark.parametrize("expires", [None, NOW, NOW - timedelta(seconds=1)])
def test_hand_set_level_that_expired_or_never_expires_is_level_0(expires: datetime | None) -> None:
    routing = route(facts(**HAND, level_expires=expires))
    assert routing.outcome is Outcome.REVIEW
    assert {floor.name for floor in routing.why} == {"level", "confidence", "state"}


def test_hand_set_level_lets_run_only_what_the_risk_table_allows() -> None:
    ran = {
        (risk, reversibility): route(facts(risk=risk, reversibility=reversibility, confidence=1.0, **HAND))
        for risk in Risk
        for reversibility in Reversibility
    }
    free = {cell for cell, routing in ran.items() if routing.mode is Mode.HOOTL}
    assert free == {(Risk.LOW, Reversibility.REVERSIBLE)}
    for (_, reversibility), routing in ran.items():
        if reversibility is Reversibility.IRREVERSIBLE:
            assert routing.mode is Mode.HITL


def test_hand_set_level_says_that_nothing_is_guaranteed() -> None:
    routing = route(facts(**HAND))
    assert "hand-set, no guarantee" in {f.name: f.value for f in routing.floors}["level"]
    assert "hand-set, no guarantee" in {f.name: f.value for f in routing.floors}["confidence"]


def test_held_result_of_a_type_that_releases_none_is_reviewed() -> None:
    medium = {"risk": Risk.MEDIUM, "reversibility": Reversibility.COMPENSABLE}
    assert route(facts(**medium)).outcome is Outcome.HOLD_RESULT
    assert route(facts(**medium, is_release=False)).outcome is Outcome.REVIEW


@pytest.mark.parametrize("outcome", Outcome)
@pytest.mark.parametrize("risk", Risk)
@pytest.mark.parametrize("reversibility", Reversibility)
def test_override_is_never_looser_than_its_cell_allows(
    outcome: Outcome, risk: Risk, reversibility: Reversibility
) -> None:
    rules = replace(RULES, overrides={(risk, reversibility): Override(outcome, LATER)})
    routing = route(facts(risk=risk, reversibility=reversibility, rules=rules))
    assert routing.outcome is strictest(outcome, loosest_allowed(risk, reversibility))
    if risk is Risk.CRITICAL or reversibility is Reversibility.IRREVERSIBLE:
        assert routing.outcome.rank >= Outcome.REVIEW.rank


def test_expired_override_leaves_the_table_in_force() -> None:
    cell = (Risk.LOW, Reversibility.COMPENSABLE)
    rules = replace(RULES, overrides={cell: Override(Outcome.REVIEW, NOW)})
    low = {"risk": cell[0], "reversibility": cell[1], "rules": rules}
    assert route(facts(**low)).outcome is Outcome.EXECUTE_AND_MONITOR
    assert route(facts(**low, now=NOW - timedelta(days=1))).outcome is Outcome.REVIEW


def test_stopped_agent_escalates_and_deadline_missed_on_arrival_rejects() -> None:
    assert route(facts(stopped="by Lin at 14:02")).outcome is Outcome.ESCALATE
    assert route(facts(past_deadline=True)).outcome is Outcome.REJECT
    assert route(facts(past_deadline=True, stopped="x")).outcome is Outcome.REJECT


def test_drawn_for_qa_is_reviewed_and_reads_like_routine() -> None:
    routing = route(facts(qa_drawn=True))
    assert routing.outcome is Outcome.REVIEW
    assert chip(routing.why) == "routine review"
    assert chip(route(facts(level=Level.L0)).why) == "routine review"
    assert chip(route(facts(tau=None, tau_kind=None)).why) == "routine review"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"confidence": 0.86}, "confidence 0.86 < 0.9"),
        ({"amount": 125_000}, "amount 1,250.00 EUR > 1,000.00 EUR"),
        ({"plan": Plan.OFF, "plan_note": "step 3 fixed the customer"}, "off plan: step 3 fixed the customer"),
        ({"risk": Risk.HIGH, "reversibility": Reversibility.IRREVERSIBLE}, "high risk, irreversible"),
        ({"stopped": "by Lin"}, "stopped: by Lin"),
    ],
)
def test_chip_names_what_the_action_brought_about(changed: dict[str, object], words: str) -> None:
    assert chip(route(facts(**changed)).why) == words


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(125_000, "EUR", "1,250.00 EUR"), (-5, "USD", "-0.05 USD"), (1200, "JPY", "1,200 JPY")],
)
def test_money_is_written_in_the_currency_s_own_units(amount: int, currency: str, text: str) -> None:
    assert money(amount, currency) == text


def test_floor_found_elsewhere_only_makes_it_stricter() -> None:
    free, strict = route(facts()), route(facts(past_deadline=True))
    hidden = Floor("hidden", "hidden characters in to", Outcome.REVIEW)
    held = with_floors(free, hidden)
    assert (held.outcome, held.mode, held.why) == (Outcome.REVIEW, Mode.HITL, (hidden,))
    assert chip(held.why) == "hidden characters in to"
    assert with_floors(strict, hidden).outcome is Outcome.REJECT
    assert with_floors(free) == free


def test_floors_have_the_names_that_are_published() -> None:
    assert {floor.name for floor in route(facts()).floors} == FLOOR_NAMES


anything = st.builds(
    Facts,
    risk=st.sampled_from(Risk),
    reversibility=st.sampled_from(Reversibility),
    now=st.just(NOW),
    confidence=st.none() | st.floats(),
    amount=st.none() | st.integers(-(10**12), 10**12),
    currency=st.sampled_from(["EUR", "USD", ""]),
    amount_required=st.booleans(),
    level=st.sampled_from(Level),
    level_expires=st.none() | st.sampled_from([NOW - timedelta(1), LATER]),
    tau=st.none() | st.floats(),
    tau_kind=st.sampled_from([None, "certified", "hand-set"]),
    rules=st.builds(
        Rules,
        limits=st.none() | st.just(LIMITS),
        minimum=st.sampled_from(Outcome),
        overrides=st.dictionaries(
            st.tuples(st.sampled_from(Risk), st.sampled_from(Reversibility)),
            st.builds(Override, st.sampled_from(Outcome), st.just(LATER)),
        ),
        deny=st.sampled_from(["", "no"]),
    ),
    is_release=st.booleans(),
    plan=st.sampled_from(Plan),
    drift=st.sampled_from(Drift),
    stopped=st.sampled_from(["", "by Lin"]),
    past_deadline=st.booleans(),
    qa_drawn=st.booleans(),
)


@given(anything)
def test_nothing_irreversible_or_critical_ever_runs_unreviewed(case: Facts) -> None:
    outcome = route(case).outcome
    if case.reversibility is Reversibility.IRREVERSIBLE or case.risk is Risk.CRITICAL:
        assert outcome.rank >= Outcome.REVIEW.rank
    if (case.risk, case.reversibility) != (Risk.LOW, Reversibility.REVERSIBLE):
        assert outcome is not Outcome.AUTO_EXECUTE


@given(anything)
def test_losing_confidence_level_or_standing_never_loosens(case: Facts) -> None:
    before = route(case).outcome.rank
    for worse in (
        {"level": Level.L0},
        {"tau_kind": None},
        {"tau": None},
        {"stopped": "by Lin"},
        {"qa_drawn": True},
        {"past_deadline": True},
        {"drift": Drift.ALARM},
    ):
        assert route(replace(case, **worse)).outcome.rank >= before


@given(anything, st.sampled_from([None, math.nan, -1.0, 1.1]))
def test_confidence_that_vanishes_never_reaches_fewer_than_one_reviewer(case: Facts, confidence: float | None) -> None:
    assert route(replace(case, confidence=confidence)).outcome.rank >= Outcome.REVIEW.rank


@given(anything)
def test_time_passing_never_loosens_without_an_override_to_lapse(case: Facts) -> None:
    plain = replace(case, rules=replace(case.rules, overrides={}))
    later = replace(plain, now=NOW + timedelta(days=365))
    assert route(later).outcome.rank >= route(plain).outcome.rank
