"""What a lead found somebody competent for, and until when. Authority may name it; the vote checks it."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import transaction

from audit import events
from audit.events import EventName
from audit.services import load_chain, prepare, record
from reviews.errors import InvalidDecision, NotPermitted, desk_errors
from reviews.ids import new_id
from reviews.models import Qualification, User
from reviews.services.base import By, actor, person_case
from reviews.services.proving import demand_proof
from reviews.services.rights import demand, demand_reason

LONGEST = timedelta(days=3 * 366)


def record_qualification(
    *, user: User, name: str, valid_from: datetime, valid_until: datetime, reason: str, by: By
) -> Qualification:
    """Write that somebody is qualified for something. The newest line of a name acts.

    A line that ends when it begins takes the earlier ones back. Nobody
    records their own.
    """
    demand(by, "add_qualification")
    demand_proof(by, "recording a qualification")
    reason = demand_reason(reason)
    if user.pk == by.user.pk:
        raise NotPermitted("somebody else records what you are qualified for")
    name = " ".join(name.split())
    _demand_sense(name, valid_from, valid_until)
    with desk_errors(), transaction.atomic():
        entry = prepare(
            name=EventName.QUALIFICATION_RECORDED,
            data=events.QualificationRecorded(
                subject=user.pseudonym, qualification=name, valid_from=valid_from, valid_until=valid_until
            ),
            chain=load_chain(person_case(user)),
            actor=actor(by, "lead"),
            content={"reason": reason},
            request=by.request,
        )
        row = Qualification.objects.create(
            id=new_id(),
            user=user,
            name=name,
            valid_from=valid_from,
            valid_until=valid_until,
            recorded_by=by.user,
            event_id=entry.id,
            at=entry.next.at,
        )
        record([entry])
    return row


def _demand_sense(name: str, valid_from: datetime, valid_until: datetime) -> None:
    if not 2 <= len(name) <= 120:
        raise InvalidDecision("name the qualification in 2 to 120 characters, as the authority names it")
    if valid_until < valid_from:
        raise InvalidDecision("it ends before it begins")
    if valid_until - valid_from > LONGEST:
        raise InvalidDecision("it lasts three years at most; then somebody looks again")
