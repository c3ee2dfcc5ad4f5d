"""Asking the agent, answering for it, and talk between reviewers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from reviews import forms
from reviews.errors import InvalidDecision
from reviews.expecting import narrowed, replaced
from reviews.queries.detail import Detail
from reviews.schema_form import draft
from reviews.services import answer as answer_question
from reviews.services import ask, comment
from reviews.services.asking import asked_enough
from reviews.views.detail import find
from reviews.views.edge import by_of, desk_page
from reviews.views.verb_form import done, item_of, seen_of, verb_view
from reviews.views.verbs import escalate_view


@desk_page
def ask_view(request: HttpRequest, ref: str) -> HttpResponse:
    """After three rounds somebody else looks at it instead."""
    enough = asked_enough(find(request, ref).action)
    return escalate_view(request, ref=ref) if enough else _ask_view(request, ref=ref)


def _ask(request: HttpRequest, found: Detail) -> HttpResponse:
    text = forms.note(request.POST, "text")
    if not text:
        raise InvalidDecision("write the question")
    expects = forms.expects(request.POST)
    ask(item=item_of(found), seen=seen_of(request, found), text=text, expects=expects, by=by_of(request))
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


_ask_view = verb_view("ask", _ask)
