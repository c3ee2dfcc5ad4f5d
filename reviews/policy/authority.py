"""Who may decide what: authority by type, risk, amount, date and qualification. Pure.

Reach (which queues a person sees) is a query; this module only judges a
person against a case. The database repeats the separation of duties, since
no setting may change it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from reviews.policy.routing import money
from reviews.states import Risk


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """One line of authority. An empty type or no maximum means any.

    A maximum without a currency counts in the case's own.
    """

    type: str = ""
    max_risk: Risk
    max_amount: int | None = None
    currency: str = ""
    valid_until: datetime | None = None
    qualification: str = ""
    qualified_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is to be decided. `has_amount` without an amount means it is unknown."""

    type: str
    risk: Risk
    has_amount: bool = False
    amount: int | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class Permission:
    """Allowed, and by which line of authority; or the reason why not, in words for the person who asked."""

    allowed: bool
    reason: str = ""
    grant: Grant | None = None


ALLOWED = Permission(True)


def may_decide(case: Case, grants: tuple[Grant, ...], *, now: datetime) -> Permission:
    """Whether any one of these grants covers the whole case.

    Grants do not add up: the type from one and the amount from another is not
    authority. The reason names what the nearest grant lacks.
    """
    if not grants:
        return Permission(False, "you have no authority to decide; ask a lead")
    objections = [_objection(case, grant, now) for grant in grants]
    if None in objections:
        return Permission(True, grant=grants[objections.index(None)])
    nearest = max(filter(None, objections))
    return Permission(False, nearest[1])


def _objection(case: Case, grant: Grant, now: datetime) -> tuple[int, str] | None:
    """How far the grant carries (a higher number is nearer), and where it ends."""
    if grant.type not in ("", case.type):
        return 0, f"your authority does not cover {case.type}"
    if grant.valid_until is not None and grant.valid_until <= now:
        return 1, f"your authority for {case.type} ended on {grant.valid_until:%Y-%m-%d}"
    if grant.qualification and (grant.qualified_until is None or grant.qualified_until <= now):
        return 2, f"your qualification {grant.qualification} is missing or has expired"
    if case.risk.rank > grant.max_risk.rank:
        return 3, f"{case.risk} risk is above your limit, {grant.max_risk}"
    return _amount_objection(case, grant)


def _amount_objection(case: Case, grant: Grant) -> tuple[int, str] | None:
    if grant.max_amount is None or not case.has_amount:
        return None
    limit = money(grant.max_amount, grant.currency or case.currency)
    if case.amount is None:
        return 4, f"the amount is unknown and your limit is {limit}"
    if grant.currency not in ("", case.currency):
        return 4, f"your limit is in {grant.currency}, this is in {case.currency or 'no currency'}"
    if abs(case.amount) > grant.max_amount:
        return 4, f"{money(case.amount, case.currency)} is above your limit, {limit}"
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Parties:
    """Who had a hand in an action, by user id; None where it was no person."""

    proposer: object = None
    owner: object = None
    author: object = None
    escalators: frozenset[object] = frozenset()
    needed: int = 1
    self_edit: bool = False


def may_approve(voter: object, parties: Parties) -> Permission:
    """Four eyes: whether this person's approval may count at all."""
    if voter == parties.proposer:
        return Permission(False, "you proposed this; somebody else approves it")
    if voter == parties.owner:
        return Permission(False, "you own the agent that proposed this")
    if voter == parties.author and not (parties.self_edit and parties.needed == 1):
        return Permission(False, "you wrote this revision; somebody else approves it")
    if parties.needed > 1 and voter in parties.escalators:
        return Permission(False, "you escalated this; two others approve it")
    return ALLOWED
