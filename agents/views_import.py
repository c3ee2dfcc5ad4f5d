"""The import page: a file of conversations comes in, a person says which of its tools act, runs start."""

from __future__ import annotations

from collections import Counter
from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents import uploads
from agents.forms_import import FileForm, ToolRow, guessed_rows, posted_rows
from agents.models import Run
from agents.services.importing import Opened, bring_in, open_file
from agents.uploads import Upload
from reviews.errors import DeskError
from reviews.views.edge import by_of

MOST_SHOWN = 100


@login_required
@never_cache
@require_http_methods(["GET", "POST"])
def choose(request: HttpRequest) -> HttpResponse:
    """Which file: one's own, or one that lies ready."""
    _demand_lead(request)
    form = FileForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        found = form.bytes_and_name()
        if found:
            return redirect("agents:import-tools", token=uploads.keep(found[0], name=found[1]).token)
        form.add_error("ready", "This file does not lie ready any more.")
    status = 422 if request.method == "POST" else 200
    return render(request, "agents/import.html", {"form": form, "offered": uploads.offered()}, status=status)


@login_required
@never_cache
@require_GET
def tools(request: HttpRequest, token: str) -> HttpResponse:
    """Which of the file's tools act on the world; all but those that only look, unless somebody says otherwise."""
    _demand_lead(request)
    upload = _kept(token)
    opened = open_file(upload.data, name=upload.name)
    return _ask(request, upload, opened, guessed_rows(opened.tools))


@login_required
@never_cache
@require_POST
def start(request: HttpRequest, token: str) -> HttpResponse:
    """Makes the types and starts the runs, or asks again where something set is wrong."""
    _demand_lead(request)
    upload = _kept(token)
    opened = open_file(upload.data, name=upload.name)
    rows = posted_rows(opened.tools, request.POST)
    if any(row.error for row in rows if row.acts):
        return _ask(request, upload, opened, rows, status=422)
    chosen = {row.tool.name: row.chosen() for row in rows if row.acts}
    try:
        done = bring_in(opened=opened, chosen=chosen, by=by_of(request))
    except DeskError as error:
        return _ask(request, upload, opened, rows, status=error.status, problem=str(error))
    refused = [str(refusal) for refusal in (*opened.refusals, *done.refusals)]
    uploads.write_note(token, "runs", {"runs": [str(run) for run in done.runs], "refused": refused})
    return redirect("agents:import-progress", token=token)


@login_required
@never_cache
@require_GET
def progress(request: HttpRequest, token: str) -> HttpResponse:
    """How far the runs of an import are."""
    _demand_lead(request)
    note = uploads.read_note(token, "runs")
    if not note:
        raise Http404
    found = Run.objects.filter(id__in=note["runs"]).values_list("state", flat=True)
    states = Counter(found)
    context = {
        "upload": _kept(token),
        "states": sorted(states.items()),
        "total": len(note["runs"]),
        "settled": sum(n for state, n in states.items() if state not in {"runnable", "running"}),
        "refused": note["refused"][:MOST_SHOWN],
        "refused_count": len(note["refused"]),
    }
    return render(request, "agents/import_progress.html", context)


def _ask(
    request: HttpRequest, upload: Upload, opened: Opened, rows: list[ToolRow], *, status: int = 200, problem: str = ""
) -> HttpResponse:
    calls = sum(row.tool.count for row in rows if row.acts)
    context: dict[str, Any] = {
        "upload": upload,
        "opened": opened,
        "refusals": opened.refusals[:MOST_SHOWN],
        "rows": rows,
        "calls": calls,
        "problem": problem,
    }
    return render(request, "agents/import_tools.html", context, status=status)


def _kept(token: str) -> Upload:
    upload = uploads.kept(token)
    if upload is None:
        raise Http404
    return upload


def _demand_lead(request: HttpRequest) -> None:
    """A new type of action changes what agents may ask for: a lead's or an administrator's to decide."""
    if not request.user.has_perm("reviews.change_actiontype"):
        raise PermissionDenied("A lead or an administrator brings transcripts in.")
