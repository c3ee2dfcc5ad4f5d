"""Dwell, undo windows and batches: what a hurried reviewer may not do."""

from dataclasses import dataclass, replace

import pytest

from reviews.policy import (
    BatchItem,
    BatchLimits,
    Limits,
    batch_block_reason,
    batch_dwell,
    minimum_dwell,
    undo_window,
)
from reviews.states import Reversibility, Risk, Verdict


@dataclass(frozen=True)
class Timings:
    undo_low: float = 10.0
    undo_high: float = 30.0
    dwell_low: float = 0.4
    dwell_medium: float = 2.0
    dwell_high: float = 8.0


NORMAL = Timings()
SHORT = Timings(undo_low=2, undo_high=2, dwell_low=0.4, dwell_medium=0.4, dwell_high=0.4)


@pytest.mark.parametrize(
    ("risk", "words", "seconds"),
    [
        (Risk.LOW, 10_000, 0.4),
        (Risk.MEDIUM, 10_000, 2.0),
        (Risk.HIGH, 100, 8.0),
        (Risk.HIGH, 1_000, 60.0),
        (Risk.CRITICAL, 1_000, 60.0),
    ],
)
def test_dwell_grows_with_risk_and_words(risk: Risk, words: int, seconds: float) -> None:
    assert minimum_dwell(risk, words, NORMAL) == pytest.approx(seconds)


def test_short_profile_shortens_reading_in_proportion() -> None:
    assert minimum_dwell(Risk.HIGH, 1_000, SHORT) == pytest.approx(3.0)


def test_type_may_ask_for_more_dwell_and_undo_but_never_for_less() -> None:
    assert minimum_dwell(Risk.LOW, 0, NORMAL, at_least=5) == 5
    assert minimum_dwell(Risk.MEDIUM, 0, NORMAL, at_least=0.1) == 2.0
    assert undo_window(Risk.LOW, NORMAL, at_least=60) == 60
    assert undo_window(Risk.HIGH, NORMAL, at_least=1) == 30


@pytest.mark.parametrize(
    ("risk", "seconds"),
    [(Risk.LOW, 10), (Risk.MEDIUM, 10), (Risk.HIGH, 30), (Risk.CRITICAL, 30)],
)
def test_undo_window_by_risk(risk: Risk, seconds: float) -> None:
    assert undo_window(risk, NORMAL) == seconds


def test_batch_preview_takes_half_a_second_an_item_and_never_under_three() -> None:
    assert batch_dwell(2, NORMAL) == 3.0
    assert batch_dwell(100, NORMAL) == 50.0
    assert batch_dwell(2, SHORT) == pytest.approx(0.15)


LIMITS = Limits(currency="EUR", auto=1_000, single=10_000, pair=20_000, cap=30_000)
ITEM = BatchItem(
    type="refund.issue",
    risk=Risk.LOW,
    reversibility=Reversibility.COMPENSABLE,
    amount=10_000,
    currency="EUR",
    limits=LIMITS,
)


def blocked(verdict: Verdict, **changed: object) -> str | None:
    item = replace(ITEM, **changed)  # type: ignore[arg-type]
    return batch_block_reason(verdict, item, batch_type="refund.issue")


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({}, None),
        ({"risk": Risk.MEDIUM}, None),
        ({"risk": Risk.HIGH}, "high risk goes one by one"),
        ({"risk": Risk.CRITICAL}, "critical risk goes one by one"),
        ({"reversibility": Reversibility.IRREVERSIBLE}, "irreversible goes one by one"),
        ({"amount": 10_001}, "amount above 100.00 EUR"),
        ({"amount": -10_001}, "amount above 100.00 EUR"),
        ({"currency": "USD"}, "limits are in EUR"),
        ({"needed": 2}, "needs two people"),
        ({"is_question": True}, "a question is answered on its own page"),
        ({"question_open": True}, "a question is open"),
        ({"claimed_by_other": "grace"}, "claimed by grace"),
        ({"type": "mail.send"}, "a batch is of one type, this is mail.send"),
        ({"loaded": False}, "made for a version of its type that is not loaded"),
    ],
)
def test_batch_approval_leaves_out_what_goes_one_by_one(changed: dict[str, object], reason: str | None) -> None:
    assert blocked(Verdict.APPROVE, **changed) == reason


def test_batch_rejection_takes_anything_pending_but_questions_and_others_claims() -> None:
    worst = {
        "risk": Risk.CRITICAL,
        "reversibility": Reversibility.IRREVERSIBLE,
        "amount": 10**9,
        "needed": 2,
        "question_open": True,
        "type": "mail.send",
        "loaded": False,
    }
    assert blocked(Verdict.REJECT, **worst) is None
    assert blocked(Verdict.REJECT, is_question=True) is not None
    assert blocked(Verdict.REJECT, claimed_by_other="grace") == "claimed by grace"


@pytest.mark.parametrize("verdict", [Verdict.ASK, Verdict.ESCALATE])
def test_only_verdicts_are_batched(verdict: Verdict) -> None:
    assert blocked(verdict) == f"{verdict} is not done in batches"


def test_batch_limits_by_risk() -> None:
    limits = BatchLimits()
    assert [limits.of(Verdict.APPROVE, risk) for risk in Risk] == [100, 25, 0, 0]
    assert limits.of(Verdict.REJECT, Risk.CRITICAL) == 100
