"""Pages of the record: integrity, verification, search, timelines, exports. Without the right: 404."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import OperationalError, transaction
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from audit import events, jobs, queries, services
from audit.forms import ExportForm, SearchForm
from audit.keeping import is_pruned, kept, pruned
from audit.registry import case_named, names_of, short_names_of, veiled
from audit.sessions import last_proof
from audit.timeline import short, title

PAGE = 50
View = Callable[..., HttpResponseBase]


def needs(permission: str) -> Callable[[View], View]:
    """Signed in and entitled; to everybody else the page does not exist."""

    def wrap(view: View) -> View:
        def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.has_perm(f"audit.{permission}"):
                raise Http404
            return view(request, *args, **kwargs)

        inner.__name__, inner.__doc__ = view.__name__, view.__doc__
        return never_cache(login_required(inner))

    return wrap


def actor(request: HttpRequest) -> services.Actor:
    """The signed-in person, by pseudonym, with a prefix of the session's hash."""
    ref = getattr(request.user, "pseudonym", None) or f"user:{request.user.pk}"
    method, at, session = last_proof(request.session)
    return services.Actor("human", str(ref), role="reader", auth=method, session=session, stepped_up_at=at)


def request_id(request: HttpRequest) -> str:
    return str(getattr(request, "id", ""))


def _may(request: HttpRequest) -> dict[str, bool]:
    rights = ("open_content", "export_audit", "verify_audit", "erase_content", "prune_audit")
    return {f"may_{right.partition('_')[0]}": request.user.has_perm(f"audit.{right}") for right in rights}


@require_safe
@needs("view_audit")
def integrity(request: HttpRequest) -> HttpResponse:
    """What the log can show about itself, and when it was last checked."""
    context = {
        "health": queries.health(),
        "checkpoint": queries.newest_checkpoint(),
        "delay": queries.merge_delay(),
        "verified": queries.newest_job("verify"),
        "compared": queries.newest_comparison(),
        "jobs": queries.jobs(),
        "vkeys": queries.vkeys(),
        "cosigned": queries.cosigned(),
        "sealing": settings.SEALING,
        "kept": kept(),
        "pruned": pruned(),
        **_may(request),
    }
    return render(request, "audit/integrity.html", context)


@require_safe
@needs("view_audit")
def event_list(request: HttpRequest) -> HttpResponse:
    """Search by closed filters, newest first, keyset pages. A search is itself an event."""
    form = SearchForm(request.GET, may_open=request.user.has_perm("audit.open_content"))
    if not form.is_valid():
        return render(request, "audit/events.html", {"form": form, "rows": [], **_may(request)}, status=422)
    before = form.cleaned_data["before"]
    try:
        rows = queries.search(form.filters(), before=before, limit=PAGE + 1)
    except OperationalError:
        form.add_error(None, "This search takes too long. Add a case, an event name, an actor or a time.")
        return render(request, "audit/events.html", {"form": form, "rows": [], **_may(request)}, status=503)
    shown = queries.unveiled(rows[:PAGE], getattr(request.user, "pseudonym", ""))
    if before is None:
        say_searched(request, form.cleaned_data, len(shown))
    names, known = names_of({row.actor_ref for row in shown}), short_names_of({row.case_id for row in shown})
    context = {
        "form": form,
        "rows": [
            {
                "event": row,
                "short": short(row.case_id),
                "known": known.get(row.case_id, ""),
                "title": title(row.name),
                "who": names.get(row.actor_ref, row.actor_ref),
            }
            for row in shown
        ],
        "next": _next_page(request, rows),
        **_may(request),
    }
    return render(request, "audit/events.html", context)


def _next_page(request: HttpRequest, rows: list[Any]) -> str:
    if len(rows) <= PAGE:
        return ""
    query = request.GET.copy()
    query["before"] = str(rows[PAGE - 1].n)
    return "?" + query.urlencode()


def say_searched(request: HttpRequest, values: Mapping[str, Any], found: int) -> None:
    """One event for a search with any filter; its words are committed, not written into the log."""
    used = {k: str(v) for k, v in values.items() if v not in ("", None)}
    if not used:
        return
    with transaction.atomic():
        data = events.AuditSearched(filters={"fields": sorted(used)}, results=found)
        words = "; ".join(f"{name}={used[name]}" for name in sorted(used))
        entry = services.prepare(
            name=events.EventName.AUDIT_SEARCHED,
            data=data,
            chain=services.fresh(f"search:{services.uuid7()}"),
            actor=actor(request),
            request=request_id(request),
            content={"filters": words},
        )
        services.record([entry])


@needs("view_audit")
def case(request: HttpRequest, case: str) -> HttpResponse:
    """The timeline of a case, also by its number. Opening its texts is a POST, because it is recorded."""
    if (named := case_named(case)) != case:
        return redirect("audit:case", case=named)
    opened = request.method == "POST"
    if opened and not request.user.has_perm("audit.open_content"):
        raise PermissionDenied
    if why := veiled(case, getattr(request.user, "pseudonym", "")):
        raise PermissionDenied(why)
    rows, cut = queries.timeline(case, opened=opened), is_pruned(case)
    known = short_names_of([case]).get(case, "")
    if not rows and cut:
        context = {"case": case, "known": known, "below": pruned().min_index}
        return render(request, "audit/pruned.html", context, status=404)
    if not rows:
        raise Http404
    if opened:
        _say_opened(request, case)
    context = {"case": case, "known": known, "cut": cut, "rows": rows, "opened": opened, **_may(request)}
    return render(request, "audit/case.html", context)


@transaction.atomic
def _say_opened(request: HttpRequest, case: str) -> None:
    entry = services.prepare(
        name=events.EventName.CONTENT_OPENED,
        data=events.ContentOpened(case=case, purpose="timeline"),
        chain=services.fresh(f"opening:{services.uuid7()}"),
        actor=actor(request),
        request=request_id(request),
    )
    services.record([entry])


@require_safe
@needs("view_audit")
def proof(request: HttpRequest, event: UUID) -> HttpResponse:
    """The event's .tlog-proof: index, path, signed checkpoint."""
    text = queries.proof(event)
    if text is None:
        raise Http404
    name = f'attachment; filename="{event}.tlog-proof"'
    return HttpResponse(text, content_type="text/plain; charset=utf-8", headers={"Content-Disposition": name})


@require_safe
@needs("view_audit")
def checkpoint(request: HttpRequest) -> HttpResponse:
    """The newest signed checkpoint, to keep elsewhere."""
    newest = queries.newest_checkpoint()
    if newest is None:
        raise Http404
    return HttpResponse(f"{newest.body}\n{newest.signature}", content_type="text/plain; charset=utf-8")


@require_POST
@needs("verify_audit")
def verify(request: HttpRequest) -> HttpResponse:
    """Ask the keeper to export the whole log and run the verifier over it."""
    return redirect("audit:job", job=jobs.request_verify(actor=actor(request)))


@needs("export_audit")
def export(request: HttpRequest) -> HttpResponse:
    """Ask for an export: what, whether texts are opened, and why."""
    may_open = request.user.has_perm("audit.open_content")
    if request.POST.getlist("opened") and not may_open:
        raise PermissionDenied
    given = {"case": request.GET.get("case", "")[:231]}
    form = ExportForm(request.POST or None, initial=given, may_open=may_open, reader=actor(request).ref)
    if request.method != "POST" or not form.is_valid():
        status = 422 if request.method == "POST" else 200
        return render(request, "audit/export.html", {"form": form, **_may(request)}, status=status)
    chosen = form.cleaned_data["case"]
    job = jobs.request_export(
        actor=actor(request),
        cases=[chosen] if chosen else None,
        filters=form.filters(),
        opened=form.cleaned_data.get("opened", []),
        reason=form.cleaned_data["reason"],
        request=request_id(request),
    )
    return redirect("audit:job", job=job)


@require_safe
@needs("view_audit")
def job(request: HttpRequest, job: UUID) -> HttpResponse:
    """How an export or a verification is getting on; polled while it runs."""
    row = queries.job(job)
    if row is None or (row.kind == "export" and not request.user.has_perm("audit.export_audit")):
        raise Http404
    part = request.headers.get("HX-Request") == "true" and request.headers.get("HX-Target") == "job"
    template = "audit/_job.html" if part else "audit/job.html"
    return render(request, template, {"job": row, "here": reverse("audit:job", args=[job]), "percent": _percent(row)})


def _percent(row: Any) -> int:
    done, total = row.progress.get("done", 0), row.progress.get("total", 0)
    return min(100, 100 * int(done) // int(total)) if total else 0


@require_safe
@needs("export_audit")
def download(request: HttpRequest, job: UUID) -> FileResponse:
    """The archive of a finished export, for whoever asked for it."""
    row = queries.job(job)
    if row is None or row.kind != "export" or row.requested_by != actor(request).ref:
        raise Http404
    path = jobs.folder() / Path(str(row.result.get("file", "-"))).name
    if not path.is_file():
        raise Http404
    return FileResponse(path.open("rb"), as_attachment=True, filename=f"assentry-export-{job}.zip")
