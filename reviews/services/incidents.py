"""Incidents: a lead opens one with the cases it is about, and closes it with an outcome. The record is the register."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.db import transaction

from audit import events
from audit.events import EventName
from audit.services import Chain, fresh, load_chain, prepare, record
from reviews.errors import AlreadyDecided, InvalidDecision, NotFound, desk_errors
from reviews.ids import new_id
from reviews.models import Action
from reviews.queries.incidents import incidents, within
from reviews.services.base import By, actor, reached
from reviews.services.rights import demand, demand_reason

SEVERITIES = ("serious", "death", "widespread")
OUTCOMES = ("reported", "not_reportable", "resolved")
MOST = 200  # cases of one incident


def open_incident(*, summary: str, severity: str, actions: Sequence[UUID], by: By) -> UUID:
    """Begin the clock of an incident. Raises NotFound for an action out of the lead's reach."""
    demand(by, "add_stop")
    summary = demand_reason(summary)
    if severity not in SEVERITIES:
        raise InvalidDecision(f"how severe? One of {', '.join(SEVERITIES)}.")
    with desk_errors(), transaction.atomic():
        _demand_cases(actions, by)
        made = new_id()
        data = events.IncidentOpened(incident=str(made), severity=severity, actions=[str(one) for one in actions])
        _record(EventName.INCIDENT_OPENED, data, fresh(f"incident:{made}"), by, {"summary": summary})
    return made


def _demand_cases(actions: Sequence[UUID], by: By) -> None:
    if not actions or len(set(actions)) != len(actions) or len(actions) > MOST:
        raise InvalidDecision(f"an incident is about 1 to {MOST} cases, each named once")
    queues = list(reached(by.user).values_list("queue", flat=True))
    known = set(Action.objects.filter(id__in=actions, type__queue__in=queues).values_list("id", flat=True))
    missing = [str(one) for one in actions if one not in known]
    if missing:
        raise NotFound(f"there is no such action, or it is out of your reach: {missing[0]}")


def close_incident(*, incident: UUID, outcome: str, words: str, by: By) -> None:
    """End it, once. NotFound for one that was never opened, AlreadyDecided for one that is closed."""
    demand(by, "change_stop")
    words = demand_reason(words)
    if outcome not in OUTCOMES:
        raise InvalidDecision(f"how did it end? One of {', '.join(OUTCOMES)}.")
    with desk_errors(), transaction.atomic():
        chain = load_chain(f"incident:{incident}")
        meant = [one for one in incidents() if one.id == str(incident)]
        if chain.seq == 0 or (meant and not within(meant, by.user)):
            raise NotFound("there is no such incident")
        if chain.seq > 1:
            raise AlreadyDecided(by="somebody", at=chain.at, state="closed")
        data = events.IncidentClosed(incident=str(incident), outcome=outcome)
        _record(EventName.INCIDENT_CLOSED, data, chain, by, {"reason": words})


def _record(name: EventName, data: events.EventData, chain: Chain, by: By, content: dict[str, str]) -> None:
    who = actor(by, "lead")
    record([prepare(name=name, data=data, chain=chain, actor=who, content=content, request=by.request)])
