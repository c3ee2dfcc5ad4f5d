"""What a reviewer does to one item in the queue. Each verb calls one service."""

from __future__ import annotations

import contextlib
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_POST

from audit.ids import as_uuid
from reviews import clocks, forms
from reviews.durations import span
from reviews.errors import DeskError, InvalidDecision
from reviews.queries.detail import Detail
from reviews.queries.filters import REF
from reviews.queries.manning import candidates
from reviews.queries.people import teams
from reviews.queries.reasons import offered
from reviews.services import By, assign, claim, decide, defer, escalate, release_claim, retract, tag
from reviews.services.deciding import parties_of
from reviews.states import Verdict
from reviews.views import rights
from reviews.views.detail import asked_for, find
from reviews.views.edge import by_of, desk_page, reader_of
from reviews.views.proving import confirmed
from reviews.views.verb_form import debriefed, done, item_of, seen_of, verb_view

_VERDICTS = {"approve": "Approve", "reject": "Reject"}


def _deciding(request: HttpRequest, found: Detail) -> dict[str, Any]:
    """The verdict that the form is for, and the reasons on offer."""
    verdict = request.POST.get("verdict") or request.GET.get("verdict") or "approve"
    if verdict not in _VERDICTS:
        raise InvalidDecision("choose approve or reject")
    return {
        "verdict": verdict,
        "label": _VERDICTS[verdict],
        "presets": offered(found.kind, verdict),
        "required": asked_for(found, Verdict(verdict)),
        **_cited(request),
    }


def _cited(request: HttpRequest) -> dict[str, Any]:
    """A rationale that begins with the precedent that the reader cites."""
    ref = request.GET.get("cite", "")
    return {"kept": {"rationale": f"as {ref}"}} if REF.fullmatch(ref) else {}


def _decide(request: HttpRequest, found: Detail) -> HttpResponse:
    decision = forms.decision(request.POST)
    made = decide(item=item_of(found), seen=seen_of(request, found), decision=decision, by=confirmed(request))
    after = find(request, found.ref)
    if after.was_check:
        return debriefed(request, found)
    said = "Approved" if decision.verdict is Verdict.APPROVE else "Rejected"
    more: dict[str, Any] = {"undo": made.id, "receipt": made.event_id}
    if after.pending:
        return done(request, found, f"{said} {found.ref}. It needs another approval.", gone=True, **more)
    window = after.release_in
    words = f"{said} {found.ref}: {found.title}"
    return done(request, found, words, gone=True, window=window, window_words=span(window or 0), **more)


@require_POST
@desk_page
def undo(request: HttpRequest, ref: str) -> HttpResponse:
    found = find(request, ref)
    decision = as_uuid(request.POST.get("decision", ""))
    if decision is None:
        raise Http404
    retract(decision=decision, by=by_of(request))
    return done(request, found, f"Taken back: {found.ref} waits again.", back=True)


def _escalating(request: HttpRequest, found: Detail) -> dict[str, Any]:
    return {"groups": teams(), "presets": offered(found.kind, "escalate"), "required": True}


def _escalate(request: HttpRequest, found: Detail) -> HttpResponse:
    wanted = request.POST.get("target", "")
    target = next((group for group in teams() if str(group.pk) == wanted), None)
    if target is None:
        raise InvalidDecision("choose whom to escalate to")
    escalate(
        item=item_of(found),
        seen=seen_of(request, found),
        target=target,
        rationale=forms.note(request.POST, "rationale"),
        reason_code=request.POST.get("reason_code", ""),
        by=by_of(request),
    )
    return done(request, found, f"Escalated {found.ref} to {target}.", gone=True)


def _defer(request: HttpRequest, found: Detail) -> HttpResponse:
    until = forms.later(request.POST, now=timezone.now())
    defer(item=item_of(found), until=until, by=by_of(request))
    return done(request, found, f"Deferred {found.ref} until {clocks.short(until)}.", gone=True)


@require_POST
@desk_page
def claim_view(request: HttpRequest, ref: str) -> HttpResponse:
    found = find(request, ref)
    by = by_of(request)
    if request.POST.get("release"):
        release_claim(item=item_of(found), by=by)
        return done(request, found, f"{found.ref} is free again.", reload=True)
    if request.POST.get("quiet"):
        return _quietly_claimed(found, by)
    claim(item=item_of(found), by=by)
    return done(request, found, f"{found.ref} is claimed by you for five minutes.", reload=True)


def _quietly_claimed(found: Detail, by: By) -> HttpResponse:
    """The claim that reading makes by itself: if somebody else has it, or it is decided, so be it."""
    with contextlib.suppress(DeskError):
        claim(item=item_of(found), by=by)
    return HttpResponse(status=204)


def _giving(request: HttpRequest, found: Detail) -> dict[str, Any]:
    """Who could decide it, who knows the type, and in words why others cannot."""
    if found.item is None or not found.pending:
        return {"candidates": []}
    return {"candidates": candidates(found.item, rights.matter(found), parties_of(found.action))}


def _assign(request: HttpRequest, found: Detail) -> HttpResponse:
    wanted = request.POST.get("user", "")
    people = reader_of(request).colleagues(found.item.queue_id if found.item else "")
    chosen = next((person for person in people if str(person.pk) == wanted), None)
    if wanted and chosen is None:
        raise InvalidDecision("choose somebody who sees this queue")
    chosen = assign(item=item_of(found), assignee=chosen, by=by_of(request))
    return done(
        request, found, f"{found.ref} is for {chosen}." if chosen else f"{found.ref} is for nobody.", reload=True
    )


@require_POST
@desk_page
def tag_view(request: HttpRequest, ref: str) -> HttpResponse:
    """Hang tags on it, or take some off."""
    found = find(request, ref)
    add, remove = forms.words(request.POST, "add"), forms.words(request.POST, "remove")
    (result,) = tag(items=[item_of(found)], add=add, remove=remove, by=by_of(request))
    if result.result != "applied":
        raise InvalidDecision(result.reason)
    return done(request, found, f"{found.ref}: tags changed.", reload=True)


decide_view = verb_view("decide", _decide, _deciding)
escalate_view = verb_view("escalate", _escalate, _escalating)
defer_view = verb_view("defer", _defer)
assign_view = verb_view("assign", _assign, _giving)
