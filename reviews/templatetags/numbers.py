"""Values of tables as people read them."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.tabular import Column
from reviews.durations import span
from reviews.templatetags.desk import visible, when

register = template.Library()


@register.filter
def shown(value: Any, column: Column) -> str | SafeString:
    """A cell by the kind of its column; what is unknown is a dash, not a zero."""
    if value is None or value == "":
        return format_html('<span class="muted" aria-label="{}">{}</span>', "unknown", "–")
    match column.kind:
        case "share":
            return f"{value:.1%}"
        case "seconds":
            return span(value) if value >= 10 else f"{value:.1f} s"
        case "time":
            return when(value)
        case "case":
            return _link("audit:case", value)
        case "event":
            return _link("audit:proof", value)
        case "code":
            return format_html('<code class="small">{}</code>', visible(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return visible(value)


def _link(name: str, value: Any) -> str | SafeString:
    try:
        return format_html('<a href="{}">{}</a>', reverse(name, args=[value]), visible(value))
    except NoReverseMatch:
        return visible(value)


@register.filter
def zipped(values: Any, columns: Any) -> list[tuple[Any, Column]]:
    """Each value beside its column."""
    return list(zip(values, columns, strict=True))
