"""The whole path, verb after verb, each under its own login."""

from __future__ import annotations

import pytest

from reviews import services
from reviews.states import AttemptEnd, Status
from tests import build
from tests.logins import as_role

pytestmark = pytest.mark.django_db


def test_a_proposal_is_routed_decided_carried_out_and_told_step_by_step() -> None:
    house = build.house()
    action = build.proposed(house, evidence=(build.evidence(),), reasoning="they asked")
    assert build.state_of(action).state == Status.PROPOSED
    assert build.route() == 1
    item = build.item_of(action)
    build.decide(house, item)
    build.wait_for_release(action)
    lease = build.take()
    assert lease.action == action
    with as_role("executor"):
        services.begin(lease=lease)
        status = services.finish(lease=lease, end=AttemptEnd.SUCCEEDED, result=b'"sent"')
    assert status is Status.SUCCEEDED
    assert build.state_of(action).state == Status.SUCCEEDED
    assert build.events_of(action) == [
        "action.proposed",
        "action.routed",
        "decision.recorded",
        "attempt.leased",
        "attempt.begun",
        "attempt.finished",
    ]
