"""Leasing and beginning: only what is approved, released, known and not stopped, and only by one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from uuid import UUID

import pytest
from django.db import connection

from audit.models import Event
from reviews import services
from reviews.errors import GateRefused, LostLease, Stopped
from reviews.models import Action, Attempt, Circuit, Principal, Revision, User
from reviews.schemas import decode
from reviews.services import Lease
from reviews.services.stops import lift_stop, place_stop
from reviews.states import Status
from tests import build
from tests.logins import as_role

pytestmark = pytest.mark.django_db


def lease(queue: str = "default", types: Mapping[str, int] | None = None) -> Lease | None:
    with as_role("executor"):
        return services.lease(queue=queue, types=build.types() if types is None else types, worker="w@1")


def begin(held: Lease) -> None:
    with as_role("executor"):
        services.begin(lease=held)


def test_the_lease_holds_the_approved_bytes() -> None:
    house = build.house()
    row = build.released(house)
    held = build.take()
    body = Revision.objects.select_related("body").get(action=row).body
    assert held.action == row.id
    assert held.body == bytes(body.body)
    assert hashlib.sha256(held.salt + held.body).digest() == held.digest == bytes(row.digest)
    assert (held.key, held.fence, held.unclear) == (f"desk-{row.id}-1", 1, False)
    now = build.state_of(row.id, Status.EXECUTING)
    assert (now.fence, now.worker, now.lease_until) == (1, "worker@test", held.until)
    attempt = Attempt.objects.get(action=row)
    assert (attempt.fence, attempt.key, attempt.effect_at) == (1, held.key, None)


def test_nothing_is_leased_before_its_release(monkeypatch: pytest.MonkeyPatch) -> None:
    build.timings(monkeypatch, undo_low=1.0)
    house = build.house()
    row = build.approved(house)
    assert lease() is None
    build.wait_for_release(row.id)
    assert lease() is not None


def test_nothing_is_leased_twice() -> None:
    house = build.house()
    build.released(house)
    assert lease() is not None
    assert lease() is None


def test_the_oldest_release_goes_first() -> None:
    house = build.house()
    rows = [build.approved(house) for _ in range(3)]
    build.wait_for_release(rows[-1].id)
    assert [build.take().action for _ in rows] == [row.id for row in rows]


@pytest.mark.parametrize(
    ("types", "queue"), [({}, "default"), ({"mail.send": 2}, "default"), ({"note.add": 1}, "default"), (None, "slow")]
)
def test_a_worker_gets_only_types_versions_and_queues_that_it_knows(types: dict[str, int] | None, queue: str) -> None:
    house = build.house()
    build.released(house)
    assert lease(queue, types) is None


@pytest.mark.parametrize("scope", ["all", "type", "agent"])
def test_under_a_stop_nothing_is_leased_and_after_it_everything(scope: str) -> None:
    house = build.house()
    row = build.released(house)
    target = {"all": {}, "type": {"action_type": row.type}, "agent": {"principal": house.agent}}[scope]
    with as_role("web"):
        stop = place_stop(reason="it sends too much", by=house.by("lin"), **target)
    assert lease() is None
    with as_role("web"):
        lift_stop(stop=stop.id, reason="it is mended now", by=house.by("lin"))
    assert lease() is not None


def test_under_a_stop_nothing_begins() -> None:
    house = build.house()
    held = build.leased(house)
    with as_role("web"):
        place_stop(reason="it sends too much", by=house.by("lin"))
    with build.refused(Stopped):
        begin(held)
    assert Attempt.objects.get(action=held.action).effect_at is None


def test_votes_are_counted_again_at_the_lease() -> None:
    house = build.house()
    doubtful, sound = build.approved(house), build.approved(house)
    User.objects.filter(id=house.ada.id).update(is_active=False)
    build.wait_for_release(sound.id)
    assert lease() is None
    User.objects.filter(id=house.ada.id).update(is_active=True)
    first = lease()
    assert first is not None and first.action == doubtful.id


def test_the_intent_is_durable_before_the_effect() -> None:
    house = build.house()
    held = build.begun(house)
    assert Attempt.objects.get(action=held.action).effect_at is not None
    leaf = decode(bytes(Event.objects.get(case_id=f"action:{held.action}", name="attempt.begun").leaf))
    assert (leaf["data"]["key"], leaf["data"]["fence"], leaf["change"]) == (held.key, 1, None)


def test_an_effect_begins_once() -> None:
    house = build.house()
    held = build.begun(house)
    with build.refused(LostLease):
        begin(held)


def test_another_fence_neither_begins_nor_renews() -> None:
    house = build.house()
    held = build.leased(house)
    for fence in (0, 2):
        with build.refused(LostLease):
            begin(replace(held, fence=fence))
        with build.refused(LostLease), as_role("executor"):
            services.renew(lease=replace(held, fence=fence))


def test_a_lease_that_ran_out_does_not_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    build.timings(monkeypatch, lease=0.2, effect_timeout=0.1)
    house = build.house()
    held = build.leased(house)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(0.3)")
    with build.refused(LostLease):
        begin(held)


def test_renewing_moves_the_end_and_nothing_else() -> None:
    house = build.house()
    held = build.begun(house)
    with as_role("executor"):
        longer = services.renew(lease=held)
    assert longer.until > held.until
    assert replace(longer, until=held.until) == held
    assert Action.objects.get(id=held.action).lease_until == longer.until


@pytest.mark.parametrize("role", ["web", "router", "agent"])
def test_only_executors_lease(role: str) -> None:
    house = build.house()
    build.released(house)
    with build.refused(GateRefused), as_role(role):
        services.lease(queue="default", types=build.types(), worker="w")


def test_an_open_circuit_lets_one_lease_through_in_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    house = build.house()
    rows = [build.approved(house) for _ in range(2)]
    build.wait_for_release(rows[-1].id)
    monkeypatch.setattr("reviews.services.leasing.probe_every", lambda: 60.0)
    Circuit.objects.create(action_type_id="mail.send", failures=3, probe_at=rows[0].created_at)
    assert lease() is not None
    assert lease() is None


def test_the_backlog_is_read_through_its_index() -> None:
    house = build.house()
    build.released(house)
    from reviews.services.leasing import _NEXT

    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute("SET LOCAL enable_sort = off")
        cursor.execute(f"EXPLAIN {_NEXT}", ["default", ["mail.send"], [1]])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "action_ready" in plan


def test_statements_of_a_cycle_are_counted(django_assert_num_queries: object) -> None:
    house = build.house()
    build.released(house)
    with as_role("executor"), django_assert_num_queries(5):  # type: ignore[operator]
        held = services.lease(queue="default", types=build.types(), worker="w")
    assert held is not None
    with as_role("executor"), django_assert_num_queries(4):  # type: ignore[operator]
        services.begin(lease=held)


def test_a_lease_knows_whose_action_it_is() -> None:
    house = build.house()
    held = build.leased(house)
    assert held.proposer == Principal.objects.get(name="helper").id
    assert isinstance(held.action, UUID)
