"""How attempts end: the whole table of modes and ends, retries, lost leases, doubt and its settlement."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Literal
from uuid import UUID

import pytest
from django.db import connection

from audit.models import Event
from reviews import services
from reviews.errors import GateRefused, InvalidDecision, LostLease, NotFound, WrongState
from reviews.models import Action, Attempt, Circuit
from reviews.schemas import decode
from reviews.services import Lease
from reviews.states import AttemptEnd, Status
from tests import build
from tests.logins import as_role

pytestmark = pytest.mark.django_db

MODES = {"idempotent": "mail.send", "probe": "refund.issue", "once": "call.place"}
E, S = AttemptEnd, Status


def finish(held: Lease, end: AttemptEnd, **more: object) -> Status:
    with as_role("executor"):
        return services.finish(lease=held, end=end, **more)  # type: ignore[arg-type]


def again(action: UUID) -> Lease:
    """The next attempt at an action, once its delay is over."""
    build.wait_for_release(action)
    held = build.take()
    assert held.action == action
    return held


def ask(held: Lease, answer: Literal["done", "not_done", "unknown"]) -> None:
    with as_role("executor"):
        services.record_probe(lease=held, answer=answer)


def begin(held: Lease) -> Lease:
    with as_role("executor"):
        services.begin(lease=held)
    return held


def quick(monkeypatch: pytest.MonkeyPatch, **more: float) -> None:
    build.timings(monkeypatch, retry_delays=(0.01,) * 5, effect_timeout=0.01, **more)
    monkeypatch.setattr("reviews.services.finishing.CIRCUIT_OPENS_AT", 1_000)


@pytest.mark.parametrize(
    ("mode", "end", "begun", "status"),
    [
        ("idempotent", E.SUCCEEDED, True, S.SUCCEEDED),
        ("probe", E.SUCCEEDED, True, S.SUCCEEDED),
        ("once", E.SUCCEEDED, True, S.SUCCEEDED),
        ("idempotent", E.NOT_DONE, False, S.APPROVED),
        ("probe", E.NOT_DONE, False, S.APPROVED),
        ("once", E.NOT_DONE, False, S.APPROVED),
        ("idempotent", E.UNCLEAR, False, S.APPROVED),
        ("once", E.UNCLEAR, False, S.APPROVED),
        ("idempotent", E.NOT_DONE, True, S.APPROVED),
        ("probe", E.NOT_DONE, True, S.FAILED),
        ("once", E.NOT_DONE, True, S.FAILED),
        ("idempotent", E.UNCLEAR, True, S.APPROVED),
        ("probe", E.UNCLEAR, True, S.APPROVED),
        ("once", E.UNCLEAR, True, S.IN_DOUBT),
    ],
)
def test_where_an_end_leads(mode: str, end: AttemptEnd, begun: bool, status: Status) -> None:
    house = build.house()
    held = build.begun(house, MODES[mode]) if begun else build.leased(house, MODES[mode])
    assert finish(held, end, note="as it was") == status
    row = build.state_of(held.action, status)
    assert (row.worker, row.lease_until) == (None, None)
    assert (row.closed_at is not None) == (status in (S.SUCCEEDED, S.FAILED))
    attempt = Attempt.objects.get(action=row)
    assert (attempt.end, attempt.note) == (end.value, "as it was")
    name = {S.APPROVED: "attempt.retried", S.IN_DOUBT: "attempt.in_doubt"}.get(status, "attempt.finished")
    assert build.events_of(row.id)[-1] == name


def test_nothing_succeeds_that_was_not_begun() -> None:
    house = build.house()
    held = build.leased(house)
    with build.refused(WrongState):
        finish(held, E.SUCCEEDED)


def test_the_result_is_kept_and_not_larger_than_it_may_be() -> None:
    house = build.house()
    held = build.begun(house)
    with build.refused(InvalidDecision, "64 KiB"):
        finish(held, E.SUCCEEDED, result=b"x" * (64 * 1024 + 1))
    finish(held, E.SUCCEEDED, result=b'{"id":1}')
    assert bytes(Attempt.objects.get(action=held.action).result or b"") == b'{"id":1}'


def test_a_retry_waits_for_its_delay_and_keeps_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    build.timings(monkeypatch, retry_delays=(1.0,) * 5)
    house = build.house()
    held = build.begun(house)
    finish(held, E.UNCLEAR)
    row = build.state_of(held.action, S.APPROVED)
    ended = Attempt.objects.get(action=row).ended_at
    assert row.release_at is not None and ended is not None
    assert timedelta(seconds=0.7) < row.release_at - ended < timedelta(seconds=1.21)
    second = again(row.id)
    assert (second.key, second.fence, second.unclear) == (held.key, 2, True)
    assert row.failures == 1


@pytest.mark.parametrize(
    ("mode", "end", "status"), [("idempotent", E.NOT_DONE, S.FAILED), ("idempotent", E.UNCLEAR, S.IN_DOUBT)]
)
def test_after_six_tries_it_ends(monkeypatch: pytest.MonkeyPatch, mode: str, end: AttemptEnd, status: Status) -> None:
    quick(monkeypatch)
    house = build.house()
    held = build.begun(house, MODES[mode])
    for _ in range(5):
        assert finish(held, end) == S.APPROVED
        held = begin(again(held.action))
    assert finish(held, end) == status
    assert Attempt.objects.filter(action=held.action).count() == 6
    assert {a.key for a in Attempt.objects.filter(action=held.action)} == {held.key}


def test_waiting_uses_up_no_try() -> None:
    house = build.house()
    row = build.released(house)
    for _ in range(9):
        with as_role("executor"):
            assert services.lease(queue="default", types={"note.add": 1}, worker="w") is None
    assert build.state_of(row.id).failures == 0


def test_an_unclear_effect_is_asked_about_before_it_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    house = build.house()
    first = build.begun(house, "refund.issue")
    finish(first, E.UNCLEAR)
    second = again(first.action)
    assert second.unclear
    with build.refused(WrongState, "ask first"):
        begin(second)
    ask(second, "not_done")
    begin(second)
    assert finish(second, E.SUCCEEDED) == S.SUCCEEDED


def test_what_turns_out_to_be_done_succeeds_without_a_second_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    house = build.house()
    first = build.begun(house, "refund.issue")
    finish(first, E.UNCLEAR)
    second = again(first.action)
    ask(second, "done")
    assert finish(second, E.SUCCEEDED) == S.SUCCEEDED
    assert Attempt.objects.get(action=first.action, fence=2).effect_at is None


def test_where_nobody_knows_it_ends_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    house = build.house()
    held = build.begun(house, "refund.issue")
    finish(held, E.UNCLEAR)
    for _ in range(5):
        held = again(held.action)
        ask(held, "unknown")
        status = finish(held, E.UNCLEAR)
    assert status == S.IN_DOUBT


def test_a_late_finish_is_refused() -> None:
    house = build.house()
    held = build.begun(house)
    finish(held, E.UNCLEAR)
    with build.refused(LostLease):
        finish(held, E.SUCCEEDED)
    second = begin(again(held.action))
    with build.refused(LostLease):
        finish(replace(second, fence=1), E.SUCCEEDED)
    assert finish(second, E.SUCCEEDED) == S.SUCCEEDED


@pytest.mark.parametrize(
    ("mode", "begun", "status"),
    [
        ("idempotent", False, S.APPROVED),
        ("once", False, S.APPROVED),
        ("idempotent", True, S.APPROVED),
        ("probe", True, S.APPROVED),
        ("once", True, S.IN_DOUBT),
    ],
)
def test_a_lease_that_runs_out_is_taken_back(
    monkeypatch: pytest.MonkeyPatch, mode: str, begun: bool, status: Status
) -> None:
    quick(monkeypatch, lease=0.3)
    house = build.house()
    held = build.begun(house, MODES[mode]) if begun else build.leased(house, MODES[mode])
    with as_role("executor"):
        assert services.reap() == 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.4)")
    with as_role("executor"):
        assert services.reap() == 1
        assert services.reap() == 0
    row = build.state_of(held.action, status)
    attempt = Attempt.objects.get(action=row)
    assert (attempt.end, row.failures) == ("lost", 1)
    leaf = decode(bytes(Event.objects.filter(case_id=f"action:{row.id}").latest("case_seq").leaf))
    assert leaf["data"]["reaped"] is True
    with build.refused(LostLease):
        finish(held, E.SUCCEEDED)


def test_three_failures_in_a_row_open_the_circuit_and_a_success_closes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    build.timings(monkeypatch, retry_delays=(0.01,) * 5)
    house = build.house()
    held = build.begun(house)
    for _ in range(2):
        finish(held, E.UNCLEAR)
        held = begin(again(held.action))
    assert Circuit.objects.get().probe_at is None
    finish(held, E.UNCLEAR)
    circuit = Circuit.objects.get()
    assert circuit.failures == 3 and circuit.probe_at is not None
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.05)")
    held = begin(again(held.action))
    finish(held, E.SUCCEEDED)
    circuit = Circuit.objects.get()
    assert (circuit.failures, circuit.probe_at) == (0, None)


@pytest.mark.parametrize(("happened", "status"), [(True, S.SUCCEEDED), (False, S.FAILED)])
def test_a_person_settles_what_is_in_doubt(happened: bool, status: Status) -> None:
    house = build.house()
    row = build.in_doubt(house)
    with as_role("web"):
        services.settle(action=row.id, happened=happened, note="asked the provider", by=house.by())
    now = build.state_of(row.id, status)
    assert now.closed_at is not None
    assert build.events_of(row.id)[-1] == "attempt.settled"


def test_settling_needs_words_doubt_and_standing() -> None:
    house = build.house()
    row = build.in_doubt(house)
    with build.refused(InvalidDecision), as_role("web"):
        services.settle(action=row.id, happened=True, note="yes", by=house.by())
    with build.refused(NotFound), as_role("web"):
        services.settle(action=row.id, happened=True, note="asked the provider", by=house.by("mallory"))
    other = build.approved(house)
    with build.refused(WrongState), as_role("web"):
        services.settle(action=other.id, happened=True, note="asked the provider", by=house.by())


def test_nothing_retries_what_is_in_doubt() -> None:
    house = build.house()
    build.in_doubt(house)
    with as_role("executor"):
        assert services.lease(queue="default", types=build.types(), worker="w") is None
        assert services.reap() == 0


def test_only_executors_finish() -> None:
    house = build.house()
    held = build.begun(house)
    with build.refused(GateRefused), as_role("web"):
        services.finish(lease=held, end=E.SUCCEEDED)
    assert Action.objects.get(id=held.action).state == S.EXECUTING
