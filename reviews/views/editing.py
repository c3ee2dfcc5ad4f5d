"""The edit form made from the type's schema: see the difference, save, or save and approve in one go."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from reviews import forms
from reviews.errors import DeskError, InvalidDecision, InvalidPayload
from reviews.expecting import answer_form
from reviews.queries.detail import Detail
from reviews.queries.payload import changes
from reviews.reasons import presets
from reviews.registry import validate
from reviews.schema_form import Draft, Field, build, draft, located
from reviews.schemas import decode
from reviews.services import edit, open_secrets
from reviews.states import Risk
from reviews.views.detail import context, find
from reviews.views.edge import by_of, desk_page, is_partial, refused, signed_in
from reviews.views.proving import confirmed
from reviews.views.verb_form import debriefed, done, item_of, newer

Errors = Mapping[str, str]  # what is wrong, by path


@require_http_methods(["GET", "POST"])
@desk_page
def edit_view(request: HttpRequest, ref: str) -> HttpResponse:
    found = find(request, ref)
    if found.payload is None or not found.loaded:
        raise InvalidDecision("it cannot be edited: its bytes do not fit a loaded version of its type")
    if request.method == "GET":
        return _form(request, found, Draft(found.payload))
    if request.POST.get("do"):
        return _reshape(request, found)
    if request.POST.get("preview"):
        return _preview(request, found)
    return _save(request, found)


def _form(
    request: HttpRequest, found: Detail, shown: Draft, *, status: int = 200, wrong: Errors | None = None, **more: Any
) -> HttpResponse:
    opened(request, found)
    given = {
        **context(request, found),
        "fields": placed(build(*_asked(found, shown.payload), shown.origins), wrong or {}, shown.payload),
        "presets": presets(found.kind, "edit"),
        "kept": request.POST,
        "diff": changes(found.payload, shown.payload, found.schema),
        **more,
    }
    template = "reviews/edit.html#form" if is_partial(request) else "reviews/edit.html"
    return render(request, template, given, status=status)


def opened(request: HttpRequest, found: Detail) -> None:
    """A form shows every value bare: whoever gets one with secrets in it has opened them, and that is told."""
    if found.payload_secret and found.item is not None:
        open_secrets(item=found.item.id, by=by_of(request))


def placed(fields: list[Field], wrong: Errors, payload: Any) -> list[tuple[Field, str]]:
    """Each field with what is wrong with it."""
    at = {located(path, payload): message for path, message in wrong.items()}
    return [(field, "" if field.kind == "branch" else at.get(field.path, "")) for field in fields]


def _asked(found: Detail, payload: Mapping[str, Any]) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """What the form is made of: the whole payload, but of a question only its answer."""
    if not found.kind.question:
        return payload, found.schema
    return answer_form(payload)


def edited(request: HttpRequest, found: Detail) -> Draft:
    """The payload as the form says: whole as JSON where that was sent, otherwise field by field."""
    whole = request.POST.get("payload", "")
    if not whole.strip():
        held = found.payload or {}
        made = draft(*_asked(found, held), request.POST)
        rest = held if found.kind.question else {}  # of a question only the answer is edited
        return Draft({**rest, **made.payload}, made.origins)
    value = decode(whole)
    if not isinstance(value, dict):
        raise InvalidPayload("payload: must be an object", [{"path": "", "message": "must be an object"}])
    return Draft(value)


def _reshape(request: HttpRequest, found: Detail) -> HttpResponse:
    """A row more or less, an optional part put in or left out, another kind of a union. Nothing is written."""
    try:
        shown = edited(request, found)
    except InvalidPayload as refusal:
        return _form(request, found, Draft(dict(found.payload or {})), status=422, refusal=refusal)
    return _form(request, found, shown, focus=_focus(request.POST["do"], shown))


def _focus(pressed: str, shown: Draft) -> str:
    """The path that the reader goes on with."""
    button, _, path = pressed.partition(":")
    if button == "add":
        return f"{path}[{len(shown.origins.get(path, ())) - 1}]"
    return path.rpartition("[")[0] if button == "drop" else path


def _preview(request: HttpRequest, found: Detail) -> HttpResponse:
    """The difference as it would be saved, or what is wrong with it. Nothing is written."""
    given: dict[str, Any] = {"diff": [], "refusal": None}
    shown = Draft(dict(found.payload or {}))
    try:
        shown = edited(request, found)
        given["diff"] = changes(found.payload, shown.payload, found.schema)
        validate(found.kind, shown.payload, stored=True)
    except InvalidPayload as refusal:
        given["refusal"] = refusal
    if is_partial(request):
        return render(request, "reviews/edit.html#difference", given)
    return _form(request, found, shown, wrong=_errors(given["refusal"]), refusal=given["refusal"])


def _errors(refusal: InvalidPayload | None) -> Errors:
    return {error["path"]: error["message"] for error in refusal.errors} if refusal else {}


def _save(request: HttpRequest, found: Detail) -> HttpResponse:
    shown = Draft(dict(found.payload or {}))
    try:
        shown = edited(request, found)
        return _saved(request, found, shown.payload)
    except InvalidPayload as refusal:
        return _form(request, found, shown, status=422, refusal=refusal, wrong=_errors(refusal))
    except DeskError as refusal:
        if refusal.status in (422, 429):
            return _form(request, found, shown, status=refusal.status, refusal=refusal)
        return refused(request, refusal, found=found, diff=newer(request, found))


def _saved(request: HttpRequest, found: Detail, payload: dict[str, Any]) -> HttpResponse:
    low = found.action.risk == Risk.LOW
    item = item_of(found)
    approve = bool(request.POST.get("approve"))
    vote = forms.decision(request.POST, "approve") if approve else None
    code = request.POST.get("reason_code", "")
    if vote and code in {preset.code for preset in presets(found.kind, "edit")}:
        vote = vote.model_copy(update={"reason_code": ""})  # it says why it was edited, not why it is approved
    result = edit(
        item=item,
        seen=forms.seen(request.POST, user=signed_in(request), item=item, low_risk=low),
        payload=payload,
        decision=vote,
        rationale=forms.note(request.POST, "rationale"),
        reason_code="" if vote and vote.reason_code else code,
        by=confirmed(request),
    )
    if result.approved and find(request, found.ref).was_check:
        return debriefed(request, found)
    if result.approved:
        return done(request, found, f"Saved {found.ref} as revision {result.revision} and approved it.", gone=True)
    why = f" Your approval was not recorded: {result.why_not}." if approve else " It waits for an approval."
    return done(request, found, f"Saved {found.ref} as revision {result.revision}.{why}", gone=approve, reload=True)
