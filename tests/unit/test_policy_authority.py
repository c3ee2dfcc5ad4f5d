"""Who may decide: one grant must cover the whole case, and four eyes hold."""

import itertools
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from reviews.policy import Case, Grant, Parties, may_approve, may_decide
from reviews.states import Risk

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
CASE = Case(type="refund.issue", risk=Risk.MEDIUM, has_amount=True, amount=50_000, currency="EUR")
GRANT = Grant(type="refund.issue", max_risk=Risk.MEDIUM, max_amount=50_000, currency="EUR")


def test_grant_that_covers_type_risk_and_amount_allows() -> None:
    permission = may_decide(CASE, (GRANT,), now=NOW)
    assert permission.allowed
    assert permission.reason == ""


def test_nobody_decides_without_any_grant() -> None:
    permission = may_decide(CASE, (), now=NOW)
    assert not permission.allowed
    assert permission.reason == "you have no authority to decide; ask a lead"


@pytest.mark.parametrize(
    ("lacking", "reason"),
    [
        ({"type": "mail.send"}, "your authority does not cover refund.issue"),
        ({"max_risk": Risk.LOW}, "medium risk is above your limit, low"),
        ({"max_amount": 49_999}, "500.00 EUR is above your limit, 499.99 EUR"),
        ({"currency": "USD"}, "your limit is in USD, this is in EUR"),
        ({"valid_until": NOW}, "your authority for refund.issue ended on 2026-11-20"),
        ({"qualification": "KYC"}, "your qualification KYC is missing or has expired"),
        (
            {"qualification": "KYC", "qualified_until": NOW},
            "your qualification KYC is missing or has expired",
        ),
    ],
)
def test_grant_that_lacks_one_thing_refuses_and_says_which(lacking: dict[str, object], reason: str) -> None:
    permission = may_decide(CASE, (replace(GRANT, **lacking),), now=NOW)
    assert (permission.allowed, permission.reason) == (False, reason)


def test_grants_do_not_add_up() -> None:
    risk_only = replace(GRANT, max_amount=1)
    amount_only = replace(GRANT, max_risk=Risk.LOW)
    assert not may_decide(CASE, (risk_only, amount_only), now=NOW).allowed


def test_unknown_amount_is_beyond_any_limited_grant() -> None:
    unknown = replace(CASE, amount=None)
    assert not may_decide(unknown, (GRANT,), now=NOW).allowed
    assert may_decide(unknown, (replace(GRANT, max_amount=None),), now=NOW).allowed


def test_maximum_without_a_currency_counts_in_the_case_s_own() -> None:
    plain = replace(GRANT, currency="")
    assert may_decide(CASE, (plain,), now=NOW).allowed
    refused = may_decide(replace(CASE, amount=50_001), (plain,), now=NOW)
    assert refused.reason == "500.01 EUR is above your limit, 500.00 EUR"


def test_negative_amount_counts_by_its_size() -> None:
    assert not may_decide(replace(CASE, amount=-50_001), (GRANT,), now=NOW).allowed


def test_grant_of_any_type_and_amount_is_still_bound_by_risk() -> None:
    wide = Grant(max_risk=Risk.HIGH)
    assert may_decide(replace(CASE, amount=10**12), (wide,), now=NOW).allowed
    assert not may_decide(replace(CASE, risk=Risk.CRITICAL), (wide,), now=NOW).allowed


def test_every_combination_is_allowed_exactly_when_every_part_is_covered() -> None:
    risks = tuple(Risk)
    amounts = (0, 49_999, 50_000, 50_001)
    limits = (None, 50_000)
    ends = (None, NOW, NOW + timedelta(seconds=1))
    compared = 0
    for risk, top, amount, limit, until, named in itertools.product(
        risks, risks, amounts, limits, ends, ("", "refund.issue", "mail.send")
    ):
        case = replace(CASE, risk=risk, amount=amount)
        grant = replace(GRANT, type=named, max_risk=top, max_amount=limit, valid_until=until)
        expected = (
            risks.index(risk) <= risks.index(top)
            and (limit is None or amount <= limit)
            and until != NOW
            and named != "mail.send"
        )
        assert may_decide(case, (grant,), now=NOW).allowed is expected
        compared += 1
    assert compared == 4 * 4 * 4 * 2 * 3 * 3


PARTIES = Parties(proposer="bot", owner="olga", author="ada", escalators=frozenset({"lin"}))


def test_proposer_and_owner_never_approve() -> None:
    assert not may_approve("bot", PARTIES).allowed
    assert not may_approve("olga", PARTIES).allowed
    assert may_approve("grace", PARTIES).allowed


def test_author_approves_only_alone_and_only_where_the_edit_may_be_its_own_review() -> None:
    assert not may_approve("ada", PARTIES).allowed
    assert may_approve("ada", replace(PARTIES, self_edit=True)).allowed
    assert not may_approve("ada", replace(PARTIES, self_edit=True, needed=2)).allowed


def test_escalator_approves_only_where_one_approval_is_enough() -> None:
    assert may_approve("lin", PARTIES).allowed
    assert not may_approve("lin", replace(PARTIES, needed=2)).allowed
