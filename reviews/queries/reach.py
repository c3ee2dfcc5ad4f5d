"""What one reader can see and name. Reach is by queue alone, so that counts are exact for everybody."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from uuid import UUID

from reviews.errors import NotFound
from reviews.models import ActionType, Principal, Queue, User
from reviews.queries.filters import Known
from reviews.queries.grammar import Query


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
        """Name and label of the types whose items come to these queues."""
        found = ActionType.objects.filter(queue__in=list(self.queues)).order_by("name")
        return dict(found.values_list("name", "label"))

    @cached_property
    def agents(self) -> dict[str, UUID]:
        return dict(Principal.objects.order_by("name").values_list("name", "id"))

    def people(self) -> dict[str, int]:
        return dict(User.objects.filter(is_active=True).values_list("username", "id"))

    def sees(self, queue: str) -> bool:
        return queue in self.queues

    def demand(self, queue: str) -> None:
        """404 for what is out of reach: as if it were absent."""
        if not self.sees(queue):
            raise NotFound

    def known(self, query: Query) -> Known:
        """What `query` may name; people are read only where it names some."""
        named = any(term.key in ("assignee", "claimed", "by") for term in query.terms)
        return Known(
            queues=tuple(self.queues),
            types=tuple(self.types),
            agents=self.agents,
            people=self.people() if named else {},
            me=self.user.pk,
        )

    def colleagues(self, queue: str) -> list[User]:
        """Who else sees a queue of this reader's reach, and so may be given an item of it."""
        found = User.objects.filter(is_active=True, groups__reach__queue=queue).distinct()
        return list(found.order_by("username")) if self.sees(queue) else []
