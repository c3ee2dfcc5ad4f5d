"""What templates need to ask people who they are."""

from __future__ import annotations

from typing import Any

from django import template

from reviews.queries.factors import enrolled

register = template.Library()


@register.inclusion_tag("account/_proof_field.html", takes_context=True)
def proof_field(context: template.Context) -> dict[str, Any]:
    """The field in which a person proves who they are: by a second factor where they have one."""
    return {"factors": enrolled(context["request"].user)}
