"""The order of the queue, packed into one number."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reviews.prio import breach, expected_cost, pack_prio
from reviews.states import Risk

AMOUNTS = st.none() | st.integers(-(2**60), 2**60)
CONFIDENCE = st.none() | st.floats(0, 1)


@given(AMOUNTS, CONFIDENCE, AMOUNTS, CONFIDENCE)
def test_risk_comes_before_any_amount(a: int | None, ca: float | None, b: int | None, cb: float | None) -> None:
    graver = pack_prio(risk=Risk.HIGH, amount=a, currency="EUR", confidence=ca)
    assert graver < pack_prio(risk=Risk.MEDIUM, amount=b, currency="EUR", confidence=cb)


@given(st.sampled_from(Risk), AMOUNTS, CONFIDENCE)
def test_what_is_late_comes_before_everything_in_time(risk: Risk, amount: int | None, confidence: float | None) -> None:
    late = pack_prio(risk=risk, amount=amount, currency="EUR", confidence=confidence, breached=True)
    assert late < pack_prio(risk=Risk.CRITICAL, amount=2**60, currency="EUR")
    assert breach(pack_prio(risk=risk, amount=amount, currency="EUR", confidence=confidence)) == late == breach(late)


@given(st.sampled_from(Risk), AMOUNTS, CONFIDENCE, st.sampled_from(["EUR", "JPY", "XXX", ""]), st.booleans())
def test_it_fits_into_a_column(
    risk: Risk, amount: int | None, confidence: float | None, currency: str, late: bool
) -> None:
    packed = pack_prio(risk=risk, amount=amount, currency=currency, confidence=confidence, breached=late)
    assert 0 <= packed < 2**63


def test_more_money_and_more_doubt_come_first() -> None:
    assert expected_cost(1_000, "EUR", 0.9) < expected_cost(1_000, "EUR", 0.5) < expected_cost(1_000, "EUR", None)
    assert expected_cost(1_000, "EUR", 0.5) < expected_cost(2_000, "EUR", 0.5)
    assert expected_cost(-1_000, "EUR", 0.5) == expected_cost(1_000, "EUR", 0.5)


def test_an_unknown_currency_is_the_highest_of_its_risk_and_no_amount_the_lowest() -> None:
    unknown = pack_prio(risk=Risk.LOW, amount=1, currency="XXX", confidence=1.0)
    assert unknown < pack_prio(risk=Risk.LOW, amount=10**9, currency="EUR", confidence=0.1)
    assert pack_prio(risk=Risk.LOW) > pack_prio(risk=Risk.LOW, amount=1, currency="EUR")
