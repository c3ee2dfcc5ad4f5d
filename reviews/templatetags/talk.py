"""Names in a thread, so that the person named finds them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from uuid import UUID

from django import template
from django.utils.safestring import SafeString, mark_safe

from reviews.models import User
from reviews.queries.rows import Row
from reviews.queries.talk import unread

register = template.Library()


@register.simple_tag(takes_context=True)
def news(context: template.Context, rows: Iterable[Row]) -> set[UUID]:
    """The actions of these rows that the reader follows and in which something is new to them."""
    user = getattr(context.get("request"), "user", None)
    return unread(user, [row.action for row in rows]) if isinstance(user, User) else set()


# Only in what people wrote: there a name was checked when it was posted.
_NAMED = re.compile(r"(?<![\w@.&;])@([A-Za-z0-9_.+-]{1,150})")


@register.filter
def mentions(value: SafeString) -> SafeString:
    """Escaped text with each @name in a mark of its own."""
    return mark_safe(_NAMED.sub(r'<span class="mention">@\1</span>', str(value)))  # noqa: S308  the value is escaped
