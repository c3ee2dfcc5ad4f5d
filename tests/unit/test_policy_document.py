"""The policy document: strict, explained, and the same bytes everywhere."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reviews.errors import InvalidPayload
from reviews.policy import Limits, loosest_allowed
from reviews.policy.document import (
    DEFAULT_POLICY,
    PolicyDocument,
    TypePolicy,
    changes,
    parse,
)
from reviews.states import Outcome, Reversibility, Risk, Verdict

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SOON = "2026-12-20T12:00:00Z"
LIMITS = {"currency": "EUR", "auto": 10, "single": 20, "pair": 30, "cap": 40}


def override(**changed: object) -> dict[str, object]:
    return {
        "risk": "low",
        "reversibility": "reversible",
        "outcome": "execute_and_monitor",
        "lead": "psn_1",
        "reason": "after the incident of May",
        "expires": SOON,
        **changed,
    }


def document(**policy: object) -> PolicyDocument:
    return parse({"types": {"refund.issue": policy}})


def refused(**policy: object) -> dict[str, str]:
    with pytest.raises(InvalidPayload) as refusal:
        document(**policy)
    return {error["path"]: error["message"] for error in refusal.value.errors}


def test_document_survives_its_own_bytes() -> None:
    original = document(limits=LIMITS, minimum="review", overrides=[override()], deny="fraud")
    again = parse(json.loads(original.canonical()))
    assert again == original
    assert again.canonical() == original.canonical()


def test_canonical_bytes_hold_no_binary_fraction_and_no_default() -> None:
    assert document(low_mark=400).canonical() == b'{"types":{"refund.issue":{}}}'
    assert document(low_mark=250).canonical() == b'{"types":{"refund.issue":{"low_mark":250}}}'


def test_rules_are_in_the_units_that_routing_reads() -> None:
    rules = document(limits=LIMITS, low_mark=250, overrides=[override()]).of("refund.issue").rules()
    assert rules.limits == Limits("EUR", 10, 20, 30, 40)
    assert rules.low_mark == 0.25
    cell = rules.overrides[(Risk.LOW, Reversibility.REVERSIBLE)]
    assert (cell.outcome, cell.expires) == (Outcome.EXECUTE_AND_MONITOR, NOW + timedelta(days=30))


def test_type_that_policy_does_not_name_has_the_defaults() -> None:
    assert DEFAULT_POLICY.of("anything") == TypePolicy()
    assert DEFAULT_POLICY.of("anything").rules().limits is None


@pytest.mark.parametrize(
    ("policy", "path", "message"),
    [
        ({"limits": {**LIMITS, "single": 9}}, "limits", "the limits must rise"),
        ({"limits": {**LIMITS, "auto": -1}}, "limits.auto", "greater than or equal to 0"),
        ({"limits": {**LIMITS, "auto": 0.5}}, "limits.auto", "valid integer"),
        ({"limits": {**LIMITS, "currency": "euro"}}, "limits.currency", "match pattern"),
        ({"low_mark": 1001}, "low_mark", "less than or equal to 1000"),
        ({"minimum": "yolo"}, "minimum", "Input should be"),
        ({"surprise": 1}, "surprise", "Extra inputs"),
        ({"batch": {"approve_low": 1001}}, "batch.approve_low", "less than or equal to 1000"),
        ({"overrides": [override(reason="short")]}, "overrides.0.reason", "at least 10"),
        ({"overrides": [override(expires="2026-12-20T12:00:00")]}, "overrides.0.expires", "timezone"),
        ({"overrides": [override(), override()]}, "", "overridden twice"),
    ],
)
def test_bad_policy_is_refused_with_its_path(policy: dict[str, object], path: str, message: str) -> None:
    errors = refused(**policy)
    assert message in errors[f"types.refund.issue.{path}".rstrip(".")]


@pytest.mark.parametrize("risk", Risk)
@pytest.mark.parametrize("reversibility", Reversibility)
def test_override_looser_than_its_cell_may_be_is_refused(risk: Risk, reversibility: Reversibility) -> None:
    for outcome in Outcome:
        entry = override(risk=risk, reversibility=reversibility, outcome=outcome)
        if outcome.rank < loosest_allowed(risk, reversibility).rank:
            assert "never looser" in str(refused(overrides=[entry]))


def test_override_that_turns_the_table_upside_down_is_refused() -> None:
    loose = override(risk="high", reversibility="compensable")
    assert "high/reversible would be" not in str(refused(overrides=[loose]))
    assert "more loosely than medium/compensable" in str(refused(overrides=[loose]))
    both = [
        override(risk=risk, reversibility=reversibility)
        for risk, reversibility in (("high", "compensable"), ("medium", "compensable"), ("high", "reversible"))
    ]
    assert len(document(overrides=both).of("refund.issue").rules().overrides) == 3


def test_tightening_one_cell_names_the_worse_cell_that_must_follow() -> None:
    strict = override(outcome="two_person_review")
    message = str(refused(overrides=[strict]))
    assert "override medium/reversible too, or raise the type's minimum" in message


def test_overrides_that_only_hold_each_other_up_for_a_while_are_refused() -> None:
    lasting = override(risk="critical", outcome="review", expires=SOON)
    lifted = override(risk="high", outcome="review", expires=SOON)
    assert document(overrides=[lasting, lifted]).of("refund.issue").overrides
    three = [
        override(risk=risk, reversibility=reversibility)
        for risk, reversibility in (("high", "compensable"), ("medium", "compensable"), ("high", "reversible"))
    ]
    for entry in three[1:]:
        sooner = [{**e, "expires": "2026-12-01T00:00:00Z"} if e is entry else e for e in three]
        assert "more loosely" in str(refused(overrides=sooner))


def test_override_beyond_ninety_days_is_named() -> None:
    fine = document(overrides=[override()])
    late = document(overrides=[override(expires="2027-02-19T12:00:00Z")])
    assert fine.overlong(NOW) == []
    assert late.overlong(NOW) == ["refund.issue"]


def test_changes_name_what_differs_and_only_that() -> None:
    before = document(low_mark=250, minimum="review")
    after = document(low_mark=300, minimum="review", deny="fraud wave")
    assert changes(before, after) == {
        "refund.issue.deny": (None, "fraud wave"),
        "refund.issue.low_mark": (250, 300),
    }
    assert changes(after, after) == {}


def test_batch_limits_come_from_the_type() -> None:
    policy = document(batch={"approve_low": 500}).of("refund.issue")
    assert policy.batch_limit(Verdict.APPROVE, Risk.LOW) == 500
    assert policy.batch_limit(Verdict.APPROVE, Risk.MEDIUM) == 25
    assert policy.batch_limit(Verdict.APPROVE, Risk.HIGH) == 0


scalars = st.none() | st.booleans() | st.integers(-1, 1001) | st.sampled_from(["", "review", SOON])
values = scalars | st.lists(scalars, max_size=2) | st.dictionaries(st.sampled_from("ab"), scalars)
fields = st.dictionaries(st.sampled_from([*TypePolicy.model_fields, "surprise"]), values, max_size=3)


@given(st.dictionaries(st.sampled_from(["refund.issue", "Bad Name"]), fields, max_size=2))
def test_any_json_is_either_a_policy_or_refused_as_one(types: dict[str, Any]) -> None:
    refused: list[dict[str, str]] = []
    try:
        found = parse({"types": types})
    except InvalidPayload as refusal:
        refused = refusal.errors
    assert refused or parse(found.plain()) == found
