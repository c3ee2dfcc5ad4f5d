"""Claiming, assigning, deferring, escalating: who looks at what, and nothing decided by it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from reviews import services
from reviews.errors import AlreadyDecided, InvalidDecision, NotFound, NotPermitted, StaleRevision
from reviews.models import Decision, Item
from reviews.states import Status
from tests import build
from tests.logins import as_role

pytestmark = pytest.mark.django_db


def claim(house: build.House, item: Item, name: str = "ada") -> None:
    with as_role("web"):
        services.claim(item=item.id, by=house.by(name))


def escalate(house: build.House, item: Item, name: str = "ada", **more: object) -> Decision:
    shown = build.seen(item, **more)
    with as_role("web"):
        return services.escalate(
            item=item.id, seen=shown, target=house.leads, rationale="above what I may decide", by=house.by(name)
        )


def test_a_claim_tells_the_others_who_is_looking() -> None:
    house = build.house()
    item = build.pending(house)
    claim(house, item)
    row = Item.objects.get(id=item.id)
    assert row.claimed_by == house.ada
    assert row.claimed_until is not None
    assert 290 < (row.claimed_until - timezone.now()).total_seconds() <= 300
    assert (row.version, row.waiting) == (item.version, True)
    with build.refused(AlreadyDecided) as caught:
        claim(house, item, "grace")
    assert isinstance(caught.value, AlreadyDecided)
    assert (caught.value.by, caught.value.state) == ("Ada", "claimed")


def test_a_claim_is_renewed_and_given_up_by_who_has_it() -> None:
    house = build.house()
    item = build.pending(house)
    claim(house, item)
    claim(house, item)
    with as_role("web"):
        services.release_claim(item=item.id, by=house.by("grace"))
    assert Item.objects.get(id=item.id).claimed_by == house.ada
    with as_role("web"):
        services.release_claim(item=item.id, by=house.by())
    claim(house, item, "grace")


def test_a_claim_that_ran_out_is_anybodys() -> None:
    house = build.house()
    item = build.pending(house)
    claim(house, item)
    Item.objects.filter(id=item.id).update(claimed_until=timezone.now() - timedelta(seconds=1))
    claim(house, item, "grace")
    assert Item.objects.get(id=item.id).claimed_by == house.grace


def test_a_claim_stops_nobody_from_deciding() -> None:
    house = build.house()
    item = build.pending(house)
    claim(house, item)
    build.decide(house, item, name="grace")
    build.state_of(item.action_id, Status.APPROVED)


def test_what_is_closed_or_out_of_reach_is_not_claimed() -> None:
    house = build.house()
    item = build.pending(house)
    with build.refused(NotFound):
        claim(house, item, "mallory")
    build.decide(house, item)
    with build.refused(AlreadyDecided):
        claim(house, item, "grace")


def test_assigning_puts_it_on_somebodys_desk_and_into_the_record() -> None:
    house = build.house()
    item = build.pending(house)
    with as_role("web"):
        services.assign(item=item.id, assignee=house.grace, by=house.by())
    row = Item.objects.get(id=item.id)
    assert (row.assignee, row.version) == (house.grace, item.version)
    assert build.events_of(item.action_id)[-1] == "action.assigned"
    with as_role("web"):
        services.assign(item=item.id, assignee=None, by=house.by())
    assert Item.objects.get(id=item.id).assignee is None


def test_nobody_is_assigned_what_they_cannot_see() -> None:
    house = build.house()
    item = build.pending(house)
    with build.refused(NotPermitted, "does not see this queue"), as_role("web"):
        services.assign(item=item.id, assignee=house.mallory, by=house.by())


def test_what_is_deferred_leaves_the_list_and_comes_back() -> None:
    house = build.house()
    item = build.pending(house)
    with as_role("web"):
        services.defer(item=item.id, until=timezone.now() + timedelta(seconds=1), by=house.by())
    row = Item.objects.get(id=item.id)
    assert (row.waiting, row.closed_at) == (False, None)
    assert build.state_of(item.action_id).state == Status.PENDING
    with as_role("router"):
        assert services.wake_deferred() == 0
    Item.objects.filter(id=item.id).update(deferred_until=timezone.now())
    with as_role("router"):
        assert services.wake_deferred() == 1
    assert Item.objects.get(id=item.id).waiting


def test_nothing_is_deferred_past_its_deadline_or_into_the_past() -> None:
    house = build.house()
    item = build.pending(house)
    for until in (timezone.now() - timedelta(seconds=1), timezone.now() + timedelta(days=2)):
        with build.refused(InvalidDecision), as_role("web"):
            services.defer(item=item.id, until=until, by=house.by())


def test_escalating_keeps_it_pending_and_its_votes_standing() -> None:
    house = build.house()
    item = build.pending(house, "files.delete")
    build.decide(house, item, name="grace")
    vote = escalate(house, item)
    row = Item.objects.get(id=item.id)
    assert (row.escalated_to, row.waiting) == (house.leads, True)
    assert row.due is not None and item.due is not None and row.due > item.due
    assert (vote.verdict, vote.target) == ("escalate", house.leads)
    build.decide(house, item, name="lin")
    build.state_of(item.action_id, Status.APPROVED)


def test_an_escalation_goes_to_somebody_else_who_can_see_it_and_not_for_ever() -> None:
    house = build.house()
    item = build.pending(house)
    with build.refused(InvalidDecision, "nobody but you"):
        escalate(house, item, "lin")
    house.reviewers.reach.all().delete()
    house.reviewers.user_set.remove(house.ada, house.grace)
    house.leads.user_set.add(house.ada, house.grace)
    escalate(house, item)
    escalate(house, item, "grace")
    with build.refused(InvalidDecision, "2 times already"):
        escalate(house, item)


def test_an_escalation_needs_the_present_page_and_words() -> None:
    house = build.house()
    item = build.pending(house)
    with build.refused(StaleRevision):
        escalate(house, item, version=9)
    shown = build.seen(item)
    with build.refused(InvalidDecision, "a reason is needed"), as_role("web"):
        services.escalate(item=item.id, seen=shown, target=house.leads, rationale=" ", by=house.by())
