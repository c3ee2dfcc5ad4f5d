"""Workers at the same actions: nothing leased twice, nothing leased and undone, nothing begun after a stop."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from django.utils import timezone

from reviews import services
from reviews.errors import DeskError, LostLease, Stopped
from reviews.models import Action, Attempt
from reviews.schemas import Proposal
from reviews.services import Lease, Proposed
from reviews.services.stops import place_stop
from reviews.states import AttemptEnd, Status
from tests import build
from tests.logins import as_role
from tests.races.arena import Contender, Race, losers, one_after_the_other, race, winners

pytestmark = pytest.mark.django_db(transaction=True)

EXECUTORS = 8
ACTIONS = 24


def leaser() -> Contender:
    return Contender("executor", lambda: services.lease(queue="default", types=build.types(), worker="w@race"))


def test_eight_executors_lease_everything_once(monkeypatch: pytest.MonkeyPatch) -> None:
    build.timings(monkeypatch, lease=60.0)
    house = build.house()
    rows = [build.approved(house) for _ in range(ACTIONS)]
    build.wait_for_release(rows[-1].id)
    taken: dict[int, list[Any]] = {n: [] for n in range(EXECUTORS)}
    together = threading.Barrier(EXECUTORS)

    def drain(number: int) -> None:
        together.wait(10)
        while (held := services.lease(queue="default", types=build.types(), worker=f"w@{number}")) is not None:
            taken[number].append(held.action)

    run = Race(*(Contender("executor", lambda n=n: drain(n)) for n in range(EXECUTORS)))  # type: ignore[misc]
    run.start()
    assert losers(run.finish()) == []
    everything = [action for mine in taken.values() for action in mine]
    assert sorted(everything) == sorted(row.id for row in rows)
    assert sum(bool(mine) for mine in taken.values()) > 1, "the race did not happen: one executor took all"
    assert set(Action.objects.values_list("fence", flat=True)) == {1}
    assert Attempt.objects.count() == ACTIONS


def test_an_undo_in_time_comes_before_any_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    build.timings(monkeypatch, undo_low=60.0)
    house = build.house()
    item = build.pending(house)
    vote = build.decide(house, item)
    undo = Contender("web", lambda: services.retract(decision=vote.id, by=house.by()))
    withdraw = Contender(
        "web", lambda: services.withdraw(action=item.action_id, by=house.by("noor"), reason="stop this one")
    )
    results = race(undo, withdraw, over=item.action_id)
    assert len(winners(results)) >= 1
    row = build.state_of(item.action_id)
    assert row.state in (Status.PENDING, Status.WITHDRAWN)
    with as_role("executor"):
        assert services.lease(queue="default", types=build.types(), worker="w") is None


def test_at_the_moment_of_release_it_is_either_undone_or_leased() -> None:
    house = build.house()
    outcomes = []
    for early in (0.03, 0.015, 0.005, 0.0, 0.0, -0.01):
        item = build.pending(house)
        vote = build.decide(house, item)
        undo = Contender("web", lambda v=vote: services.retract(decision=v.id, by=house.by()))  # type: ignore[misc]
        run = Race(undo, Contender("executor", lambda: _lease_within(0.4)))
        release = build.state_of(item.action_id).release_at
        assert release is not None
        time.sleep(max(0.0, (release - timezone.now()).total_seconds() - early - 0.01))
        run.start()
        undone, held = run.finish()
        outcomes.append(undone is None)
        state = build.state_of(item.action_id).state
        if undone is None:
            assert (state, held) == (Status.PENDING, None)
        else:
            assert isinstance(undone, DeskError) and held is not None and state == Status.EXECUTING
            with as_role("executor"):
                services.begin(lease=held)
                services.finish(lease=held, end=AttemptEnd.SUCCEEDED)
    assert False in outcomes, "the race did not happen: every undo was early"


def _lease_within(seconds: float) -> Lease | None:
    """What an executor gets that keeps looking for a while."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        held = services.lease(queue="default", types=build.types(), worker="w@race")
        if held is not None:
            return held
        time.sleep(0.005)
    return None


def test_a_withdrawal_and_a_lease_never_both_have_it() -> None:
    house = build.house()
    for _ in range(4):
        row = build.released(house)
        withdraw = Contender(
            "web",
            lambda row=row: services.withdraw(  # type: ignore[misc]
                action=row.id, by=house.by("noor"), reason="stop this one"
            ),
        )
        run = Race(withdraw, leaser())
        run.start()
        withdrawn, held = run.finish()
        state = build.state_of(row.id).state
        if held is None:
            assert (state, withdrawn) == (Status.WITHDRAWN, None)
        else:
            assert state == Status.EXECUTING and isinstance(withdrawn, DeskError)
            with as_role("executor"):
                services.finish(lease=held, end=AttemptEnd.NOT_DONE)
            with as_role("web"):
                services.withdraw(action=row.id, by=house.by("noor"), reason="stop this one")


def test_nothing_begins_once_a_stop_stands() -> None:
    house = build.house()
    held = build.leased(house)

    def stop() -> None:
        with as_role("web"):
            place_stop(reason="it sends too much", by=house.by("lin"))

    begin = Contender("executor", lambda: services.begin(lease=held))
    (refusal,) = race(begin, over=held.action, then=stop)
    assert isinstance(refusal, Stopped)
    assert Attempt.objects.get(action=held.action).effect_at is None


def test_a_finish_and_the_reaper_end_an_attempt_once(monkeypatch: pytest.MonkeyPatch) -> None:
    build.timings(monkeypatch, lease=0.3, effect_timeout=0.1)
    house = build.house()
    held = build.begun(house)
    time.sleep(0.4)
    finish = Contender("executor", lambda: services.finish(lease=held, end=AttemptEnd.SUCCEEDED))
    reap = Contender("executor", services.reap)
    run = Race(finish, reap)
    run.start()
    finished, reaped = run.finish()
    attempt = Attempt.objects.get(action=held.action)
    if reaped == 1:
        assert isinstance(finished, LostLease) and attempt.end == "lost"
    else:
        assert (finished, attempt.end) == (Status.SUCCEEDED, "succeeded")


def test_two_finishes_of_one_lease_are_one() -> None:
    house = build.house()
    held = build.begun(house)
    finish = Contender("executor", lambda: services.finish(lease=held, end=AttemptEnd.SUCCEEDED))
    results = race(finish, finish, over=held.action)
    (refusal,) = losers(results)
    assert isinstance(refusal, LostLease)
    build.state_of(held.action, Status.SUCCEEDED)


def test_the_same_proposal_twice_at_once_is_one_action() -> None:
    house = build.house()
    for number in range(5):
        same = build.proposal(dedup_key=f"same-{number}")
        run = Race(*[Contender("web", lambda p=same: _propose(house, p)) for _ in range(4)])  # type: ignore[misc]
        run.start()
        results = run.finish()
        assert losers(results) == []
        assert len({made.id for made in results}) == 1
        assert sum(made.created for made in results) == 1
    assert Action.objects.count() == 5


def _propose(house: build.House, proposal: Proposal) -> Proposed:
    return services.propose(proposal=proposal, principal=house.agent.id)


def test_two_routers_route_an_action_once() -> None:
    house = build.house()
    action = build.proposed(house)
    router = Contender("router", services.route_due)
    results = race(router, router, over=action)
    assert sorted(results) == [0, 1]
    assert build.events_of(action) == ["action.proposed", "action.routed"]


def test_whoever_comes_to_the_row_first_withdraws_or_decides() -> None:
    house = build.house()
    item = build.pending(house)
    shown = build.seen(item)
    withdraw = Contender(
        "web", lambda: services.withdraw(action=item.action_id, by=house.by("noor"), reason="stop this one")
    )
    decide = Contender("web", lambda: services.decide(item=item.id, seen=shown, decision=build.REJECT, by=house.by()))
    results = one_after_the_other(withdraw, decide, over=item.action_id)
    assert results[0] is None and isinstance(results[1], DeskError)
    build.state_of(item.action_id, Status.WITHDRAWN)
