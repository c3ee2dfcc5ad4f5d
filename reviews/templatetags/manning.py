"""The alarm of queues that nobody is there for, on every page of those who can do something about it."""

from __future__ import annotations

from typing import Any

from django import template

from reviews.models import User
from reviews.queries.manning import unmanned

register = template.Library()


@register.inclusion_tag("reviews/partials/unmanned.html", takes_context=True)
def unmanned_queues(context: template.Context) -> dict[str, Any]:
    """Nothing for anybody but leads and administrators."""
    user = getattr(context.get("request"), "user", None)
    told = isinstance(user, User) and user.is_active and user.has_perm("reviews.add_reach")
    return {"queues": unmanned() if told else []}
