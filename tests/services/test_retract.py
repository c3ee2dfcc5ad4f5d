"""Taking a decision back: only one's own, only before release, and nothing of it is lost."""

from __future__ import annotations

import pytest

from reviews import services
from reviews.errors import NotFound, Released, WrongState
from reviews.models import Decision, Item, Retraction
from reviews.states import Status
from tests import build
from tests.build import APPROVE, REJECT
from tests.logins import as_role

pytestmark = pytest.mark.django_db


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A window that no slow machine can miss."""
    build.timings(monkeypatch, undo_low=60.0, undo_high=60.0)


in_time = pytest.mark.usefixtures("unhurried")


def take_back(house: build.House, vote: Decision, name: str = "ada") -> None:
    with as_role("web"):
        services.retract(decision=vote.id, by=house.by(name))


@in_time
@pytest.mark.parametrize("decision", [APPROVE, REJECT])
def test_a_verdict_taken_back_in_time_puts_the_item_back(decision: object) -> None:
    house = build.house()
    item = build.pending(house)
    vote = build.decide(house, item, decision)  # type: ignore[arg-type]
    take_back(house, vote)
    row = build.state_of(item.action_id, Status.PENDING)
    assert (row.release_at, row.valid_until, row.closed_at) == (None, None, None)
    back = Item.objects.get(id=item.id)
    assert (back.closed_at, back.waiting, back.prio) == (None, True, item.prio)
    assert back.version > item.version
    assert build.events_of(item.action_id)[-1] == "decision.retracted"


@in_time
def test_the_vote_stays_in_the_record_and_counts_no_more() -> None:
    house = build.house()
    item = build.pending(house)
    take_back(house, build.decide(house, item))
    build.decide(house, item, REJECT)
    build.state_of(item.action_id, Status.REJECTED)
    assert list(Decision.objects.order_by("created_at").values_list("verdict", "round")) == [
        ("approve", 0),
        ("reject", 1),
    ]


@in_time
def test_either_of_two_voters_may_take_the_closing_approval_apart() -> None:
    house = build.house()
    item = build.pending(house, "files.delete")
    first = build.decide(house, item, name="ada")
    build.decide(house, item, name="grace")
    take_back(house, first)
    build.state_of(item.action_id, Status.PENDING)
    build.decide(house, item, name="ada")
    build.state_of(item.action_id, Status.APPROVED)


@in_time
def test_a_vote_that_closed_nothing_can_be_taken_back_too() -> None:
    house = build.house()
    item = build.pending(house, "files.delete")
    take_back(house, build.decide(house, item))
    build.decide(house, item, name="grace")
    build.state_of(item.action_id, Status.PENDING)


def test_nobody_takes_back_what_another_decided() -> None:
    house = build.house()
    vote = build.decide(house, build.pending(house))
    with build.refused(NotFound):
        take_back(house, vote, "grace")


def test_after_release_it_is_too_late() -> None:
    house = build.house()
    item = build.pending(house)
    vote = build.decide(house, item)
    build.wait_for_release(item.action_id)
    with build.refused(Released):
        take_back(house, vote)


def test_after_a_lease_it_is_too_late() -> None:
    house = build.house()
    item = build.pending(house)
    vote = build.decide(house, item)
    build.wait_for_release(item.action_id)
    build.take()
    with build.refused(Released, "executing"):
        take_back(house, vote)


@in_time
def test_nothing_is_taken_back_twice() -> None:
    house = build.house()
    item = build.pending(house)
    vote = build.decide(house, item)
    take_back(house, vote)
    with build.refused(WrongState):
        take_back(house, vote)
    assert Retraction.objects.count() == 1
