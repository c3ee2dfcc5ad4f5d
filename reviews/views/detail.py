"""One item: as a page, and as the preview beside the list."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.views.decorators.http import require_GET

from audit.registry import veiled
from reviews.expecting import answer_form, narrowed
from reviews.forms import shown_or_now
from reviews.masking import folded
from reviews.models import BindingPrecedent, User
from reviews.policy import minimum_dwell
from reviews.queries.canaries import debriefs
from reviews.queries.detail import Detail, by_action, by_ref
from reviews.queries.filters import REF
from reviews.queries.history import history, proposer
from reviews.queries.payload import Sight
from reviews.queries.plans import steps
from reviews.queries.policy import policy_of
from reviews.queries.precedents import against, panel
from reviews.queries.reasons import doubt
from reviews.queries.returned import returned
from reviews.queries.rewritten import rewritten
from reviews.queries.talk import advice_hidden, following, said_before, tags_of, unread
from reviews.queries.usual import usual_values
from reviews.reasons import why_required
from reviews.schema_form import build
from reviews.services.binding import RIGHT as BIND
from reviews.services.opening import say_opened
from reviews.services.reading import has_opened, must_be_whole, saw_whole, stamp_whole
from reviews.states import Risk, Verdict
from reviews.views import rights
from reviews.views.edge import by_of, desk_page, is_partial, reader_of, signed_in, with_query
from reviews.visible import all_texts


def find(request: HttpRequest, ref: str) -> Detail:
    """The action behind `ACT-1004`, or 404: absent and out of reach look alike."""
    match = REF.fullmatch(ref)
    if match is None:
        raise Http404
    return by_ref(int(match.group(1)), reader_of(request))


@require_GET
@desk_page
def detail(request: HttpRequest, ref: str) -> HttpResponse:
    return _shown(request, find(request, ref))


@require_GET
@desk_page
def action(request: HttpRequest, action: UUID) -> HttpResponse:
    """The same by the action's id: what policy let through has no item, and is in nobody's queue."""
    return _shown(request, by_action(action, reader_of(request)))


def _shown(request: HttpRequest, found: Detail) -> HttpResponse:
    found.sight = sight_of(request, found)
    say_opened(action=found.action, by=by_of(request))
    template = "reviews/detail.html#article" if is_partial(request) else "reviews/detail.html"
    return render(request, template, page_context(request, found))


def sight_of(request: HttpRequest, found: Detail) -> Sight:
    """How much of it is shown: `all=1` unfolds, and a token that the person was given when they opened its secrets."""
    token = request.GET.get("secrets", "")
    bare = bool(token) and has_opened(token, signed_in(request), found.action.id)
    return Sight(whole=bare or request.GET.get("all") == "1", bare=bare)


def page_context(request: HttpRequest, found: Detail) -> dict[str, Any]:
    """What the page shows beyond what its forms need."""
    user = signed_in(request)
    mine = following(found.action, user)
    return {
        **context(request, found),
        "user": user,
        "view": _view(request),
        "all_url": with_query(*_own(found), all="1"),
        "in_pane": is_partial(request),
        "made_at": f"{found.now.timestamp():.3f}",
        "opened": f"?{urlencode({'secrets': request.GET['secrets']})}" if found.sight.bare else "",
        "history": history(found),
        "returned": returned(found),
        "rewritten": rewritten(found),
        "passed_on": found.item is not None and found.item.passed_by_id == user.pk,
        "usual": usual_values(found),
        "steps": steps(found),
        "precedents": panel(found),
        "tags": tags_of(found.action),
        "standing": BindingPrecedent.objects.filter(action=found.action, lifted_at=None).first(),
        "may_bind": user.has_perm(f"reviews.{BIND}") and found.action.closed_at is not None and found.item is not None,
        "advice_hidden": advice_hidden(found),
        "said_before": said_before(found) if found.reasoning else "",
        "must_read": must_be_whole(found.action, found.payload or {}),
        "follow": mine,
        "has_new": mine is not None and found.action.id in unread(user, [found.action.id]),
        "answer_fields": answer_fields(found),
        "question_fields": _question_fields(found, user),
    }


def _question_fields(found: Detail, user: User) -> list[tuple[Any, str]]:
    """The form of an agent's question, for whoever may answer it."""
    may = found.kind.question and any(verb.name == "edit" and not verb.why_not for verb in rights.verbs(found, user))
    return [(field, "") for field in build(*answer_form(found.payload or {}))] if may else []


def _own(found: Detail) -> tuple[str, Any]:
    """The URL name and argument of this page."""
    return ("detail", found.ref) if found.ref else ("action", found.action.id)


def _view(request: HttpRequest) -> str:
    wanted = request.GET.get("view", "form")
    return wanted if wanted in ("form", "changes", "raw") else "form"


def answer_fields(found: Detail) -> list[tuple[Any, str]]:
    """The one field that a reviewer asked to have corrected, as a form."""
    path = str(found.question.expects.get("path", "")) if found.question else ""
    return [(field, "") for field in build(*narrowed(found.payload or {}, found.schema, path))] if path else []


@require_GET
@desk_page
def printed(request: HttpRequest, ref: str) -> HttpResponse:
    """The whole case on paper: everything unfolded, nothing to press. Secrets stay masked."""
    found = find(request, ref)
    found.sight = Sight(whole=True)
    return render(request, "reviews/print.html", {**page_context(request, found), "printing": True})


def context(request: HttpRequest, found: Detail) -> dict[str, Any]:
    """What the page and every form on it need."""
    user = signed_in(request)
    query = request.GET.get("q", request.POST.get("q", ""))[:1000]
    hidden = hidden_fields(request, found, query)
    return {
        "found": found,
        "action": found.action,
        "item": found.item,
        "kind": found.kind,
        "q": query,
        "back_url": with_query("queue", q=query),
        "hidden_fields": hidden,
        "carry": urlencode({name: value for name, value in hidden if name in ("opened", "q", "whole")}),
        "run_url": _run_url(found),
        "verbs": rights.verbs(found, user) if found.item else [],
        "after": rights.after(found, user),
        "colleagues": found.reader.colleagues(found.item.queue_id) if found.item and found.pending else [],
        "proposer": proposer(found),
        "dwell": dwell(found),
        "one_step": not asked_for(found, Verdict.APPROVE) and not found.kind.question,
        "claimed_by_me": _claimer(found) == user.pk,
        "claimed_by": _claim(found, user.pk),
        "check": next(iter(debriefs([found.item.id])), None) if found.item and found.was_check else None,
        "full_record": user.has_perm("audit.view_audit") and not veiled(found.case, user.pseudonym),
    }


def hidden_fields(request: HttpRequest, found: Detail, query: str) -> list[tuple[str, Any]]:
    """What each form sends back, so that the server knows what the page showed, and when it was opened."""
    if found.item is None:
        return [("q", query)]
    token = request.POST.get("opened") or request.GET.get("opened") or ""
    return [
        ("opened", shown_or_now(token, user=signed_in(request), item=found.item.id, at=found.now)),
        ("version", found.item.version),
        ("digest", found.current.digest),
        ("evidence", found.last_evidence),
        ("message", found.last_message),
        ("whole", _whole(request, found, found.item.id)),
        ("q", query),
    ]


def _whole(request: HttpRequest, found: Detail, item: UUID) -> str:
    """The note that all of it was shown: made where it is, carried on from where it was."""
    user, digest = signed_in(request), found.current.digest
    if not found.unread and folded(found.payload or {}, found.secret_names):
        return stamp_whole(user, item, digest)
    token = request.POST.get("whole") or request.GET.get("whole") or ""
    return token if saw_whole(token, user, item, digest) else ""


def _run_url(found: Detail) -> str:
    """The run's page, where the installation has one: the desk knows principals, not runs."""
    try:
        return reverse("agents:run", args=[found.action.run]) if found.action.run else ""
    except NoReverseMatch:
        return ""


def asked_for(found: Detail, verdict: Verdict) -> str:
    """Why this verdict must bring a reason, in words; empty where it need not."""
    turned = against(found.action, verdict.value, list(found.reader.queues)) if found.pending else ""
    unsure = doubt(found.action, policy_of(found.kind.name))
    return why_required(verdict, Risk(found.action.risk), doubted=unsure, against=turned)


def dwell(found: Detail) -> float:
    """Seconds the reader must have had it open, as the service will ask."""
    words = len(all_texts(found.payload or {}).split())
    least = policy_of(found.kind.name).pace.dwell
    return minimum_dwell(Risk(found.action.risk), words, settings.TIMINGS, at_least=least)


def _claimer(found: Detail) -> int | None:
    item = found.item
    held = item is not None and item.claimed_until is not None and item.claimed_until > found.now
    return item.claimed_by_id if item is not None and held else None


def _claim(found: Detail, me: int) -> str:
    claimer = _claimer(found)
    return str(found.item.claimed_by) if found.item and claimer not in (None, me) else ""
