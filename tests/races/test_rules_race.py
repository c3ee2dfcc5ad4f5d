"""Two people change one rule at the same moment: one wins, the other is told who, one event each."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection, transaction

from audit.models import Event
from config.roles import login
from reviews.errors import AlreadyDecided, DeskError, StaleRevision
from reviews.models import PolicyVersion, Stop
from reviews.policy.document import parse
from reviews.services.policy import publish_policy, restore_policy
from reviews.services.stops import lift_stop, place_stop
from tests import cluster
from tests.governance import REASON, Office, build

pytestmark = pytest.mark.django_db(transaction=True)

_WAITING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture
def office() -> Office:
    return build()


@contextmanager
def held(case: str) -> Iterator[None]:
    """Hold the chain of a case until two others wait for it: the race really happens."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"audit {case}"])
        yield
        deadline = time.monotonic() + 10
        waiting = 0
        while waiting < 2 and time.monotonic() < deadline:
            cursor.execute(_WAITING)
            waiting = cursor.fetchone()[0]
            time.sleep(0.01)
        assert waiting == 2, "the two never met"


def as_web(verb: Callable[[], Any]) -> Any:
    """Run a verb in this thread, on a connection of its own signed in as `web`."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(f'SET SESSION AUTHORIZATION "{login(cluster.PREFIX, "web")}"')
        return verb()
    except DeskError as refusal:
        return refusal
    finally:
        connection.close()


def race(case: str, settings: Any, *verbs: Callable[[], Any]) -> tuple[list[Any], list[DeskError]]:
    """Results of the winners, and the refusals of the losers."""
    settings.DATABASE_ROLE = "web"
    with ThreadPoolExecutor(len(verbs)) as pool:
        with held(case):
            running = [pool.submit(as_web, verb) for verb in verbs]
        ended = [each.result(timeout=20) for each in running]
    lost = [e for e in ended if isinstance(e, DeskError)]
    return [e for e in ended if not isinstance(e, DeskError)], lost


def publishing(office: Office, by: Any, minimum: str) -> Callable[[], Any]:
    document = parse({"types": {"refund.issue": {"minimum": minimum}}})
    return lambda: publish_policy(document=document, based_on=0, reason=REASON, by=by)


def test_of_two_leads_who_publish_at_once_one_is_told_to_look_again(office: Office, settings: Any) -> None:
    won, lost = race(
        "policy:desk",
        settings,
        publishing(office, office.lead, "review"),
        publishing(office, office.other_lead, "escalate"),
    )
    assert [type(e) for e in lost] == [StaleRevision]
    assert str(won[0].by) in str(lost[0])
    assert list(PolicyVersion.objects.values_list("number", flat=True)) == [1]
    assert Event.objects.filter(name="policy.published").count() == 1


def test_previous_version_comes_back_once_however_often_it_is_clicked(office: Office, settings: Any) -> None:
    settings.DATABASE_ROLE = "web"
    with ThreadPoolExecutor(1) as pool:
        pool.submit(as_web, publishing(office, office.lead, "review")).result()
    again = lambda: restore_policy(based_on=1, reason=REASON, by=office.lead)  # noqa: E731
    won, lost = race("policy:desk", settings, again, again)
    assert [row.number for row in won] == [2]
    assert [type(e) for e in lost] == [StaleRevision]
    assert PolicyVersion.objects.count() == Event.objects.count() == 2


def test_two_who_press_stop_at_once_make_one_stop(office: Office, settings: Any) -> None:
    won, lost = race(
        "stop:all",
        settings,
        lambda: place_stop(reason=REASON, by=office.lead),
        lambda: place_stop(reason=REASON, by=office.other_lead),
    )
    assert [type(e) for e in lost] == [AlreadyDecided]
    assert str(won[0].by) in str(lost[0])
    assert Stop.objects.count() == Event.objects.count() == 1


def test_two_who_lift_at_once_lift_once(office: Office, settings: Any) -> None:
    settings.DATABASE_ROLE = "web"
    with ThreadPoolExecutor(1) as pool:
        placing = pool.submit(as_web, lambda: place_stop(reason=REASON, by=office.lead))
        stop = placing.result().id
    won, lost = race(
        "stop:all",
        settings,
        lambda: lift_stop(stop=stop, reason=REASON, by=office.lead),
        lambda: lift_stop(stop=stop, reason=REASON, by=office.other_lead),
    )
    assert [type(e) for e in lost] == [AlreadyDecided]
    assert Stop.objects.get().lifted_by == won[0].lifted_by
    assert Event.objects.filter(name="stop.lifted").count() == 1
