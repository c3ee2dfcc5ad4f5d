"""What every response carries and every session obeys."""

from __future__ import annotations

import contextlib
import ipaddress
import re
import time
import uuid
from collections.abc import Callable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.contrib.auth import logout
from django.http import Http404, HttpRequest, HttpResponseBase, HttpResponseNotAllowed
from django.shortcuts import render
from django.utils import timezone

from config.views import WrongKind
from reviews import preferences
from reviews.clocks import Style, use
from reviews.errors import Unreadable
from reviews.models import User
from reviews.views.edge import refused

GetResponse = Callable[[HttpRequest], HttpResponseBase]
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
STARTED = "signed_in_at"
TOUCHED = "seen_at"
TOUCH_EVERY = 60
FORMS = {"application/x-www-form-urlencoded", "multipart/form-data"}
IDLE = "Desk-Idle"  # the look of a page that stands open and that nobody has touched for a minute


def request_id(get_response: GetResponse) -> GetResponse:
    """Gives each request an id that its audit events carry, and returns it to the caller."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-ID", "")
        request.id = given if REQUEST_ID.fullmatch(given) else str(uuid.uuid4())  # type: ignore[attr-defined]
        response = get_response(request)
        response["X-Request-ID"] = request.id  # type: ignore[attr-defined]
        return response

    return middleware


def content_security_policy(get_response: GetResponse) -> GetResponse:
    """Sends the one policy of SECURE_CSP; there is no way for a view to loosen it."""
    policy = "; ".join(f"{name} {' '.join(values)}" for name, values in settings.SECURE_CSP.items())

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        response["Content-Security-Policy"] = policy
        return response

    return middleware


def wrong_method(get_response: GetResponse) -> GetResponse:
    """A page for whoever opens the address of a form: what Django answers there is empty."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if not isinstance(response, HttpResponseNotAllowed) or response.content:
            return response
        page = render(request, "405.html", status=response.status_code)
        page["Allow"] = response["Allow"]
        return page

    return middleware


def client_address(request: HttpRequest) -> str | None:
    """Where a request came from: what the outermost of our own proxies saw, never what the client wrote before it."""
    told = request.headers.get("x-forwarded-for", "").split(",")
    count = settings.PROXY_COUNT
    for text in (told[-count] if 0 < count <= len(told) else "", request.META.get("REMOTE_ADDR", "")):
        with contextlib.suppress(ValueError):
            return str(ipaddress.ip_address(text.strip()))
    return None


def session_age(get_response: GetResponse) -> GetResponse:
    """Ends a session 12 hours after sign-in; within that, 30 idle minutes end it (SESSION_COOKIE_AGE)."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if request.user.is_authenticated:
            _age(request)
        return get_response(request)

    return middleware


def clocks(get_response: GetResponse) -> GetResponse:
    """Dates and times as the reader likes them, in their time zone; UTC for everybody else."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        user = request.user
        chosen = preferences.of(user) if isinstance(user, User) else preferences.USUAL
        use(Style(chosen["dates"], chosen["hours"]))
        with timezone.override(_zone(getattr(user, "time_zone", "UTC"))):
            return get_response(request)

    return middleware


def _zone(name: str) -> ZoneInfo:
    """UTC where the machine no longer knows the zone."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def _age(request: HttpRequest) -> None:
    now = int(time.time())
    started = request.session.setdefault(STARTED, now)
    if now - started > settings.SESSION_ABSOLUTE_AGE:
        logout(request)
    elif now - request.session.get(TOUCHED, 0) > TOUCH_EVERY and IDLE not in request.headers:
        # Saving renews the idle limit; once a minute, so that polling pages do not write each time.
        request.session[TOUCHED] = now


def readable(get_response: GetResponse) -> GetResponse:
    """Refuses what no page of ours can read: a body that is no form, another encoding than UTF-8, a NUL anywhere.

    PostgreSQL holds no NUL in a text, and nobody types one. Refused here, no view has to think of it.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if "\0" in request.path_info:
            raise Http404
        _demand_form(request)
        if name := _holds_nul(request):
            return refused(request, Unreadable(f"`{name[:60]}` holds a NUL, which no text here can hold"), kept="")
        return get_response(request)

    return middleware


def _demand_form(request: HttpRequest) -> None:
    if (request.encoding or "utf-8").lower() not in ("utf-8", "utf8"):
        raise WrongKind("It is not in UTF-8.")
    sent = request.headers.get("content-length") not in (None, "", "0")
    if sent and request.method == "POST" and request.content_type not in FORMS:
        raise WrongKind("It is no form: this desk reads what its own forms send.")


def _holds_nul(request: HttpRequest) -> str:
    """The first parameter or field with a NUL in its name or value; empty where there is none."""
    for given in (request.GET, request.POST):
        for name, values in given.lists():
            if any("\0" in str(text) for text in (name, *values)):
                return name
    return ""
