"""What one reader can see and name. Reach is by queue alone, so that counts are exact for everybody."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, tzinfo
from functools import cached_property
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib.auth.models import Group
from django.db.models import Exists, OuterRef, Q

from reviews.errors import NotFound
from reviews.models import ActionType, DeskItem, Principal, Queue, User
from reviews.queries.filters import Known
from reviews.queries.grammar import Query
from reviews.reasons import DEFAULTS, OTHER, presets


@dataclass
class Reader:
    """One person's reach, read at most once for each request."""

    user: User

    @cached_property
    def queues(self) -> dict[str, str]:
        """Name and title of each queue within reach."""
        found = Queue.objects.filter(reach__group__user=self.user).distinct().order_by("name")
        return dict(found.values_list("name", "title"))

    @cached_property
    def types(self) -> dict[str, str]:
        """Name and label of the types that come to these queues, or were handed on to them."""
        queues = list(self.queues)
        here = DeskItem.objects.filter(waiting=True, queue__in=queues, action_type=OuterRef("name"))
        found = ActionType.objects.filter(Q(queue__in=queues) | Exists(here)).order_by("name")
        return dict(found.values_list("name", "label"))

    @cached_property
    def agents(self) -> dict[str, UUID]:
        return dict(Principal.objects.order_by("name").values_list("name", "id"))

    def sees(self, queue: str) -> bool:
        return queue in self.queues

    def demand(self, queue: str) -> None:
        """404 for what is out of reach: as if it were absent."""
        if not self.sees(queue):
            raise NotFound

    @cached_property
    def people(self) -> dict[str, int]:
        return dict(User.objects.filter(is_active=True).order_by("username").values_list("username", "id"))

    @cached_property
    def teams(self) -> dict[str, int]:
        """The teams that look at a queue of this reader's."""
        found = Group.objects.filter(reach__queue__in=list(self.queues)).distinct().order_by("name")
        return dict(found.values_list("name", "id"))

    @cached_property
    def my_teams(self) -> tuple[int, ...]:
        return tuple(self.user.groups.values_list("id", flat=True))

    @cached_property
    def reasons(self) -> tuple[str, ...]:
        """The codes that verdicts on these types are given with."""
        kinds = ActionType.objects.filter(name__in=list(self.types))
        codes = {preset.code for kind in kinds for verb in DEFAULTS for preset in presets(kind, verb)}
        return tuple(sorted({*codes, OTHER, "policy"}))

    @property
    def zone(self) -> tzinfo:
        try:
            return ZoneInfo(self.user.time_zone)
        except (ValueError, KeyError, OSError):
            return UTC

    def known(self, *queries: Query) -> Known:
        """What the queries may name; people, teams and reasons are read only where one names some."""
        keys = {term.key for query in queries for term in query.terms}
        return Known(
            queues=tuple(self.queues),
            types=tuple(self.types),
            agents=self.agents,
            people=self.people if keys & {"assignee", "claimed", "by"} else {},
            me=self.user.pk,
            teams=self.teams if "escalated" in keys else {},
            my_teams=self.my_teams if "escalated" in keys else (),
            reasons=self.reasons if "reason" in keys else (),
            zone=self.zone,
        )

    def colleagues(self, queue: str) -> list[User]:
        """Who else sees a queue of this reader's reach, and so may be given an item of it."""
        found = User.objects.filter(is_active=True, groups__reach__queue=queue).distinct()
        return list(found.order_by("username")) if self.sees(queue) else []
