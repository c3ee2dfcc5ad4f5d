"""Reasons: what must be said, what may be picked, what cannot be kept."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from reviews.errors import InvalidDecision
from reviews.reasons import Preset, by_use, doubt_of, presets, why_required, worded
from reviews.states import Risk, Verdict

USUAL = SimpleNamespace(presets={})
OWN = SimpleNamespace(presets={"reject": [{"code": "dup", "text": "A duplicate."}, {"broken": 1}]})


def test_a_types_own_reasons_replace_the_usual_ones() -> None:
    assert presets(OWN, "reject") == (Preset("dup", "A duplicate."),)
    assert presets(OWN, "approve") == presets(USUAL, "approve")
    assert len(presets(USUAL, "reject")) <= 9


def test_a_picked_reason_brings_its_words_unless_others_were_typed() -> None:
    assert worded(OWN, "reject", "dup", "", required=True) == "A duplicate."
    assert worded(OWN, "reject", "dup", "see ACT-1", required=True) == "see ACT-1"


@pytest.mark.parametrize(
    ("code", "words"),
    [("", ""), ("", "  \n"), ("other", "too short"), ("wrong_facts", "x"), ("dup", "bell\x07"), ("dup", "x" * 4_001)],
)
def test_a_reason_that_says_nothing_or_cannot_be_kept_is_refused(code: str, words: str) -> None:
    with pytest.raises(InvalidDecision):
        worded(OWN, "reject", code, words, required=True)


@pytest.mark.parametrize(
    ("verdict", "risk", "required"),
    [
        (Verdict.APPROVE, Risk.LOW, False),
        (Verdict.APPROVE, Risk.MEDIUM, False),
        (Verdict.APPROVE, Risk.HIGH, True),
        (Verdict.APPROVE, Risk.CRITICAL, True),
        (Verdict.REJECT, Risk.LOW, True),
        (Verdict.ESCALATE, Risk.LOW, True),
    ],
)
def test_only_approving_something_harmless_needs_no_words(verdict: Verdict, risk: Risk, required: bool) -> None:
    assert bool(why_required(verdict, risk)) is required


def test_the_agents_own_doubt_and_precedents_that_went_the_other_way_ask_for_words() -> None:
    assert why_required(Verdict.APPROVE, Risk.LOW, doubted=doubt_of(0.39, 0.4)) == "the agent itself was unsure: 0.39"
    assert not why_required(Verdict.APPROVE, Risk.LOW, doubted=doubt_of(0.4, 0.4) + doubt_of(None, 0.4))
    assert why_required(Verdict.APPROVE, Risk.LOW, against="4 of 5 precedents were rejected")
    with pytest.raises(InvalidDecision, match="a reason is needed: because"):
        worded(USUAL, "approve", "", "", required="because")


def test_reasons_that_are_picked_most_come_first_and_the_others_keep_their_order() -> None:
    a, b, c = (Preset(code, code) for code in "abc")
    assert by_use((a, b, c), {"c": 3, "x": 9}) == (c, a, b)
