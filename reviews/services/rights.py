"""Who may change the rules: the rights of a lead, and what every change must bring."""

from __future__ import annotations

from django.contrib.auth.models import Permission
from django.db.models import Q

from reviews.errors import InvalidDecision, NotPermitted
from reviews.services.base import By

# Django permissions of app `reviews`. An administrator (superuser) has them all.
LEAD: tuple[str, ...] = (
    "add_policyversion",
    "add_level",
    "add_stop",
    "change_stop",
    "add_actiontype",
    "change_actiontype",
    "change_principal",
    "add_queue",
    "change_queue",
    "add_reach",
    "delete_reach",
    "add_authority",
    "delete_authority",
    "add_qualification",
    "add_absence",
    "add_canary",
    "share_savedview",
)
SEEN_BY_LEADS: tuple[str, ...] = (
    "view_policyversion",
    "view_level",
    "view_stop",
    "view_actiontype",
    "view_principal",
    "view_queue",
    "view_reach",
    "view_authority",
    "view_qualification",
    "view_absence",
    "view_user",
)
AUDIT: tuple[str, ...] = ("view_audit", "open_content", "export_audit", "verify_audit")
REASON_SHORTEST, REASON_LONGEST = 10, 400


def demand(by: By, right: str) -> None:
    """NotPermitted unless this person holds the right, e.g. `add_policyversion`."""
    if not by.user.has_perm(f"reviews.{right}"):
        raise NotPermitted("you may not change this; a lead or an administrator may")


def demand_administrator(by: By) -> None:
    if not (by.user.is_active and by.user.is_superuser):
        raise NotPermitted("only an administrator changes accounts and groups")


def demand_reason(reason: str) -> str:
    """The reason without its margins. InvalidDecision where it says too little or too much."""
    reason = reason.strip()
    if not REASON_SHORTEST <= len(reason) <= REASON_LONGEST:
        raise InvalidDecision(f"a reason of {REASON_SHORTEST} to {REASON_LONGEST} characters is needed")
    return reason


def lead_permissions() -> list[Permission]:
    """What makes somebody a lead: the rows behind `LEAD`, `SEEN_BY_LEADS` and `AUDIT`."""
    ours = Q(content_type__app_label="reviews", codename__in=(*LEAD, *SEEN_BY_LEADS))
    record = Q(content_type__app_label="audit", codename__in=AUDIT)
    return list(Permission.objects.select_related("content_type").filter(ours | record))
