"""Pages for legal holds and erasure. Whoever acts here has just proved who they are."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from audit import erasable, privacy
from audit.forms import EraseForm, FindForm, HoldForm, LiftForm
from audit.registry import names_of, short_names_of
from audit.services import ErasureRefused
from audit.sessions import is_fresh
from audit.views import actor, needs, request_id, say_searched

PAGE = 50


def stale(request: HttpRequest) -> HttpResponseBase | None:
    """The way to a fresh sign-in and back, where the last one is too long ago."""
    if is_fresh(actor(request).stepped_up_at):
        return None
    return redirect_to_login(request.get_full_path(), login_url=settings.STEP_UP_URL)


@require_http_methods(["GET", "HEAD", "POST"])
@needs("erase_content")
def erase(request: HttpRequest) -> HttpResponseBase:
    """Find, look at what would go and what stays, then erase exactly that."""
    if away := stale(request):
        return away
    find = FindForm(request.GET or None)
    if not request.GET or not find.is_valid():
        status = 422 if request.GET else 200
        return render(request, "audit/erase.html", {"find": find, "sealing": settings.SEALING}, status=status)
    wanted = find.wanted()
    if wanted.words and not request.user.has_perm("audit.open_content"):
        raise PermissionDenied  # who searches in texts may read them
    if request.method == "POST":
        return _erase(request, find, wanted)
    say_searched(request, find.cleaned_data, len(erasable.cases_of(wanted).names))
    return _preview(request, find, wanted, EraseForm())


def _preview(
    request: HttpRequest,
    find: FindForm,
    wanted: erasable.Wanted,
    form: EraseForm,
    *,
    alarm: str = "",
    status: int = 200,
) -> HttpResponse:
    cases = erasable.cases_of(wanted)
    found = erasable.texts_of(cases.names, person=wanted.person)
    slots = [slot for case in found for slot in case.erasable]
    known = short_names_of({case.case for case in found})
    form.initial["seen"] = ",".join(f"{slot.event} {slot.field}" for slot in slots)
    context: dict[str, Any] = {
        "find": find, "form": form, "count": len(slots), "alarm": alarm,
        "found": [(case, known.get(case.case, "")) for case in found],
        "cases": len([case for case in found if case.erasable]), "looked": True, "sealing": settings.SEALING,
        "more": cases.more, "seen": form.initial["seen"],
    }  # fmt: skip
    return render(request, "audit/erase.html", context, status=status)


def _erase(request: HttpRequest, find: FindForm, wanted: erasable.Wanted) -> HttpResponseBase:
    form = EraseForm(request.POST)
    if not form.is_valid():
        alarm = " ".join(map(str, form.errors.get("seen", [])))
        return _preview(request, find, wanted, form, alarm=alarm, status=422)
    try:
        privacy.erase_all(
            wanted=wanted, seen=form.slots(), basis=form.cleaned_data["basis"], reason=form.cleaned_data["reason"],
            actor=actor(request), request=request_id(request),
        )  # fmt: skip
    except ErasureRefused as refusal:
        return _preview(request, find, wanted, form, alarm=str(refusal), status=409)
    return redirect("audit:erasures")


@require_safe
@needs("view_audit")
def erasures(request: HttpRequest) -> HttpResponse:
    """The register: what was erased when, on what basis, on whose word. Never whose it was."""
    before = request.GET.get("before", "")
    rows = erasable.erasures(before=int(before) if before.isdecimal() and len(before) < 19 else None, limit=PAGE + 1)
    names = names_of({row.authoriser for row in rows})
    context = {
        "rows": [(row, names.get(row.authoriser, row.authoriser), _basis(row.basis)) for row in rows[:PAGE]],
        "next": f"?before={rows[PAGE - 1].n}" if len(rows) > PAGE else "",
        "may_erase": request.user.has_perm("audit.erase_content"),
    }
    return render(request, "audit/erasures.html", context)


def _basis(code: str) -> str:
    return privacy.BASES.get(code, code)


@require_http_methods(["GET", "HEAD", "POST"])
@needs("view_audit")
def holds(request: HttpRequest) -> HttpResponseBase:
    """Legal holds that stand or stood; who may, places another."""
    may = request.user.has_perm("audit.hold_content")
    if request.method == "POST":
        if not may:
            raise PermissionDenied
        if away := stale(request):
            return away
        form = HoldForm(request.POST)
        if form.is_valid():
            return _place(request, form)
    else:
        form = HoldForm()
    status = 422 if form.is_bound else 200
    return _holds_page(request, form, status)


def _place(request: HttpRequest, form: HoldForm) -> HttpResponse:
    target, shown = form.target()
    try:
        privacy.place_hold(
            scope=form.cleaned_data["scope"], target=target, shown=shown, reason=form.cleaned_data["reason"],
            actor=actor(request), request=request_id(request),
        )  # fmt: skip
    except privacy.HoldRefused as refusal:
        form.add_error(None, str(refusal))
        return _holds_page(request, form, 409)
    return redirect("audit:holds")


def _holds_page(request: HttpRequest, form: HoldForm, status: int) -> HttpResponse:
    rows = erasable.holds()
    names = names_of({row.placed_by for row in rows})
    known = short_names_of({row.target for row in rows if row.scope == "case"})
    context = {
        "form": form,
        "rows": [(row, names.get(row.placed_by, row.placed_by), known.get(row.target, "")) for row in rows],
        "may_hold": request.user.has_perm("audit.hold_content"),
        "may_open": request.user.has_perm("audit.open_content"),
    }
    return render(request, "audit/holds.html", context, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@needs("hold_content")
def lift(request: HttpRequest, hold: UUID) -> HttpResponseBase:
    """Lift one hold, with a reason."""
    row = next((one for one in erasable.holds(standing=True) if one.id == hold), None)
    if row is None:
        raise Http404
    if away := stale(request):
        return away
    form = LiftForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            privacy.lift_hold(
                hold=hold, reason=form.cleaned_data["reason"], actor=actor(request), request=request_id(request)
            )
        except privacy.HoldRefused as refusal:
            form.add_error(None, str(refusal))
            return render(request, "audit/lift.html", {"form": form, "hold": row}, status=409)
        return redirect("audit:holds")
    return render(request, "audit/lift.html", {"form": form, "hold": row}, status=422 if form.is_bound else 200)
