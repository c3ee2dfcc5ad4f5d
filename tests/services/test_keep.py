"""What time does: it expires and pushes up, and it never approves. And taking a proposal back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from reviews import services
from reviews.errors import AlreadyDecided, InvalidDecision, NotFound, NotPermitted, WrongState
from reviews.models import ActionType, Item
from reviews.policy.document import parse
from reviews.services.policy import publish_policy
from reviews.states import AttemptEnd, Status
from tests import build
from tests.build import REJECT
from tests.logins import as_role

pytestmark = pytest.mark.django_db


def expire() -> int:
    with as_role("router"):
        return services.expire_due()


def soon(name: str, **limits: int) -> None:
    ActionType.objects.filter(name=name).update(**limits)


def wait(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(%s)", [seconds])


def test_what_nobody_decides_in_time_expires_and_nothing_is_done() -> None:
    house = build.house()
    soon("mail.send", decide_within=1)
    item = build.pending(house)
    assert expire() == 0
    wait(1)
    assert expire() == 1
    row = build.state_of(item.action_id, Status.EXPIRED)
    assert row.closed_at is not None and row.release_at is None
    assert Item.objects.get(id=item.id).closed_at is not None
    assert build.events_of(row.id)[-1] == "action.expired"
    with build.refused(WrongState, "expired"):
        build.decide(house, item)


def test_an_approval_lapses() -> None:
    house = build.house()
    soon("mail.send", valid_for=1)
    row = build.approved(house)
    wait(1.3)
    with as_role("executor"):
        assert services.lease(queue="default", types=build.types(), worker="w") is None
    assert expire() == 1
    build.state_of(row.id, Status.EXPIRED)


def test_an_approval_whose_effect_is_unclear_does_not_lapse() -> None:
    house = build.house()
    soon("refund.issue", valid_for=1)
    row = build.finished(house, "refund.issue", AttemptEnd.UNCLEAR)
    assert row.state == Status.APPROVED
    wait(1.3)
    assert expire() == 0
    build.state_of(row.id, Status.APPROVED)


def test_what_is_late_is_pushed_up_and_said_to_be() -> None:
    house = build.house()
    soon("mail.send", decide_within=1)
    early = build.pending(house, "files.delete")
    item = build.pending(house)
    assert item.prio > early.prio
    wait(0.6)
    with as_role("router"):
        assert services.flip_breached() == 1
        assert services.flip_breached() == 0
    row = Item.objects.get(id=item.id)
    assert row.breached and row.prio < early.prio
    assert build.events_of(item.action_id)[-1] == "action.escalated"
    build.state_of(item.action_id, Status.PENDING)


def test_whoever_proposed_takes_it_back() -> None:
    house = build.house()
    with as_role("web"):
        made = services.propose(proposal=build.proposal(), by=house.by("grace"))
    build.route()
    with as_role("web"):
        services.withdraw(action=made.id, by=house.by("grace"), reason="asked by mistake")
    build.state_of(made.id, Status.WITHDRAWN)
    assert build.item_of(made.id).closed_at is not None


def test_the_owner_takes_back_what_is_approved_and_not_yet_leased() -> None:
    house = build.house()
    row = build.released(house)
    with as_role("web"):
        services.withdraw(action=row.id, by=house.by("noor"), reason="the agent is wrong")
    build.state_of(row.id, Status.WITHDRAWN)
    with as_role("executor"):
        assert services.lease(queue="default", types=build.types(), worker="w") is None


def test_a_reviewer_rejects_what_is_pending_and_withdraws_what_is_approved() -> None:
    house = build.house()
    item = build.pending(house)
    with build.refused(NotPermitted), as_role("web"):
        services.withdraw(action=item.action_id, by=house.by(), reason="not like this please")
    row = build.approved(house)
    with as_role("web"):
        services.withdraw(action=row.id, by=house.by("grace"), reason="not like this please")
    build.state_of(row.id, Status.WITHDRAWN)


def test_a_run_takes_its_own_proposal_back() -> None:
    house = build.house()
    run, action = build.proposed_by_run(house)
    build.route()
    with as_role("agent"):
        services.withdraw(action=action, run=run)
    build.state_of(action, Status.WITHDRAWN)
    assert build.item_of(action).closed_at is not None


def test_what_is_over_is_not_taken_back() -> None:
    house = build.house()
    lease = build.leased(house)
    with build.refused(AlreadyDecided, "executing"), as_role("web"):
        services.withdraw(action=lease.action, by=house.by("noor"), reason="please stop it now")
    row = build.rejected(house)
    with build.refused(AlreadyDecided), as_role("web"):
        services.withdraw(action=row.id, by=house.by("noor"), reason="please stop it now")


def test_a_withdrawal_says_why_and_knows_what_it_is_about() -> None:
    house = build.house()
    item = build.pending(house)
    with build.refused(InvalidDecision), as_role("web"):
        services.withdraw(action=item.action_id, by=house.by("noor"), reason="")
    with build.refused(NotFound), as_role("web"):
        services.withdraw(action=item.action_id, by=house.by("mallory"), reason="please stop it now")
    with build.refused(NotFound), as_role("web"):
        services.withdraw(action=UUID(int=7), by=house.by("noor"), reason="please stop it now")


@pytest.mark.parametrize("verb", [services.expire_due, services.flip_breached, services.wake_deferred])
def test_time_does_nothing_to_what_is_decided(verb: Callable[[], int]) -> None:
    house = build.house()
    soon("mail.send", decide_within=2)
    item = build.pending(house)
    build.decide(house, item, REJECT)
    wait(2)
    with as_role("router"):
        assert verb() == 0
    build.state_of(item.action_id, Status.REJECTED)


@pytest.mark.parametrize(
    ("verb", "index"),
    [
        (services.expire_due, "action_decide_by"),
        (services.expire_due, "action_valid_until"),
        (services.flip_breached, "item_overdue"),
        (services.wake_deferred, "item_deferred"),
        (services.wake_deferred, "item_asked"),
        (services.route_due, "action_proposed"),
    ],
)
def test_looking_for_what_is_due_reads_an_index(verb: Callable[[], int], index: str) -> None:
    build.house()
    with as_role("router"), CaptureQueriesContext(connection) as seen:
        verb()
    plans = []
    with connection.cursor() as cursor:
        for way in ("seqscan", "bitmapscan", "sort"):  # what a planner prefers while there are few rows
            cursor.execute(f"SET LOCAL enable_{way} = off")
        for query in [q["sql"] for q in seen.captured_queries if q["sql"].startswith("SELECT")]:
            cursor.execute(f"EXPLAIN {query}")
            plans.append(" ".join(row[0] for row in cursor.fetchall()))
    assert any(index in plan for plan in plans), plans


def test_what_may_have_happened_is_not_taken_back() -> None:
    house = build.house()
    row = build.finished(house, "refund.issue", AttemptEnd.UNCLEAR)
    with build.refused(WrongState, "nobody knows how it ended"), as_role("web"):
        services.withdraw(action=row.id, by=house.by("noor"), reason="please stop it now")


def test_what_is_late_goes_to_the_team_that_policy_names_and_is_never_approved_by_it() -> None:
    house = build.house()
    document = parse({"types": {"mail.send": {"clock": {"within": 1, "to": "leads"}}}})
    with as_role("web"):
        publish_policy(document=document, based_on=0, reason="late mails go to the leads", by=house.by("lin"))
    item, other = build.pending(house), build.pending(house, "note.add")
    assert item.due is not None and item.due < item.entered + timedelta(seconds=61)
    Item.objects.update(due=timezone.now() - timedelta(seconds=1))
    with as_role("router"):
        assert services.flip_breached() == 2
    late = Item.objects.get(id=item.id)
    assert late.breached and late.escalated_to == house.leads and late.due > timezone.now()
    assert Item.objects.get(id=other.id).escalated_to is None
    assert build.events_of(item.action_id)[-1] == "action.escalated"
    build.state_of(item.action_id, Status.PENDING)
