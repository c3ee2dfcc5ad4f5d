"""Signs of life: each login gives its own, twice in the same row, and none in the name of another process."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, transaction

from agents.pulse import beat
from reviews.models import Heartbeat
from tests.logins import as_role

pytestmark = pytest.mark.django_db

OWN = {"router": "keeper", "agent": "agents", "executor": "executor"}


@pytest.mark.parametrize(("role", "kind"), [*OWN.items(), ("executor", "drain")])
def test_a_login_gives_its_own_sign_of_life_again_and_again(role: str, kind: str) -> None:
    with as_role(role):
        beat(kind, busy=True)
        beat(kind, note="well")
    (row,) = Heartbeat.objects.filter(kind=kind)
    assert row.note == "well"
    assert row.busy_at is not None


@pytest.mark.parametrize("role", OWN)
def test_a_login_gives_no_sign_of_life_for_another(role: str) -> None:
    with (
        pytest.raises(DatabaseError, match="no sign of life"),
        transaction.atomic(),
        as_role(role),
    ):
        beat("sequencer")
