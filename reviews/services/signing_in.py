"""Who came in, for the record. The session itself is Django's."""

from __future__ import annotations

from django.db import transaction

from audit import events
from audit.events import EventData, EventName
from audit.services import Actor, fresh, load_chain, prepare, record
from reviews.errors import desk_errors
from reviews.ids import new_id
from reviews.services.base import By, actor, person_case


def record_sign_in(*, by: By) -> None:
    """Write that a person signed in, in the chain of that person; `by.auth` is the last step's method."""
    tell_of_person(EventName.AUTH_SIGNED_IN, events.AuthSignedIn(method=by.auth), by)


def tell_of_person(name: EventName, data: EventData, by: By) -> None:
    """Write in the chain of this person what they themselves did to be let in."""
    with desk_errors(), transaction.atomic():
        entry = prepare(
            name=name,
            data=data,
            chain=load_chain(person_case(by.user)),
            actor=actor(by, "person"),
            request=by.request,
        )
        record([entry])


def record_refusal(*, method: str, reason_code: str, request: str) -> None:
    """Write that a sign-in was refused. What was typed as a name is not kept, so each stands alone."""
    with desk_errors(), transaction.atomic():
        entry = prepare(
            name=EventName.AUTH_REFUSED,
            data=events.AuthRefused(method=method, reason_code=reason_code),
            chain=fresh(f"sign_in:{new_id()}"),
            actor=Actor("system", "sign_in"),
            request=request,
        )
        record([entry])
