"""Levels by hand: reasoned, bounded in time, and never coming back to life."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.models import Event
from reviews.errors import InvalidDecision, NotPermitted
from reviews.models import Level
from reviews.policy import Facts, route
from reviews.queries.policy import level_facts, standing_level
from reviews.services.levels import set_level
from reviews.states import Level as LevelName
from reviews.states import Outcome, Reversibility, Risk
from tests.governance import REASON, Office, last_leaf

pytestmark = pytest.mark.django_db


def days(n: float) -> Any:
    return timezone.now() + timedelta(days=n)


def given(office: Office, **changed: Any) -> Level:
    wanted: dict[str, Any] = {
        "principal": office.agent,
        "action_type": office.mail,
        "level": LevelName.L4,
        "threshold": 900,
        "expires": days(30),
        "reason": REASON,
        "by": office.lead,
        **changed,
    }
    with office.as_web():
        return set_level(**wanted)


def outcome_now(office: Office, confidence: float | None, *, at: Any = None) -> Outcome:
    row = standing_level(principal=office.agent.id, version=office.agent.version, type_name="mail.archive")
    facts = Facts(
        risk=Risk.LOW,
        reversibility=Reversibility.REVERSIBLE,
        now=at or timezone.now(),
        confidence=confidence,
        **level_facts(row),
    )
    return route(facts).outcome


def test_level_is_kept_with_reason_and_told_with_what_was_before(office: Office) -> None:
    given(office, level=LevelName.L2, threshold=950)
    row = given(office)
    assert (row.level, row.tau, row.version, row.hand_set) == ("L4", 0.9, "3", True)
    assert (row.reason, row.by) == (REASON, office.lead.user)
    leaf = last_leaf()
    assert leaf["name"] == "level.set"
    assert leaf["case"]["id"] == f"principal:{office.agent.id}"
    assert leaf["data"]["before"]["level"] == "L2"
    assert leaf["data"]["before"]["threshold_permille"] == 950
    assert leaf["data"]["level"] == "L4"
    assert leaf["data"]["threshold_permille"] == 900
    assert Level.objects.count() == 2


def test_agent_starts_at_level_0_and_a_level_lets_confident_actions_run(office: Office) -> None:
    assert outcome_now(office, 1.0) is Outcome.REVIEW
    given(office)
    assert outcome_now(office, 0.9) is Outcome.AUTO_EXECUTE
    assert outcome_now(office, 0.899) is Outcome.REVIEW
    assert outcome_now(office, None) is Outcome.REVIEW


def test_level_ends_with_its_expiry(office: Office) -> None:
    given(office, expires=days(1))
    assert outcome_now(office, 1.0) is Outcome.AUTO_EXECUTE
    assert outcome_now(office, 1.0, at=days(1.01)) is Outcome.REVIEW


def test_longer_but_older_level_does_not_come_back_when_a_newer_one_ends(office: Office) -> None:
    given(office, expires=days(90))
    given(office, level=LevelName.L0, threshold=None, expires=days(1))
    assert outcome_now(office, 1.0) is Outcome.REVIEW
    assert outcome_now(office, 1.0, at=days(2)) is Outcome.REVIEW


def test_new_version_of_the_agent_is_back_at_level_0(office: Office) -> None:
    given(office)
    office.agent.version = "4"
    office.agent.save()
    assert outcome_now(office, 1.0) is Outcome.REVIEW


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"reason": "no"}, "a reason of 10"),
        ({"threshold": None}, "a threshold is needed"),
        ({"threshold": 0}, "lies above 0"),
        ({"threshold": 1001}, "lies above 0"),
        ({"level": LevelName.L0}, "level 0 lets nothing pass"),
        ({"expires": timedelta(days=91)}, "lasts 90 days at most"),
        ({"expires": timedelta(seconds=-1)}, "must lie in the future"),
    ],
)
def test_level_that_lacks_something_is_refused(office: Office, changed: dict[str, Any], message: str) -> None:
    if "expires" in changed:
        changed = {"expires": timezone.now() + changed["expires"]}
    with pytest.raises(InvalidDecision, match=message):
        given(office, **changed)
    assert not Level.objects.exists()
    assert not Event.objects.exists()


def test_reviewer_sets_no_level(office: Office) -> None:
    with pytest.raises(NotPermitted):
        given(office, by=office.reviewer)
    assert not Level.objects.exists()
