"""Deciding one: who may, on what, after how long a look; and what the loser of a race is told."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.models import Content, Event
from reviews import services
from reviews.errors import (
    AlreadyDecided,
    InvalidDecision,
    NotFound,
    NotPermitted,
    StaleRevision,
    TooFast,
    WrongState,
)
from reviews.models import ActionType, Authority, Decision, Item
from reviews.schemas import DecisionIn, decode
from reviews.states import Status, Verdict
from tests import build
from tests.build import APPROVE, REJECT
from tests.logins import as_role

pytestmark = pytest.mark.django_db


def test_one_approval_lets_a_harmless_action_through_after_its_undo_window(monkeypatch: pytest.MonkeyPatch) -> None:
    build.timings(monkeypatch, undo_low=60.0)
    house = build.house()
    item = build.pending(house)
    vote = build.decide(house, item)
    row = build.state_of(item.action_id, Status.APPROVED)
    assert vote.reviewer == house.ada
    assert row.release_at is not None and row.valid_until is not None
    window = (row.release_at - vote.created_at).total_seconds()
    assert 55 < window < 65
    assert row.valid_until > row.release_at
    assert Item.objects.get(id=item.id).closed_at is not None


def test_a_rejection_closes_at_once_and_says_why() -> None:
    house = build.house()
    item = build.pending(house)
    decision = DecisionIn(verdict=Verdict.REJECT, reason_code="other", rationale="the customer withdrew it")
    vote = build.decide(house, item, decision)
    build.state_of(item.action_id, Status.REJECTED)
    kept = Content.objects.get(event_id=vote.event_id, field="rationale")
    assert decode(bytes(kept.body)) == ["rationale", "the customer withdrew it"]


def test_a_preset_brings_its_own_words() -> None:
    house = build.house()
    vote = build.decide(house, build.pending(house), REJECT)
    kept = Content.objects.get(event_id=vote.event_id, field="rationale")
    assert decode(bytes(kept.body))[1] == "The facts do not support it."


def test_where_two_are_needed_the_second_approval_closes() -> None:
    house = build.house()
    item = build.pending(house, "files.delete")
    build.decide(house, item, name="ada")
    row = build.state_of(item.action_id, Status.PENDING)
    assert (row.release_at, Item.objects.get(id=item.id).version) == (None, 1)
    build.decide(house, item, name="grace")
    build.state_of(item.action_id, Status.APPROVED)


def test_one_rejection_outweighs_an_approval() -> None:
    house = build.house()
    item = build.pending(house, "files.delete")
    build.decide(house, item, name="ada")
    build.decide(house, item, REJECT, name="grace")
    build.state_of(item.action_id, Status.REJECTED)


def test_nobody_votes_twice_on_the_same_bytes() -> None:
    house = build.house()
    item = build.pending(house, "files.delete")
    build.decide(house, item)
    with build.refused(AlreadyDecided):
        build.decide(house, item)


def test_the_loser_is_told_who_decided_and_when() -> None:
    house = build.house()
    item = build.pending(house)
    made = build.decide(house, item, REJECT, "grace")
    vote = Decision.objects.get(id=made.id)
    with build.refused(AlreadyDecided) as caught:
        build.decide(house, item, name="ada")
    lost = caught.value
    assert isinstance(lost, AlreadyDecided)
    assert (lost.by, lost.at, lost.state) == ("Grace", vote.created_at, "rejected")


@pytest.mark.parametrize(
    "stale", [{"version": 7}, {"digest": b"x" * 32}, {"evidence": 3}, {"message": 3}, {"evidence": 0}]
)
def test_what_was_not_shown_as_it_is_cannot_be_decided(stale: dict[str, Any]) -> None:
    house = build.house()
    item = build.pending(house, evidence=(build.evidence(),))
    with build.refused(StaleRevision):
        build.decide(house, item, **stale)


def test_out_of_reach_is_not_there() -> None:
    house = build.house()
    item = build.pending(house)
    for name in ("mallory", "root"):
        with build.refused(NotFound):
            build.decide(house, item, name=name)


def test_a_closed_account_decides_nothing() -> None:
    house = build.house()
    item = build.pending(house)
    type(house.ada).objects.filter(id=house.ada.id).update(is_active=False)
    with build.refused(NotFound):
        build.decide(house, item)


def test_the_agents_owner_may_reject_and_not_approve() -> None:
    house = build.house()
    item = build.pending(house)
    with build.refused(NotPermitted, "you own the agent"):
        build.decide(house, item, name="noor")
    build.decide(house, item, REJECT, name="noor")
    build.state_of(item.action_id, Status.REJECTED)


def test_nobody_approves_what_they_proposed() -> None:
    house = build.house()
    with as_role("web"):
        made = services.propose(proposal=build.proposal(), by=house.by("ada"))
    build.route()
    with build.refused(NotPermitted, "you proposed this"):
        build.decide(house, build.item_of(made.id))


@pytest.mark.parametrize(
    ("limit", "why"),
    [
        ({"max_risk": "low"}, "medium risk is above your limit"),
        ({"max_amount": 12_000, "action_type_id": "refund.issue"}, "above your limit"),
        ({"action_type_id": "mail.send"}, "does not cover refund.issue"),
        ({"valid_until": timezone.now() - timedelta(days=1)}, "ended on"),
    ],
)
def test_authority_ends_at_type_risk_amount_and_date(limit: dict[str, Any], why: str) -> None:
    house = build.house()
    item = build.pending(house, "refund.issue")
    Authority.objects.filter(group=house.reviewers).update(**limit)
    for decision in (APPROVE, REJECT):
        with build.refused(NotPermitted, why):
            build.decide(house, item, decision)


@pytest.mark.parametrize(
    ("decision", "type_name"),
    [
        (DecisionIn(verdict=Verdict.REJECT), "mail.send"),
        (DecisionIn(verdict=Verdict.APPROVE), "files.delete"),
        (DecisionIn(verdict=Verdict.REJECT, reason_code="other", rationale="too short"), "mail.send"),
        (DecisionIn(verdict=Verdict.REJECT, reason_code="made_up", rationale="x" * 20), "mail.send"),
        (DecisionIn(verdict=Verdict.REJECT, rationale="bell \x07"), "mail.send"),
        (DecisionIn(verdict=Verdict.ASK, rationale="really?"), "mail.send"),
    ],
)
def test_a_decision_without_its_reason_is_refused(decision: DecisionIn, type_name: str) -> None:
    house = build.house()
    item = build.pending(house, type_name)
    with build.refused(InvalidDecision):
        build.decide(house, item, decision)


def test_a_harmless_approval_needs_no_words() -> None:
    house = build.house()
    item = build.pending(house)
    build.decide(house, item, DecisionIn(verdict=Verdict.APPROVE))
    build.state_of(item.action_id, Status.APPROVED)


def test_a_decision_before_looking_is_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    house = build.house()
    item = build.pending(house, "files.delete")
    build.timings(monkeypatch, dwell_high=8.0)
    with build.refused(InvalidDecision, "Look first") as caught:
        build.decide(house, item, opened_at=timezone.now() - timedelta(seconds=7))
    assert 0 < float(str(caught.value.detail["wait"])) <= 1.1
    build.decide(house, item, opened_at=timezone.now() - timedelta(seconds=9))


def test_after_a_decision_the_next_harmless_one_starts_its_own_look(monkeypatch: pytest.MonkeyPatch) -> None:
    house = build.house()
    first, second = build.pending(house), build.pending(house)
    build.timings(monkeypatch, dwell_low=30.0)
    build.decide(house, first)
    with build.refused(InvalidDecision, "Look first"):
        build.decide(house, second)


def test_without_the_pages_stamp_nothing_is_decided() -> None:
    house = build.house()
    item = build.pending(house)
    with build.refused(InvalidDecision, "stamp"):
        build.decide(house, item, opened_at=None)


def test_too_many_in_a_minute_must_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    house = build.house()
    caps = {"low": 2, "medium": 2, "high": 2, "critical": 2}
    build.timings(monkeypatch, caps_per_minute=caps, dwell_low=0.0)
    items = [build.pending(house) for _ in range(3)]
    other = build.pending(house, "call.place")
    for item in items[:2]:
        build.decide(house, item)
    with build.refused(TooFast) as caught:
        build.decide(house, items[2])
    assert 55 <= int(str(caught.value.detail["wait"])) <= 61
    build.decide(house, other)


def test_the_stamp_of_another_person_or_item_is_worth_nothing() -> None:
    house = build.house()
    token = services.stamp_shown(house.ada, "item-1")
    assert services.shown_at(token, house.ada, "item-1") is not None
    assert services.shown_at(token, house.grace, "item-1") is None
    assert services.shown_at(token, house.ada, "item-2") is None
    assert services.shown_at(token[:-2] + "xx", house.ada, "item-1") is None


def test_hidden_characters_in_an_address_can_only_be_rejected() -> None:
    house = build.house()
    item = build.pending(house, payload={"to": "kim\u202e@example.org", "subject": "x"})
    with build.refused(InvalidDecision, "hidden characters in to"):
        build.decide(house, item)
    build.decide(house, item, REJECT)


def test_a_type_version_that_is_gone_can_only_be_rejected() -> None:
    house = build.house()
    item = build.pending(house)
    ActionType.objects.filter(name="mail.send").update(version=2)
    with build.refused(InvalidDecision, "version 1 of its type"):
        build.decide(house, item)
    build.decide(house, item, REJECT)


def test_with_a_question_open_it_can_only_be_rejected() -> None:
    house = build.house()
    item = build.pending(house)
    shown = build.seen(item)
    with as_role("web"):
        services.ask(item=item.id, seen=shown, text="Which order?", by=house.by())
    with build.refused(WrongState):
        build.decide(house, item, name="grace")
    build.decide(house, item, REJECT, name="grace")


def test_whoever_escalated_is_not_one_of_the_two() -> None:
    house = build.house()
    item = build.pending(house, "files.delete")
    shown = build.seen(item)
    with as_role("web"):
        services.escalate(item=item.id, seen=shown, target=house.leads, rationale="above my head", by=house.by())
    with build.refused(NotPermitted, "you escalated this"):
        build.decide(house, item)


def test_the_event_holds_who_what_when_and_why() -> None:
    house = build.house()
    item = build.pending(house, "refund.issue", evidence=(build.evidence(),))
    vote = build.decide(house, item)
    row = Event.objects.get(id=vote.event_id)
    leaf = decode(bytes(row.leaf))
    assert leaf["actor"]["ref"] == house.ada.pseudonym
    assert leaf["change"] == {"from": "pending", "to": "approved"}
    assert leaf["data"]["evidence_seen"] == 1
    assert (leaf["data"]["verdict"], leaf["data"]["outcome"], leaf["data"]["policy_version"]) == (
        "approve",
        "review",
        0,
    )
    assert set(leaf["commit"]) == {"rationale", "identity"}
    assert b"Ada" not in bytes(row.leaf)


def test_a_decision_costs_the_same_however_long_the_queue(django_assert_num_queries: Any) -> None:
    house = build.house()
    for others in (0, 3):
        for _ in range(others):
            build.pending(house)
        item = build.pending(house)
        shown = build.seen(item)
        with as_role("web"), django_assert_num_queries(24):
            services.decide(item=item.id, seen=shown, decision=APPROVE, by=house.by())


def test_claims_are_free_again_after_a_vote_that_leaves_it_open() -> None:
    house = build.house()
    item = build.pending(house, "files.delete")
    with as_role("web"):
        services.claim(item=item.id, by=house.by())
    build.decide(house, item)
    assert Item.objects.get(id=item.id).claimed_by is None
    assert Decision.objects.filter(action=item.action_id).count() == 1
