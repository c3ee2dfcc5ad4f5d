"""What every view of the desk shares: who asks, page or fragment, and refusals as answers."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast
from urllib.parse import urlencode

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.vary import vary_on_headers
from django_htmx.middleware import HtmxDetails

from audit.sessions import last_proof
from reviews.errors import DeskError, GateRefused
from reviews.models import User
from reviews.queries.reach import Reader
from reviews.services import By

P = ParamSpec("P")

# What a refused form held: shown again, so that nobody has to type it twice.
WORDS = ("rationale", "text", "note", "reason", "payload")


def signed_in(request: HttpRequest) -> User:
    return cast(User, request.user)


def by_of(request: HttpRequest) -> By:
    """The person behind a request, with a prefix of the session's hash: never the key."""
    method, at, session = last_proof(request.session)
    return By(signed_in(request), method, session, getattr(request, "id", ""), at)


def reader_of(request: HttpRequest) -> Reader:
    return Reader(signed_in(request))


def htmx_of(request: HttpRequest) -> HtmxDetails:
    """What htmx said about this request; false where it did not speak."""
    return cast(HtmxDetails, request.htmx)  # type: ignore[attr-defined]


def is_partial(request: HttpRequest) -> bool:
    """Whether htmx asks for a fragment; a boosted link or a restored history entry gets the page."""
    htmx = htmx_of(request)
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def page_behind(request: HttpRequest) -> str:
    """The path of the page that htmx sent this from; empty where it names none of this site."""
    try:
        return htmx_of(request).current_url_abs_path or ""
    except ValueError:  # the header is whatever a client writes
        return ""


def desk_page(
    view: Callable[Concatenate[HttpRequest, P], HttpResponse],
) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Signed in, never cached, and the desk's refusals answered in its own words."""

    @wraps(view)
    def answered(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            return _to_sign_in(request)
        try:
            return view(request, *args, **kwargs)
        except DeskError as refusal:
            return refused(request, refusal)

    wrapped = vary_on_headers("HX-Request")(never_cache(answered))
    return cast(Callable[Concatenate[HttpRequest, P], HttpResponse], wrapped)


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    """The sign-in page; a script is told where to go instead of being given that page as its fragment."""
    htmx = htmx_of(request)
    if not htmx:
        return redirect_to_login(request.get_full_path() if request.method == "GET" else "/")
    back = page_behind(request) or "/"
    return HttpResponse(status=401, headers={"HX-Redirect": str(redirect_to_login(back).url)})


def refused(request: HttpRequest, refusal: DeskError, **more: Any) -> HttpResponse:
    """The answer to a refusal: its status, its sentence, who was first, and the words of the loser."""
    if isinstance(refusal, GateRefused):
        raise refusal
    if refusal.status == 404:
        raise Http404(str(refusal))
    if refusal.status == 403 and not is_partial(request):
        raise PermissionDenied(str(refusal))
    context = {"refusal": refusal, "kept": words_of(request), "back": _back(request), **more}
    response = render(request, _refusal_template(request), context, status=refusal.status)
    response["Desk-Refusal"] = refusal.code  # a fragment to be shown, whatever the status
    return told_to_wait(response, refusal)


def told_to_wait(response: HttpResponse, refusal: DeskError | None) -> HttpResponse:
    """With Retry-After where the refusal ends by itself."""
    if refusal is not None and "wait" in refusal.detail:
        response["Retry-After"] = str(max(1, round(float(str(refusal.detail["wait"])))))
    return response


def _refusal_template(request: HttpRequest) -> str:
    """A page; beside the list a toast; in a form, which keeps what was typed, only the alert."""
    if not is_partial(request):
        return "409.html"
    return f"reviews/partials/{'refusal' if htmx_of(request).target == 'toasts' else 'alert'}.html"


def words_of(request: HttpRequest) -> str:
    """What a refused form held in words, to be shown once more."""
    found = [request.POST.get(name, "") for name in WORDS]
    return next((text for text in found if text.strip()), "")


def _back(request: HttpRequest) -> str:
    match = request.resolver_match
    ref = match.kwargs.get("ref") if match else None
    return reverse("detail", args=[ref]) if ref else reverse("queue")


def safe_next(request: HttpRequest, fallback: str) -> str:
    """Where to go on: `next` if it is a path of this site, otherwise the fallback."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    local = wanted.startswith("/") and not wanted.startswith(("//", "/\\"))
    if local and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return wanted
    return fallback


def see_other(url: str) -> HttpResponseRedirect:
    """303: the answer to a POST is read with GET."""
    response = HttpResponseRedirect(url)
    response.status_code = 303
    return response


def with_query(name: str, *args: Any, **values: Any) -> str:
    """A named URL with those of the values that are not empty."""
    kept = {key: value for key, value in values.items() if value not in ("", None)}
    return reverse(name, args=args) + (f"?{urlencode(kept, safe=':,@.')}" if kept else "")
