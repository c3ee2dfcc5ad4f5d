"""What a lead lets agents do by themselves, in a house of tests/build.py: levels by hand, and limits of amounts."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone

from reviews.models import ActionType, PolicyVersion
from reviews.policy.document import parse
from reviews.services.levels import set_level
from reviews.services.policy import publish_policy
from reviews.states import Level
from tests import build
from tests.logins import as_role


def hand_set(house: build.House, type_name: str, level: str = "L4", threshold: int = 500) -> None:
    """A lead's word that this agent may run this type by itself."""
    with as_role("web"):
        set_level(
            principal=house.agent,
            action_type=ActionType.objects.get(name=type_name),
            level=Level(level),
            threshold=threshold,
            expires=timezone.now() + timedelta(days=30),
            reason="trusted for the test of routing",
            by=house.by("lin"),
        )


def publish(house: build.House, document: dict[str, Any]) -> PolicyVersion:
    with as_role("web"):
        return publish_policy(
            document=parse(document), based_on=0, reason="limits for the test of routing", by=house.by("lin")
        )


LIMITS = {"currency": "EUR", "auto": 5_000, "single": 20_000, "pair": 50_000, "cap": 90_000}
