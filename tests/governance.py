"""The office that makes the rules: people with and without rights, a queue, types and an agent."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import Group
from django.utils import timezone

from audit.models import Event
from reviews.models import ActionType, Principal, Queue, User
from reviews.services.base import By
from reviews.services.rights import lead_permissions
from tests.logins import as_role

REASON = "because the tests ask for it"


@dataclass(frozen=True)
class Office:
    lead: By
    other_lead: By
    reviewer: By
    administrator: By
    reviewers: Group
    queue: Queue
    refund: ActionType
    mail: ActionType
    agent: Principal

    def as_web(self) -> AbstractContextManager[None]:
        return as_role("web")


def build() -> Office:
    """Rules' own rows, which no service makes from nothing; everything after goes through services."""
    leads = Group.objects.create(name="rule makers")
    leads.permissions.add(*lead_permissions())
    reviewers = Group.objects.create(name="refund desk")
    lead, other = _user("lin", "Lin", "Lead"), _user("lou", "Lou", "Lead")
    leads.user_set.add(lead, other)
    reviewer = _user("ada", "Ada", "Reviewer")
    reviewers.user_set.add(reviewer)
    root = _user("root", "Root", "Admin", is_superuser=True)
    queue = Queue.objects.create(name="refunds", title="Refunds")
    return Office(
        lead=By(lead, stepped_up_at=timezone.now()),
        other_lead=By(other, stepped_up_at=timezone.now()),
        reviewer=By(reviewer, stepped_up_at=timezone.now()),
        administrator=By(root, stepped_up_at=timezone.now()),
        reviewers=reviewers,
        queue=queue,
        refund=_type("refund.issue", queue, "medium", "compensable", amount_path="amount"),
        mail=_type("mail.archive", queue, "low", "reversible"),
        agent=Principal.objects.create(name="helper", label="Helper", version="3", owner=root),
    )


def _user(username: str, first: str, last: str, **rights: Any) -> User:
    return User.objects.create_user(username, first_name=first, last_name=last, is_staff=True, **rights)


def _type(name: str, queue: Queue, risk: str, reversibility: str, **fields: Any) -> ActionType:
    return ActionType.objects.create(
        name=name,
        label=name,
        template="Do it",
        schema={"type": "object"},
        risk=risk,
        reversibility=reversibility,
        risk_floor=risk,
        reversibility_floor=reversibility,
        effect_mode="idempotent",
        queue=queue,
        currency="EUR" if fields else "",
        **fields,
    )


def leaf_of(n: int) -> dict[str, Any]:
    """An event as it stands in the log."""
    found: dict[str, Any] = json.loads(bytes(Event.objects.get(n=n).leaf))
    return found


def last_leaf() -> dict[str, Any]:
    return leaf_of(Event.objects.order_by("-n").values_list("n", flat=True)[0])
