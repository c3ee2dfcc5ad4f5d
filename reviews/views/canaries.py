"""Seeding checks from cases that are decided, and what became of those that are over. For leads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods

from reviews import forms
from reviews.errors import DeskError, InvalidDecision, InvalidPayload
from reviews.mutations import Mutation, mutations
from reviews.queries.canaries import alike, overview
from reviews.queries.detail import Detail, by_action
from reviews.queries.payload import changes
from reviews.schema_form import Draft, build, draft
from reviews.services import Seed, seed_canary
from reviews.states import Verdict
from reviews.views.edge import by_of, desk_page, reader_of, see_other, signed_in
from reviews.views.editing import opened, placed


def _demand_lead(request: HttpRequest) -> None:
    if not signed_in(request).has_perm("reviews.add_canary"):
        raise PermissionDenied("a lead seeds checks")


@require_GET
@desk_page
def checks(request: HttpRequest) -> HttpResponse:
    """How many are out, and each that is over with what became of it."""
    _demand_lead(request)
    return render(request, "reviews/checks.html", {"found": overview(list(reader_of(request).queues))})


@require_http_methods(["GET", "POST"])
@desk_page
def seed(request: HttpRequest, action: UUID) -> HttpResponse:
    """Make a check of a decided case: choose or type its fault, see the difference, put it into the queue."""
    _demand_lead(request)
    found = by_action(action, reader_of(request))
    if found.payload is None or not found.loaded:
        raise InvalidDecision("no check can be made of it: its bytes do not fit a loaded version of its type")
    chosen = _chosen(request, found)
    if request.method == "GET":
        return _form(request, found, chosen, Draft(chosen.payload))
    return _seeded(request, found, chosen)


def _chosen(request: HttpRequest, found: Detail) -> Mutation:
    wanted = request.POST.get("mutation") or request.GET.get("mutation") or "by_hand"
    offered = _offered(found)
    return next((one for one in offered if one.code == wanted), offered[0])


def _offered(found: Detail) -> list[Mutation]:
    return mutations(found.kind, found.payload or {}, alike(found.action))


def _form(
    request: HttpRequest, found: Detail, chosen: Mutation, shown: Draft, *, wrong: Mapping[str, str] | None = None,
    status: int = 200, **more: Any,
) -> HttpResponse:  # fmt: skip
    opened(request, found)
    given = {
        "found": found,
        "action": found.action,
        "chosen": chosen,
        "offered": _offered(found),
        "fields": placed(build(shown.payload, found.schema, shown.origins), wrong or {}, shown.payload),
        "diff": changes(found.payload, shown.payload, found.schema),
        "kept": request.POST,
        "evidence": _ticked(request, found, chosen),
        **more,
    }
    return render(request, "reviews/check.html", given, status=status)


def _ticked(request: HttpRequest, found: Detail, chosen: Mutation) -> list[tuple[Any, bool]]:
    """The evidence of the case, and whether the check keeps each."""
    kept = set(request.POST.getlist("evidence"))
    return [(one, str(one.number) in kept if request.method == "POST" else chosen.evidence) for one in found.evidence]


def _seeded(request: HttpRequest, found: Detail, chosen: Mutation) -> HttpResponse:
    shown = Draft(chosen.payload)
    try:
        shown = draft(chosen.payload, found.schema, request.POST)
        if request.POST.get("do") or request.POST.get("preview"):
            return _form(request, found, chosen, shown)
        seed_canary(source=found.action.id, seed=_seed(request, chosen, shown), by=by_of(request))
    except InvalidPayload as refusal:
        wrong = {error["path"]: error["message"] for error in refusal.errors}
        return _form(request, found, chosen, shown, wrong=wrong, status=422, refusal=refusal)
    except DeskError as refusal:
        if refusal.status != 422:
            raise
        return _form(request, found, chosen, shown, status=422, refusal=refusal)
    messages.success(request, "The check is on its way. It enters the queue like anything else.")
    return see_other(reverse("checks"))


def _seed(request: HttpRequest, chosen: Mutation, shown: Draft) -> Seed:
    answer = request.POST.get("answer", "")
    if answer not in (Verdict.APPROVE, Verdict.REJECT):
        raise InvalidDecision("say which verdict is right")
    return Seed(
        payload=shown.payload,
        answer=Verdict(answer),
        note=forms.note(request.POST, "note"),
        mutation=chosen.code,
        evidence=frozenset(int(n) for n in request.POST.getlist("evidence") if n.isascii() and n.isdigit()),
    )
