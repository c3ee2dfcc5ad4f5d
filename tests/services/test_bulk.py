"""Many items at once without deciding them: each told apart, one number of statements, nothing past a deadline."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from reviews import services
from reviews.errors import InvalidDecision
from reviews.models import Action, Decision, Item, Tag
from reviews.states import Status
from tests import build
from tests.build import REJECT
from tests.logins import as_role
from tests.many import several

pytestmark = pytest.mark.django_db


def told(results: list[Any]) -> list[tuple[str, str]]:
    return [(r.result, r.reason) for r in results]


def test_what_is_decided_or_out_of_reach_is_set_aside_and_the_rest_is_assigned() -> None:
    house = build.house()
    first, second, gone = several(house, 3)
    build.decide(house, gone, REJECT, "grace")
    ids = [first.id, second.id, gone.id]
    with as_role("web"):
        results = services.assign_many(items=ids, assignee=house.grace, by=house.by())
        blind = services.assign_many(items=[first.id], assignee=house.mallory, by=house.by())
        foreign = services.assign_many(items=[first.id], assignee=house.mallory, by=house.by("mallory"))
    assert told(results) == [("applied", ""), ("applied", ""), ("conflict", "already rejected")]
    assert told(blind) == [("blocked", "Mallory does not see this queue")]
    assert [r.ref for r in foreign] == [0]
    assert list(Item.objects.filter(assignee=house.grace).order_by("ref")) == [first, second]
    assert build.events_of(first.action_id)[-1] == "action.assigned"
    assert "action.assigned" not in build.events_of(gone.action_id)


def test_nothing_is_put_off_past_its_deadline_and_a_claim_is_given_up_by_it() -> None:
    house = build.house()
    item, other = several(house, 2)
    deadline = Action.objects.get(id=item.action_id).decide_by
    assert deadline is not None
    with as_role("web"), timezone.override("Asia/Tokyo"):
        services.claim_many(items=[item.id], by=house.by())
        late = services.defer_many(items=[item.id, other.id], until=deadline + timedelta(hours=1), by=house.by())
        past = services.defer_many(items=[item.id], until=timezone.now() - timedelta(hours=1), by=house.by())
        good = services.defer_many(items=[item.id], until=timezone.now() + timedelta(seconds=60), by=house.by())
    assert {r for r, _ in told(late)} == {"blocked"}
    here = deadline.astimezone(ZoneInfo("Asia/Tokyo"))
    assert late[0].reason.startswith("it must be decided by ") and late[0].reason.endswith(f"{here:%H:%M}")
    assert told(past) == [("blocked", "a time in the future is needed")]
    assert told(good) == [("applied", "")]
    row = Item.objects.get(id=item.id)
    assert row.deferred_until is not None and row.claimed_by is None
    build.state_of(item.action_id, Status.PENDING)


def test_who_has_claimed_it_keeps_it() -> None:
    house = build.house()
    mine, theirs = several(house, 2)
    with as_role("web"):
        services.claim(item=theirs.id, by=house.by("grace"))
        results = services.claim_many(items=[mine.id, theirs.id], by=house.by())
    assert told(results) == [("applied", ""), ("blocked", "claimed by Grace")]
    assert Item.objects.get(id=theirs.id).claimed_by == house.grace


def test_many_are_escalated_with_one_reason_twice_at_most_and_never_to_oneself() -> None:
    house = build.house()
    items = [item.id for item in several(house, 2)]
    give: dict[str, Any] = {"items": items, "target": house.leads, "rationale": "above what we may decide here"}
    with as_role("web"):
        first = services.escalate_many(**give, by=house.by())
        services.escalate_many(**give, by=house.by("grace"))
        third = services.escalate_many(**give, by=house.by())
    assert told(first) == [("applied", "")] * 2
    assert [r for r, _ in told(third)] == ["blocked"] * 2 and "twice" not in third[0].reason
    assert Decision.objects.filter(verdict="escalate").count() == 4
    assert set(Item.objects.values_list("escalated_to", flat=True)) == {house.leads.pk}
    with build.refused(InvalidDecision, "nobody but you"), as_role("web"):
        services.escalate_many(**give, by=house.by("lin"))
    with build.refused(InvalidDecision, "a reason is needed"), as_role("web"):
        services.escalate_many(**{**give, "rationale": " "}, by=house.by())


def test_tags_hang_once_come_off_and_leave_their_history() -> None:
    house = build.house()
    one, two = several(house, 2)
    with as_role("web"):
        services.tag(items=[one.id], add=["Fraud?".rstrip("?")], by=house.by())
        services.tag(items=[one.id, two.id], add=["#fraud", "late"], by=house.by("grace"))
        off = services.tag(items=[one.id, two.id], remove=["fraud"], by=house.by())
    assert told(off) == [("applied", "")] * 2
    hanging = Tag.objects.filter(removed_at=None).values_list("action", "name")
    assert sorted(hanging) == sorted([(one.action_id, "late"), (two.action_id, "late")])
    assert Tag.objects.filter(action=one.action_id, name="fraud").get().removed_by == house.ada
    assert build.events_of(one.action_id).count("action.tagged") == 3
    for bad in (["not a tag"], ["é"], [""], ["x" * 64]):
        with build.refused(InvalidDecision), as_role("web"):
            services.tag(items=[one.id], add=bad, by=house.by())
    with as_role("web"):
        many = services.tag(items=[one.id], add=[f"t{n}" for n in range(20)], by=house.by())
    assert told(many) == [("blocked", "20 tags are the most")]


def test_more_than_five_hundred_or_none_are_refused() -> None:
    house = build.house()
    item = build.pending(house)
    for items in ([], [item.id] * 501):
        with build.refused(InvalidDecision), as_role("web"):
            services.assign_many(items=items, assignee=None, by=house.by())


def test_twenty_take_as_many_statements_as_two(django_assert_max_num_queries: Any) -> None:
    house = build.house()
    items = [item.id for item in several(house, 20)]
    with as_role("web"), django_assert_max_num_queries(16):
        services.assign_many(items=items, assignee=house.grace, by=house.by())
    with as_role("web"), django_assert_max_num_queries(18):
        services.escalate_many(items=items, target=house.leads, rationale="somebody else, please", by=house.by())
    with as_role("web"), django_assert_max_num_queries(14):
        services.tag(items=items, add=["late"], by=house.by())
