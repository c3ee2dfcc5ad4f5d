"""Which verbs a reader may use on an action, and in words why not. The services decide again."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from reviews.models import User
from reviews.policy import Case, may_approve, may_decide
from reviews.queries.detail import Detail
from reviews.queries.policy import grants_of
from reviews.registry import amount
from reviews.services.deciding import parties_of
from reviews.services.reading import must_be_whole
from reviews.states import LET_THROUGH, RETRYABLE, Risk, Status
from reviews.visible import hidden_at


class Verb(NamedTuple):
    """One button: its name in URLs, its label, key and icon, and why it is off (nothing: it is on)."""

    name: str
    label: str
    key: str
    icon: str
    why_not: str
    style: str = ""


def verbs(found: Detail, user: User) -> list[Verb]:
    """The decision bar, in its fixed order."""
    deny = _authority(found, user)
    shut = _shut(found)
    question = found.kind.question
    approve = shut or deny or _approval(found, user)
    return [
        Verb(
            "approve", "Approve", "a", "check", "a question is answered, not approved" if question else approve, "good"
        ),
        Verb("edit", "Answer" if question else "Edit", "e", "edit", shut or deny or _unloaded(found)),
        Verb("reject", "Reject", "r", "cross", shut or deny, "bad"),
        Verb("ask", "Ask", "q", "ask", shut or ("a question is open already" if found.question else "")),
        Verb("escalate", "Escalate", "s", "escalate", shut),
        Verb("defer", "Defer", "d", "clock", shut),
    ]


def _shut(found: Detail) -> str:
    return "" if found.pending else f"it is {found.action.state.replace('_', ' ')}"


def matter(found: Detail) -> Case:
    """What is to be decided, as authority is asked about it."""
    value, currency = amount(found.kind, found.payload) if found.payload is not None else (None, "")
    return Case(
        type=found.kind.name,
        risk=Risk(found.action.risk),
        has_amount=bool(found.kind.amount_path),
        amount=value,
        currency=currency,
    )


def _authority(found: Detail, user: User) -> str:
    return may_decide(matter(found), grants_of(user), now=found.now).reason


def _approval(found: Detail, user: User) -> str:
    if found.question:
        return "a question is open"
    if _unloaded(found):
        return _unloaded(found)
    if hidden_at(found.payload, found.kind.machine_paths):
        return "hidden characters stand in a field that a machine reads"
    if found.uninspectable:
        return found.uninspectable
    if found.unread and must_be_whole(found.action, found.payload or {}):
        return "show all of it first: part of it is folded or masked"
    vote = found.my_vote
    if vote is not None:
        return f"you {'approved' if vote.verdict == 'approve' else 'rejected'} this revision already"
    return may_approve(user.pk, parties_of(found.action)).reason


def _unloaded(found: Detail) -> str:
    if found.payload is None:
        return "its bytes can no longer be read"
    return "" if found.loaded else f"made for version {found.action.type_version} of this type"


class After(NamedTuple):
    """What may still be done with what is no longer pending."""

    undo: str  # the decision that can be taken back
    undo_until: datetime | None
    withdraw: bool
    settle: bool
    again: bool
    reverse: bool
    answer: bool
    check: bool  # may be used to seed a check


def _seeds(found: Detail, user: User) -> bool:
    """Whether a lead may make a check of it; the service asks again, and for more."""
    alone = found.action.proposer_id is not None and found.action.plan_id is None and found.action.reverses_id is None
    plain = not (found.kind.question or found.kind.plan)
    return alone and plain and found.action.state in LET_THROUGH and user.has_perm("reviews.add_canary")


def after(found: Detail, user: User) -> After:
    action, vote = found.action, found.my_vote
    state = action.state
    release = found.release_in
    undo = str(vote.id) if vote and (release is not None or state == Status.PENDING) else ""
    return After(
        undo=undo,
        undo_until=action.release_at if release is not None else None,
        withdraw=state == Status.PENDING or (state == Status.APPROVED and release is None),
        settle=state == Status.IN_DOUBT,
        again=state in RETRYABLE and release is None and not found.was_check,
        reverse=state == Status.SUCCEEDED and found.kind.has_undo and action.reverses_id is None,
        check=_seeds(found, user),
        answer=found.question is not None and user.pk in (action.owner_id, action.requested_by_id),
    )
