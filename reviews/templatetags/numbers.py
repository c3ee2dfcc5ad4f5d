"""Values of tables as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from audit.tabular import Column, plain
from reviews.durations import span
from reviews.templatetags.desk import visible, visible_text, when

register = template.Library()


LONGEST = 22  # characters of an id in a table; the whole of it is in its title and in the files


@register.filter
def heads(columns: Sequence[Column]) -> list[Column]:
    """The columns as a page shows them: the ends of an interval stand beside their share."""
    return [column for column in columns if column.kind != "bound"]


@register.filter
def cells(values: Sequence[Any], columns: Sequence[Column]) -> list[tuple[str | SafeString, Column]]:
    """Each value in words beside its column."""
    found: list[tuple[str | SafeString, Column]] = []
    pairs = list(zip(values, columns, strict=True))
    for place, (value, column) in enumerate(pairs):
        if column.kind == "bound":
            continue
        ends = [end for end, beside in pairs[place + 1 : place + 3] if beside.kind == "bound"]
        found.append((_share(value, ends) if column.kind == "share" and ends else shown(value, column), column))
    return found


def _share(value: float | None, ends: Sequence[float | None]) -> str | SafeString:
    if value is None or None in ends:
        return _unknown()
    low, high = (f"{end:.0%}" for end in ends if end is not None)
    return format_html('{} <span class="muted small nowrap">{} to {}</span>', f"{value:.1%}", low, high)


def _unknown() -> SafeString:
    return format_html('<span class="muted" title="{}">–</span>', "unknown")


@register.filter
def shown(value: Any, column: Column) -> str | SafeString:
    """A cell by the kind of its column; what is unknown is a dash, not a zero."""
    if value is None or value == "":
        return _unknown()
    match column.kind:
        case "share" | "bound":
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
            return format_html('<code class="small" title="{}">{}</code>', visible_text(value), _short(value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{round(value, 2) + 0.0:.2f}".rstrip("0").rstrip(".")
    return visible(value)


def _short(value: Any) -> SafeString:
    text = value.hex() if isinstance(value, bytes) else str(plain(value))
    return visible(text if len(text) <= LONGEST else f"{text[:LONGEST]}…")


def _link(name: str, value: Any) -> str | SafeString:
    try:
        return format_html(
            '<a class="nowrap" href="{}" title="{}">{}</a>', reverse(name, args=[value]), value, _short(value)
        )
    except NoReverseMatch:
        return visible(value)
