"""Incidents as their events tell them: there is no other register."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from audit.report import Query
from audit.reports.cases import deadline
from audit.reports.events import Told, read
from audit.services import now
from reviews.models import Action, DeskItem, Reach, User

BACK = timedelta(days=366)


@dataclass(frozen=True, slots=True)
class Incident:
    """`outcome` empty: open. `report_by` counts from the opening; awareness may have been earlier."""

    id: str
    severity: str
    opened_at: datetime
    opened_by: str
    actions: tuple[str, ...]
    report_by: datetime
    closed_at: datetime | None
    outcome: str
    refs: dict[str, str] = field(default_factory=dict)  # the number of an action's item, where the reader sees one

    @property
    def cases(self) -> list[tuple[str, str]]:
        """Each action, and what to call it: what policy let through has no number."""
        return [(action, self.refs.get(action) or action[:13]) for action in self.actions]

    @property
    def case(self) -> str:
        return f"incident:{self.id}"


def incidents() -> list[Incident]:
    """Those of the last year, newest first."""
    moment = now()
    query = Query(since=moment - BACK, until=moment + timedelta(seconds=60))
    closed = {told.case: told for told in read(query, ("incident.closed",))}
    return [_incident(told, closed.get(told.case)) for told in read(query, ("incident.opened",))][::-1]


def _incident(told: Told, closed: Told | None) -> Incident:
    data = told.data
    return Incident(
        id=data["incident"],
        severity=data["severity"],
        opened_at=told.at,
        opened_by=told.who,
        actions=tuple(data["actions"]),
        report_by=deadline(told.at, data["severity"]),
        closed_at=closed.at if closed else None,
        outcome=str(closed.data["outcome"]) if closed else "",
    )


def within(found: Sequence[Incident], user: User) -> list[Incident]:
    """The incidents about at least one action of this person's queues."""
    ids = {UUID(action) for incident in found for action in incident.actions}
    queues = Reach.objects.filter(group__user=user).values("queue")
    seen = set(map(str, Action.objects.filter(id__in=ids, type__queue__in=queues).values_list("id", flat=True)))
    items = DeskItem.objects.filter(action_id__in=ids, queue__in=queues).order_by("ref")
    refs = {str(action): f"ACT-{ref}" for action, ref in items.values_list("action_id", "ref")}
    return [replace(incident, refs=refs) for incident in found if seen & set(incident.actions)]
