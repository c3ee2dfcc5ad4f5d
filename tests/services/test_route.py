"""Routing: who looks at what, what policy does by itself, and that errors only ever end with people."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from audit.models import Event
from reviews.errors import GateRefused
from reviews.models import Decision, Item, Principal, QueueStamp, SearchText
from reviews.schemas import decode
from reviews.states import Purpose, Status
from tests import build
from tests.logins import as_role
from tests.trust import LIMITS, hand_set, publish

pytestmark = pytest.mark.django_db


def test_an_unknown_agent_is_reviewed_with_every_floor_written_down() -> None:
    house = build.house()
    item = build.pending(house, "note.add")
    row = item.action
    assert (row.state, row.outcome, row.needed, row.policy_version) == (Status.PENDING, "review", 1, 0)
    assert {floor["name"] for floor in row.floors} >= {"cell", "level", "amount", "confidence", "state"}
    assert row.decide_by is not None and row.decide_by > timezone.now()


def test_the_item_carries_what_the_list_needs() -> None:
    house = build.house()
    item = build.pending(house, "refund.issue", confidence=0.42)
    assert (item.queue_id, item.risk, item.risk_rank, item.confidence, item.cb) == ("support", "medium", 1, 0.42, 8)
    assert (item.amount, item.currency, item.waiting, item.version) == (12_950, "EUR", True, 1)
    assert item.purpose == Purpose.GATE
    title = SearchText.objects.get(action=item.action, revision=1).title
    assert title == "Refund 129.50 EUR to 8812"


def test_more_at_stake_comes_first() -> None:
    house = build.house()
    small = build.pending(house, "refund.issue", payload={"customer": "1", "amount": 100})
    large = build.pending(house, "refund.issue", payload={"customer": "2", "amount": 90_000})
    grave = build.pending(house, "files.delete")
    assert list(Item.objects.order_by("prio").values_list("id", flat=True)) == [grave.id, large.id, small.id]


def test_a_hand_set_level_lets_policy_approve_what_is_low_and_reversible() -> None:
    house = build.house()
    hand_set(house, "note.add")
    action = build.proposed(house, "note.add", confidence=0.9)
    build.route()
    row = build.state_of(action, Status.APPROVED)
    assert row.outcome == "auto_execute"
    vote = Decision.objects.get(action=action)
    assert (vote.reviewer, vote.via, vote.verdict) == (None, "policy", "approve")
    assert build.events_of(action) == ["action.proposed", "action.routed", "decision.recorded"]
    assert not Item.objects.filter(action=action).exists()
    assert build.take().action == action


@pytest.mark.parametrize("confidence", [None, 0.49])
def test_a_missing_or_low_confidence_passes_no_threshold(confidence: float | None) -> None:
    house = build.house()
    hand_set(house, "note.add")
    assert build.pending(house, "note.add", confidence=confidence).action.outcome == "review"


def test_monitored_work_can_be_taken_back_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    build.timings(monkeypatch, undo_low=60.0)
    house = build.house()
    hand_set(house, "mail.send")
    action = build.proposed(house, "mail.send", confidence=0.9)
    build.route()
    row = build.state_of(action, Status.APPROVED)
    assert row.outcome == "execute_and_monitor"
    assert row.release_at is not None and row.release_at > timezone.now()


def test_what_is_irreversible_is_never_policys_to_approve() -> None:
    house = build.house()
    hand_set(house, "files.delete", "L3")
    item = build.pending(house, "files.delete", confidence=1.0)
    assert (item.action.state, item.action.outcome, item.action.needed) == (Status.PENDING, "two_person_review", 2)


@pytest.mark.parametrize(
    ("amount", "outcome", "needed"),
    [
        (5_000, "review", 1),
        (20_001, "two_person_review", 2),
        (50_001, "escalate", 2),
        (-20_001, "two_person_review", 2),
    ],
)
def test_limits_on_amounts_raise_what_is_asked_for(amount: int, outcome: str, needed: int) -> None:
    house = build.house()
    publish(house, {"types": {"refund.issue": {"limits": LIMITS}}})
    item = build.pending(house, "refund.issue", payload={"customer": "1", "amount": amount})
    assert (item.action.outcome, item.action.needed) == (outcome, needed)


def test_above_the_cap_policy_rejects() -> None:
    house = build.house()
    publish(house, {"types": {"refund.issue": {"limits": LIMITS}}})
    action = build.proposed(house, "refund.issue", payload={"customer": "1", "amount": 90_001})
    build.route()
    row = build.state_of(action, Status.REJECTED)
    assert (row.outcome, row.policy_version) == ("reject", 1)
    assert Decision.objects.get(action=action).via == "policy"


def test_hidden_characters_in_a_machine_read_field_are_never_policys_to_approve() -> None:
    house = build.house()
    hand_set(house, "mail.send")
    item = build.pending(house, payload={"to": "kim@example.org\u200b", "subject": "x"}, confidence=1.0)
    assert item.action.outcome == "review"
    assert {"name": "hidden", "value": "hidden characters in to", "outcome": "review"} in item.action.floors


def test_an_error_of_policy_ends_with_people(monkeypatch: pytest.MonkeyPatch) -> None:
    house = build.house()
    hand_set(house, "note.add")

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("reviews.services.routing.gather", broken)
    item = build.pending(house, "note.add", confidence=1.0)
    assert item.action.state == Status.PENDING
    assert item.action.floors == [{"name": "policy_error", "value": "ZeroDivisionError", "outcome": "review"}]


def test_one_that_the_gate_refuses_goes_to_people_and_the_next_is_routed(monkeypatch: pytest.MonkeyPatch) -> None:
    house = build.house()
    from reviews.services import routing

    hand_set(house, "note.add")
    bad, good = (build.proposed(house, "note.add", confidence=c) for c in (0.9, 0.1))

    def refuse(case: Any, *_: Any) -> None:
        raise GateRefused("no")

    monkeypatch.setattr(routing, "_by_policy", refuse)
    assert build.route() == 2
    assert build.state_of(bad, Status.PENDING).floors[0]["name"] == "policy_error"
    assert build.state_of(good, Status.PENDING).floors[0]["name"] == "cell"


def test_a_stop_is_shown_on_what_arrives_meanwhile() -> None:
    house = build.house()
    from reviews.services.stops import place_stop

    hand_set(house, "note.add")
    with as_role("web"):
        place_stop(principal=house.agent, reason="it went wrong before", by=house.by("lin"))
    item = build.pending(house, "note.add", confidence=1.0)
    assert item.action.outcome == "escalate"
    assert any(f["value"].startswith("stopped: by Lin") for f in item.action.floors)


def test_an_agent_that_plans_first_is_reviewed_without_a_plan() -> None:
    house = build.house()
    hand_set(house, "note.add")
    Principal.objects.filter(id=house.agent.id).update(plan_first=True)
    item = build.pending(house, "note.add", confidence=1.0)
    assert _floor(item, "off_plan")["outcome"] == "review"


def test_outside_the_frame_of_its_agent_it_is_reviewed() -> None:
    house = build.house()
    hand_set(house, "note.add")
    Principal.objects.filter(id=house.agent.id).update(frame={"types": ["mail.send"]})
    item = build.pending(house, "note.add", confidence=1.0)
    assert "not in the frame" in _floor(item, "off_plan")["value"]


def test_only_the_router_routes_and_what_fails_is_left_as_it_is() -> None:
    from reviews.services.routing import route_proposed

    house = build.house()
    build.proposed(house)
    before = build.picture()
    with as_role("web"):
        assert route_proposed() == 0
    assert build.picture() == before
    assert build.route() == 1


def test_the_queue_is_stamped_after_the_commit(django_capture_on_commit_callbacks: Any) -> None:
    house = build.house()
    build.proposed(house)
    before = QueueStamp.objects.get(queue="support").n
    with django_capture_on_commit_callbacks(execute=True):
        build.route()
    assert QueueStamp.objects.get(queue="support").n == before + 1


def test_the_event_tells_the_floors_and_the_queue() -> None:
    house = build.house()
    item = build.pending(house)
    leaf = decode(bytes(Event.objects.get(case_id=f"action:{item.action_id}", name="action.routed").leaf))
    assert leaf["change"] == {"from": "proposed", "to": "pending"}
    assert (leaf["data"]["queue"], leaf["data"]["outcome"], leaf["data"]["needed"]) == ("support", "review", 1)
    assert {f["name"] for f in leaf["data"]["floors"]} == {f["name"] for f in item.action.floors}


def _floor(item: Item, name: str) -> dict[str, str]:
    found: dict[str, str] = next(f for f in item.action.floors if f["name"] == name)
    return found
