"""Names in a thread, so that the person named finds them."""

from __future__ import annotations

import re

from django import template
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


# Only in what people wrote: there a name was checked when it was posted.
_NAMED = re.compile(r"(?<![\w@.&;])@([A-Za-z0-9_.+-]{1,150})")


@register.filter
def mentions(value: SafeString) -> SafeString:
    """Escaped text with each @name in a mark of its own."""
    return mark_safe(_NAMED.sub(r'<span class="mention">@\1</span>', str(value)))  # noqa: S308  the value is escaped
