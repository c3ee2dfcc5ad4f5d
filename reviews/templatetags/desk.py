"""What templates need beyond Django: icons, badges, times, and the box around foreign text."""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import conditional_escape, format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from reviews import clocks, preferences
from reviews.durations import span as in_words
from reviews.models import Stop, User
from reviews.navigation import entries, in_sight
from reviews.queries.fatigue import break_reason
from reviews.queries.rows import TONES
from reviews.visible import visible as as_visible

register = template.Library()
THEMES = preferences.THEMES
LOOKS = ("theme", "density", "motion", "preview")
SHELL_PARTS = (
    "actions", "bindings", "claims", "commands", "dialogs", "dom", "drafts", "help", "keymap", "keys", "list",
    "offline", "palette", "people", "picked", "say", "selected", "settings", "toasts", "verbs",
)  # fmt: skip


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """A symbol of static/icons.svg; decoration unless it is given a label."""
    said = format_html(' role="img" aria-label="{}"', label) if label else mark_safe(' aria-hidden="true"')
    return format_html('<svg class="icon"{}><use href="{}#{}"/></svg>', said, static("icons.svg"), name)


@register.simple_tag
def risk(value: str) -> SafeString:
    """A risk as shape and word, so that colour is never the only sign."""
    return format_html('<span class="badge risk risk-{}">{}{}</span>', value, icon(f"risk-{value}"), value)


@register.simple_tag
def state(value: str) -> SafeString:
    """A state as a badge; other words get the quiet tone."""
    tone = TONES.get(value, "quiet")
    return format_html('<span class="badge badge-{}">{}</span>', tone, value.replace("_", " "))


_ESCAPE = re.compile(r"(\[U\+[0-9A-F]{4,6}\])")


@register.filter
def visible(value: object) -> SafeString:
    """Text with its hidden and direction-changing characters spelled out, each in a mark of its own."""
    parts = _ESCAPE.split(as_visible(str(value)))
    return mark_safe("".join(_piece(text, mark=i % 2 == 1) for i, text in enumerate(parts)))  # noqa: S308  each piece is escaped


def _piece(text: str, *, mark: bool) -> str:
    return format_html('<span class="escape">{}</span>', text) if mark else conditional_escape(text)


@register.filter
def in_code(value: object) -> SafeString:
    """A sentence of the desk in which names stand between backticks: those as code, hidden characters spelled out."""
    parts = str(value).split("`")
    return mark_safe("".join(_named(text, code=i % 2 == 1) for i, text in enumerate(parts)))  # noqa: S308  each piece is escaped


def _named(text: str, *, code: bool) -> str:
    return format_html("<code>{}</code>", visible(text)) if code else visible(text)


@register.filter
def visible_text(value: object) -> str:
    """The same without marks: for attributes and form fields."""
    return as_visible(str(value))


@register.filter
def span(value: float | timedelta | None) -> str:
    """Seconds in words."""
    if value is None:
        return ""
    return in_words(value.total_seconds() if isinstance(value, timedelta) else value)


@register.filter
def since(value: datetime | None) -> str:
    """How long ago, in words."""
    return "" if value is None else str(span(timezone.now() - value))


@register.filter
def until(value: datetime | None) -> str:
    """How long from now, in words; `now` when it has passed."""
    if value is None:
        return ""
    left = value - timezone.now()
    return str(span(left)) if left > timedelta(0) else "now"


@register.filter
def clock(value: datetime | None) -> str:
    """Hour and minute today, otherwise with its date."""
    if value is None:
        return ""
    return clocks.short(value)


@register.filter
def when(value: datetime | None) -> SafeString | str:
    """A <time> element: short to read, exact to a machine and on hover."""
    return "" if value is None else _time(value, clock(value))


@register.filter
def to_second(value: datetime | None) -> SafeString | str:
    """The same with its day and seconds, where the order of things is what is read."""
    return "" if value is None else _time(value, clocks.to_second(value))


def _time(value: datetime, words: str) -> SafeString:
    exact = value.isoformat(timespec="milliseconds")
    return format_html('<time datetime="{}" title="{}">{}</time>', exact, exact, words)


@register.filter
def hexadecimal(value: bytes | memoryview) -> str:
    return bytes(value).hex()


@register.tag
def untrusted(parser: template.base.Parser, token: template.base.Token) -> template.Node:
    """{% untrusted "Conversation" %}…{% enduntrusted %}: a frame that nothing inside can imitate or act in."""
    words = token.split_contents()[1:]
    label = parser.compile_filter(words[0]) if words else parser.compile_filter('"Untrusted content"')
    body = parser.parse(("enduntrusted",))
    parser.delete_first_token()
    return _Untrusted(label, body)


class _Untrusted(template.Node):
    def __init__(self, label: template.base.FilterExpression, body: template.NodeList) -> None:
        self.label, self.nodelist = label, body

    def render(self, context: template.Context) -> SafeString:
        # hx-disable keeps htmx from reading attributes that text might smuggle in; htmx 4 renames it, here only.
        return format_html(
            '<div class="untrusted" hx-disable><div class="untrusted-label">{}{}</div>{}</div>',
            icon("warn"),
            self.label.resolve(context),
            self.nodelist.render(context),
        )


def _user(context: template.Context) -> User | None:
    user = getattr(context.get("request"), "user", None)
    return user if user is not None and user.is_authenticated else None


@register.simple_tag(takes_context=True)
def reader_look(context: template.Context) -> SafeString:
    """Attributes of <html>: what a style sheet can apply by itself."""
    chosen = _chosen(context)
    return format_html_join(" ", 'data-{}="{}"', [(name, chosen[name]) for name in LOOKS])


@register.simple_tag(takes_context=True)
def reader_settings(context: template.Context) -> str:
    """What the scripts apply, as JSON in an attribute; and whose it is, so that a tab mixes up nobody's selection."""
    user, chosen = _user(context), _chosen(context)
    applied = {name: value for name, value in chosen.items() if name not in LOOKS}
    return json.dumps({**applied, "person": user.pk if user else None})


def _chosen(context: template.Context) -> dict[str, Any]:
    return preferences.of(_user(context))


@register.simple_tag
def shell_scripts() -> SafeString:
    """The desk's scripts: one is run, the others it needs are fetched at once instead of one after the other."""
    ahead = format_html_join(
        "", '<link rel="modulepreload" href="{}">', [(static(f"js/{name}.js"),) for name in SHELL_PARTS]
    )
    return format_html('{}<script type="module" src="{}"></script>', ahead, static("js/desk.js"))


@register.inclusion_tag("reviews/partials/ways.html", takes_context=True)
def way_links(context: template.Context) -> dict[str, Any]:
    """To the palette and to this page's help: links, which a script turns into dialogs."""
    match = getattr(context.get("request"), "resolver_match", None)
    return {"signed_in": _user(context) is not None, "here": match.view_name if match else "go"}


@register.inclusion_tag("reviews/partials/navigation.html", takes_context=True)
def navigation(context: template.Context) -> dict[str, Any]:
    """The pages this person may open; those that an installation lacks are left out."""
    request, user = context.get("request"), _user(context)
    front, more = in_sight(entries(user, request.path) if request and user else [])
    return {"front": front, "more": more}


@register.inclusion_tag("reviews/partials/account.html", takes_context=True)
def account_menu(context: template.Context) -> dict[str, Any]:
    request = context.get("request")
    return {
        "user": getattr(request, "user", None),
        "csrf_token": context.get("csrf_token", ""),
        "here": request.get_full_path() if request else "/",
        "themes": THEMES,
        "settings_url": _url("settings"),
        "sign_out_url": _url("sign_out"),
    }


@register.inclusion_tag("reviews/partials/stops.html", takes_context=True)
def standing_stops(context: template.Context) -> dict[str, Any]:
    """Every stop that stands, on every page of whoever is signed in."""
    if _user(context) is None:
        return {"stops": []}
    stops = Stop.objects.filter(lifted_at=None).select_related("by", "principal").order_by("at")
    return {"stops": [_stop(stop) for stop in stops]}


def _stop(stop: Stop) -> dict[str, Any]:
    what = {"all": "everything", "type": f"{stop.action_type_id}", "agent": f"agent {stop.principal}"}
    return {"what": what[stop.scope], "by": stop.by, "at": stop.at, "reason": stop.reason}


def _url(name: str) -> str:
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""


@register.inclusion_tag("reviews/partials/undo.html", takes_context=True)
def undo_button(context: template.Context, tags: str) -> dict[str, Any]:
    """The way back from a decision, as long as the message about it is on the page."""
    word, _, rest = (tags or "").partition(" ")
    ref, _, decision = rest.partition(" ")
    return {"ref": ref, "decision": decision if word == "undo" else "", "csrf_token": context.get("csrf_token", "")}


@register.inclusion_tag("reviews/partials/break.html", takes_context=True)
def break_strip(context: template.Context) -> dict[str, Any]:
    """A suggestion to rest, for the person who looks and nobody else; most of the time nothing."""
    request, user = context.get("request"), _user(context)
    reason = break_reason(user, request.session) if request and user else ""
    here = request.get_full_path() if request else "/"
    return {"reason": reason, "here": here, "csrf_token": context.get("csrf_token", "")}
