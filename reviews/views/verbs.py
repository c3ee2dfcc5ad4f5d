"""What a reviewer does to one item. GET shows the form, as a page or in the dialog; POST calls one service."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse as reverse_url
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from reviews import forms
from reviews.durations import span
from reviews.errors import DeskError, InvalidDecision
from reviews.expecting import narrowed, replaced
from reviews.queries.canaries import debriefs
from reviews.queries.detail import Detail, by_action
from reviews.queries.filters import REF
from reviews.queries.manning import Candidate, candidates
from reviews.queries.reasons import offered
from reviews.schema_form import draft
from reviews.services import (
    By,
    ask,
    assign,
    claim,
    comment,
    decide,
    defer,
    escalate,
    propose_again,
    release_claim,
    retract,
    reverse,
    settle,
    tag,
    withdraw,
)
from reviews.services import answer as answer_question
from reviews.services.asking import asked_enough
from reviews.services.deciding import parties_of
from reviews.states import Risk, Verdict
from reviews.views import rights
from reviews.views.detail import asked_for, context, find
from reviews.views.edge import (
    by_of,
    desk_page,
    htmx_of,
    is_partial,
    reader_of,
    refused,
    safe_next,
    see_other,
    signed_in,
    with_query,
)
from reviews.views.proving import confirmed

Act = Callable[[HttpRequest, Detail], HttpResponse]
_VERDICTS = {"approve": "Approve", "reject": "Reject"}


def _form(request: HttpRequest, found: Detail, name: str, *, status: int = 200, **more: Any) -> HttpResponse:
    """The form of one verb; a refused one keeps what was typed."""
    given = {**context(request, found), "verb": name, "kept": request.POST, **more}
    template = "reviews/verb.html#form" if is_partial(request) else "reviews/verb.html"
    return render(request, template, given, status=status)


def _tried(request: HttpRequest, found: Detail, name: str, act: Act, **more: Any) -> HttpResponse:
    """The verb; what was lacking (422, 429) is asked for again on the same form."""
    try:
        return act(request, found)
    except DeskError as refusal:
        if refusal.status in (422, 429) and not is_partial(request):
            return _form(request, found, name, status=refusal.status, refusal=refusal, **more)
        return refused(request, refusal, found=found)


def done(request: HttpRequest, found: Detail, words: str, *, gone: bool = False, **more: Any) -> HttpResponse:
    """Said and done: a toast beside the list, otherwise a message and the next page."""
    if is_partial(request) and not _on_a_page(request):
        given = {"ref": found.ref, "words": words, "gone": gone, **more}
        response = render(request, "reviews/partials/done.html", given)
        response["HX-Retarget"], response["HX-Reswap"] = "#toasts", "afterbegin"
        return response
    tags = f"undo {found.ref} {more['undo']}" if more.get("undo") else ""
    messages.success(request, words, extra_tags=tags)
    onward = _onward(request, found, gone=gone)
    url = safe_next(request, onward) if gone else onward
    return HttpResponse(headers={"HX-Redirect": url}) if is_partial(request) else see_other(url)


def _on_a_page(request: HttpRequest) -> bool:
    """Whether the form was sent from an item's own page, which has to go on to another."""
    path = htmx_of(request).current_url_abs_path or ""
    return path.startswith(("/a/", "/action/"))


def _onward(request: HttpRequest, found: Detail, *, gone: bool) -> str:
    query = request.POST.get("q", "")[:1000]
    if gone or found.item is None:
        return with_query("queue", q=query) if found.item else reverse_url("action", args=[found.action.id])
    return with_query("detail", found.ref, q=query)


def _seen(request: HttpRequest, found: Detail) -> Any:
    low = found.action.risk == Risk.LOW
    item = item_of(found)
    return forms.seen(request.POST, user=signed_in(request), item=item, low_risk=low)


def item_of(found: Detail) -> UUID:
    if found.item is None:
        raise Http404
    return found.item.id


@require_http_methods(["GET", "POST"])
@desk_page
def decide_view(request: HttpRequest, ref: str) -> HttpResponse:
    found = find(request, ref)
    verdict = request.POST.get("verdict") or request.GET.get("verdict") or "approve"
    if verdict not in _VERDICTS:
        raise InvalidDecision("choose approve or reject")
    more: dict[str, Any] = {
        "verdict": verdict,
        "label": _VERDICTS[verdict],
        "presets": offered(found.kind, verdict),
        "required": asked_for(found, Verdict(verdict)),
    }
    if request.method == "GET":
        return _form(request, found, "decide", **more | _cited(request))
    return _tried(request, found, "decide", _decide, **more)


def _cited(request: HttpRequest) -> dict[str, Any]:
    """A rationale that begins with the precedent that the reader cites."""
    ref = request.GET.get("cite", "")
    return {"kept": {"rationale": f"as {ref}"}} if REF.fullmatch(ref) else {}


def _decide(request: HttpRequest, found: Detail) -> HttpResponse:
    decision = forms.decision(request.POST)
    made = decide(item=item_of(found), seen=_seen(request, found), decision=decision, by=confirmed(request))
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


def debriefed(request: HttpRequest, found: Detail) -> HttpResponse:
    """In place of what was done: it was a check, and what there was to see. There is nothing to take back."""
    (check,) = debriefs([item_of(found)])
    return done(request, found, f"{check.words} {check.note}", gone=True, check=check)


@require_POST
@desk_page
def undo(request: HttpRequest, ref: str) -> HttpResponse:
    found = find(request, ref)
    retract(decision=_uuid(request, "decision"), by=by_of(request))
    return done(request, found, f"Taken back: {found.ref} waits again.", back=True)


def _uuid(request: HttpRequest, name: str) -> UUID:
    try:
        return UUID(request.POST.get(name, ""))
    except ValueError:
        raise Http404 from None


@require_http_methods(["GET", "POST"])
@desk_page
def ask_view(request: HttpRequest, ref: str) -> HttpResponse:
    found = find(request, ref)
    if asked_enough(found.action):
        return escalate_view(request, ref)  # after three rounds somebody else looks at it
    if request.method == "GET":
        return _form(request, found, "ask")
    return _tried(request, found, "ask", _ask)


def _ask(request: HttpRequest, found: Detail) -> HttpResponse:
    text = forms.note(request.POST, "text")
    if not text:
        raise InvalidDecision("write the question")
    expects = forms.expects(request.POST)
    ask(item=item_of(found), seen=_seen(request, found), text=text, expects=expects, by=by_of(request))
    return done(request, found, f"Asked about {found.ref}. It comes back with the answer.", gone=True)


@require_POST
@desk_page
def answer(request: HttpRequest, ref: str) -> HttpResponse:
    found = find(request, ref)
    question = found.question
    if question is None:
        raise InvalidDecision("no question is open")
    answer_question(
        action=found.action.id,
        question=question.id,
        text=request.POST.get("choice") or forms.note(request.POST, "text"),
        payload=_corrected(request, found, question.expects),
        upload=forms.upload(request.FILES) if request.FILES else None,
        by=by_of(request),
    )
    return done(request, found, f"Answered: {found.ref} waits for a decision again.")


def _corrected(request: HttpRequest, found: Detail, expects: Mapping[str, Any]) -> dict[str, Any] | None:
    """The payload with the one field changed that the question asked about; None where it is as it was."""
    path, held = str(expects.get("path", "")), found.payload or {}
    if expects.get("kind") != "field":
        return None
    name = path.rpartition(".")[2]
    value = draft(*narrowed(held, found.schema, path), request.POST).payload.get(name)
    changed = replaced(held, path, value)
    return None if changed == held else changed


@require_POST
@desk_page
def comment_view(request: HttpRequest, ref: str) -> HttpResponse:
    found = find(request, ref)
    comment(item=item_of(found), text=forms.note(request.POST, "text"), by=by_of(request))
    return done(request, found, "Comment added.", reload=True)


@require_http_methods(["GET", "POST"])
@desk_page
def escalate_view(request: HttpRequest, ref: str) -> HttpResponse:
    found = find(request, ref)
    more: dict[str, Any] = {"groups": _targets(found), "presets": offered(found.kind, "escalate"), "required": True}
    if request.method == "GET":
        return _form(request, found, "escalate", **more)
    return _tried(request, found, "escalate", _escalate, **more)


def _targets(found: Detail) -> list[Group]:
    return list(Group.objects.filter(authority__isnull=False).distinct().order_by("name"))


def _escalate(request: HttpRequest, found: Detail) -> HttpResponse:
    wanted = request.POST.get("target", "")
    target = next((group for group in _targets(found) if str(group.pk) == wanted), None)
    if target is None:
        raise InvalidDecision("choose whom to escalate to")
    escalate(
        item=item_of(found),
        seen=_seen(request, found),
        target=target,
        rationale=forms.note(request.POST, "rationale"),
        reason_code=request.POST.get("reason_code", ""),
        by=by_of(request),
    )
    return done(request, found, f"Escalated {found.ref} to {target}.", gone=True)


@require_http_methods(["GET", "POST"])
@desk_page
def defer_view(request: HttpRequest, ref: str) -> HttpResponse:
    found = find(request, ref)
    if request.method == "GET":
        return _form(request, found, "defer")
    return _tried(request, found, "defer", _defer)


def _defer(request: HttpRequest, found: Detail) -> HttpResponse:
    until = forms.later(request.POST, now=timezone.now())
    defer(item=item_of(found), until=until, by=by_of(request))
    return done(request, found, f"Deferred {found.ref} until {timezone.localtime(until):%H:%M on %-d %B}.", gone=True)


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


@require_http_methods(["GET", "POST"])
@desk_page
def assign_view(request: HttpRequest, ref: str) -> HttpResponse:
    found = find(request, ref)
    if request.method == "GET":
        return _form(request, found, "assign", candidates=_candidates(found))
    return _tried(request, found, "assign", _assign, candidates=[])


def _candidates(found: Detail) -> list[Candidate]:
    """Who could decide it, who knows the type, and in words why others cannot."""
    if found.item is None or not found.pending:
        return []
    return candidates(found.item, rights.matter(found), parties_of(found.action))


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


# What is no longer pending; by the action's id, since policy's own have no item.


def _found(request: HttpRequest, action: UUID) -> Detail:
    return by_action(action, reader_of(request))


@require_http_methods(["GET", "POST"])
@desk_page
def settle_view(request: HttpRequest, action: UUID) -> HttpResponse:
    found = _found(request, action)
    if request.method == "GET":
        return _form(request, found, "settle")
    return _tried(request, found, "settle", _settle)


def _settle(request: HttpRequest, found: Detail) -> HttpResponse:
    happened = request.POST.get("happened", "")
    if happened not in ("0", "1"):
        raise InvalidDecision("say whether it happened")
    settle(action=found.action.id, happened=happened == "1", note=forms.note(request.POST, "note"), by=by_of(request))
    words = "It happened: recorded as succeeded." if happened == "1" else "It did not happen: recorded as failed."
    return done(request, found, words, reload=True)


@require_http_methods(["GET", "POST"])
@desk_page
def withdraw_view(request: HttpRequest, action: UUID) -> HttpResponse:
    found = _found(request, action)
    if request.method == "GET":
        return _form(request, found, "withdraw")
    return _tried(request, found, "withdraw", _withdraw)


def _withdraw(request: HttpRequest, found: Detail) -> HttpResponse:
    withdraw(action=found.action.id, reason=forms.note(request.POST, "reason"), by=by_of(request))
    return done(request, found, "Withdrawn: it will not be carried out.", gone=True)


@require_http_methods(["GET", "POST"])
@desk_page
def reverse_view(request: HttpRequest, action: UUID) -> HttpResponse:
    found = _found(request, action)
    if request.method == "GET":
        return _form(request, found, "reverse")
    return _tried(request, found, "reverse", _reverse)


def _reverse(request: HttpRequest, found: Detail) -> HttpResponse:
    reason = forms.note(request.POST, "reason")
    if not reason:
        raise InvalidDecision("say why it should be reversed")
    reverse(action=found.action.id, reason=reason, by=by_of(request))
    return done(request, found, "The reversal is proposed; it goes through the desk like anything else.", reload=True)


@require_POST
@desk_page
def again(request: HttpRequest, action: UUID) -> HttpResponse:
    found = _found(request, action)
    if not signed_in(request).is_active:
        raise PermissionDenied
    propose_again(action=action, by=by_of(request))
    return done(request, found, "Proposed again: a new action with the same bytes, linked to this one.", reload=True)
