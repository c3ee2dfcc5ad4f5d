"""A reader's own settings: looks, keys, times, password, second factors, sessions, absence."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from zoneinfo import available_timezones

from django.conf import settings as conf
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from audit.sessions import fingerprint
from reviews import preferences, sign_ins
from reviews.errors import DeskError, InvalidDecision, InvalidPayload, StepUpNeeded
from reviews.keymap import ACTIONS
from reviews.models import User
from reviews.notices import Kind, choice
from reviews.queries.factors import factors
from reviews.queries.outside import provider_links, tied_to
from reviews.services.passwords import change_password, untie_identity
from reviews.services.preferences import save_preferences, save_time_zone
from reviews.views.edge import by_of, desk_page, safe_next, see_other, signed_in
from reviews.views.proving import confirmed

MAIL = tuple(choice(kind) for kind in Kind)
CHECKS = ("sounds", "digits_submit", "character_keys", *MAIL)
SHORT = ("theme", "character_keys")  # what the menu in the head of each page sends


@require_http_methods(["GET", "POST"])
@desk_page
def settings(request: HttpRequest) -> HttpResponse:
    if request.method == "GET":
        return _page(request)
    try:
        _save(request)
    except (InvalidPayload, InvalidDecision) as refusal:
        return _page(request, refusal=refusal, status=refusal.status, given=request.POST)
    messages.success(request, "Saved.")
    return see_other(safe_next(request, "/settings/" if "about" in request.POST else "/"))


def _save(request: HttpRequest) -> None:
    by, user = by_of(request), signed_in(request)
    values = preferences.changed(user, _given(request.POST))
    if zone := request.POST.get("time_zone"):
        save_time_zone(name=zone, by=by)
    save_preferences(values=values, by=by)


def _given(post: QueryDict) -> dict[str, Any]:
    """The choices that the form was about. A box that is not ticked is not sent, so the form names its fields."""
    about = str(post["about"]).split(",") if "about" in post else SHORT
    given: dict[str, Any] = {}
    for name in about:
        if name in CHECKS:
            given[name] = post.get(name) == "on"
        elif name == "keys":
            given[name] = _keys(post)
        elif name == "toast_seconds":
            given[name] = _whole(post.get(name, ""))
        elif name in preferences.USUAL and name in post:
            given[name] = post[name]
    return given


def _keys(post: QueryDict) -> dict[str, str]:
    """Only what differs from the usual: an empty field is the usual key."""
    typed = {key.action: post.get(f"key-{key.action}", "").strip() for key in ACTIONS}
    usual = {key.action: key.usual for key in ACTIONS}
    return {action: key for action, key in typed.items() if key and key != usual[action]}


def _whole(text: str) -> int | str:
    return int(text) if re.fullmatch(r"-?[0-9]{1,6}", text) else text


def _page(request: HttpRequest, *, status: int = 200, **more: Any) -> HttpResponse:
    user = signed_in(request)
    typed = more.pop("given", None)  # what was refused is still there to be mended
    chosen = {**preferences.of(user), **(_given(typed) if typed else {})}
    context = {
        "chosen": chosen,
        "zone": (typed or {}).get("time_zone", user.time_zone),
        "actions": [(key, chosen["keys"].get(key.action, key.usual)) for key in ACTIONS],
        "zones": sorted(available_timezones()),
        "themes": preferences.THEMES,
        "mail": mail_choices(chosen),
        "mail_off": not conf.NOTICES,
        "factors": factors(user),
        "providers": provider_links(),
        "tied": tied_to(user),
        "sessions": sign_ins.sessions_of(user.pk),
        "this_session": fingerprint(request.session),
        **more,
    }
    return render(request, "account/settings.html", context, status=status)


MAIL_WORDS = {
    Kind.ASSIGNED: "An item is put on my desk",
    Kind.ESCALATED: "An item is escalated to a team of mine",
    Kind.MENTIONED: "A message names me",
    Kind.ANSWERED: "Somebody writes in a thread that I follow, or the agent answers there",
    Kind.NEAR: "An item on my desk is late within the hour",
    Kind.DIGEST: "Once a day: what I decided, with the receipts for it",
}


def mail_choices(chosen: dict[str, Any]) -> list[tuple[str, str, bool]]:
    """Name, words and state of each kind of mail."""
    return [(choice(kind), words, chosen[choice(kind)]) for kind, words in MAIL_WORDS.items()]


Act = Callable[[HttpRequest, User], str]


def _tried(request: HttpRequest, act: Act) -> HttpResponse:
    """One of the smaller forms of the page; what is lacking is said there."""
    try:
        said = act(request, signed_in(request))
    except (InvalidDecision, StepUpNeeded) as refusal:
        return _page(request, refusal=refusal, status=refusal.status)
    except DeskError as refusal:
        return _page(request, refusal=refusal, status=refusal.status)
    messages.success(request, said)
    return see_other("/settings/")


@sensitive_post_parameters("confirm", "password", "again")
@require_POST
@desk_page
def password(request: HttpRequest) -> HttpResponse:
    return _tried(request, _change_password)


def _change_password(request: HttpRequest, user: User) -> str:
    new = request.POST.get("password", "")
    if new != request.POST.get("again", ""):
        raise InvalidDecision("the two new passwords differ")
    change_password(password=new, by=confirmed(request))
    update_session_auth_hash(request, user)
    sign_ins.end_sessions(user.pk, but=fingerprint(request.session))
    return "Your password is changed. You are signed out everywhere else."


@require_POST
@desk_page
def end_session(request: HttpRequest) -> HttpResponse:
    return _tried(request, _end_session)


def _end_session(request: HttpRequest, user: User) -> str:
    here = fingerprint(request.session)
    ended = sign_ins.end_sessions(user.pk, mark=request.POST.get("mark", ""), but=here)
    return "Signed out there." if ended == 1 else f"Signed out in {ended} places."


@require_POST
@desk_page
def untie(request: HttpRequest) -> HttpResponse:
    """An outside identity no longer opens this account."""
    return _tried(request, _untie)


def _untie(request: HttpRequest, user: User) -> str:
    untie_identity(number=request.POST.get("identity", ""), by=confirmed(request))
    return "That identity no longer opens your account."
