"""What templates need to ask people who they are."""

from __future__ import annotations

from typing import Any

from django import template

from audit.sessions import is_fresh, last_proof
from reviews.queries.factors import enrolled
from reviews.services.proving import needs_fresh
from reviews.states import Risk

register = template.Library()


@register.inclusion_tag("account/_proof_field.html", takes_context=True)
def proof_field(context: template.Context, *, focus: bool = True) -> dict[str, Any]:
    """The field in which a person proves who they are: by a second factor where they have one."""
    return {"factors": enrolled(context["request"].user), "focus": focus}


@register.inclusion_tag("account/_proof_first.html", takes_context=True)
def proof_first(context: template.Context, risk: str) -> dict[str, Any]:
    """The same ahead of the verb, where that will ask for it; nothing where a proof is fresh or not needed."""
    request = context["request"]
    asked = needs_fresh(Risk(risk)) and not is_fresh(last_proof(request.session).at)
    return {"asked": asked, "request": request}
