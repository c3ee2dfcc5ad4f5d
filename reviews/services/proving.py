"""Proving who one is again, where much is at stake: what needs it, and the record of it."""

from __future__ import annotations

from django.conf import settings

from audit import events
from audit.events import EventName
from audit.sessions import is_fresh
from reviews.durations import span
from reviews.errors import StepUpNeeded
from reviews.services.base import By
from reviews.services.signing_in import tell_of_person
from reviews.states import Risk


def needs_fresh(risk: Risk) -> bool:
    """Whether approving something of this risk needs a fresh sign-in."""
    return risk.rank >= Risk.HIGH.rank


def demand_fresh(risk: Risk, by: By) -> None:
    """StepUpNeeded where the risk is high and this person's last proof is too old, or missing."""
    if needs_fresh(risk):
        demand_proof(by, f"approving {risk} risk")


def demand_proof(by: By, what: str) -> None:
    """StepUpNeeded unless this person proved who they are within the last few minutes."""
    if not is_fresh(by.stepped_up_at):
        within = span(settings.STEP_UP_SECONDS)
        raise StepUpNeeded(f"confirm that it is you: {what} needs a sign-in within the last {within}")


def record_step_up(*, by: By, purpose: str) -> None:
    """Write that a person proved again who they are; `by.auth` says how."""
    tell_of_person(EventName.AUTH_STEPPED_UP, events.AuthSteppedUp(method=by.auth, purpose=purpose), by)


def record_failed_step_up(*, by: By, method: str, purpose: str) -> None:
    """Write that somebody with this person's session could not prove to be them."""
    refused = events.AuthRefused(method=method, reason_code=f"step_up:{purpose}")
    tell_of_person(EventName.AUTH_REFUSED, refused, by)
