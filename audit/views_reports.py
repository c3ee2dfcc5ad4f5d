"""Reports as pages, CSV and JSON Lines: one path for all of them. Reading and taking away are events."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from django.core.exceptions import PermissionDenied
from django.db import OperationalError, connection, transaction
from django.http import Http404, HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.views.decorators.http import require_http_methods, require_safe

from audit import events, services
from audit.forms_reports import ReportForm
from audit.registry import reports
from audit.report import MOST, Query, Report
from audit.tabular import Line, csv_lines, json_lines
from audit.views import actor, needs, request_id

PAGE = 50
KEPT = ("since", "until", "case", "type")
MIME = {"csv": "text/csv; charset=utf-8", "jsonl": "application/x-ndjson; charset=utf-8"}
TOO_LONG = "This takes too long. Take a shorter stretch of time, or a file instead of the page."


@require_safe
@needs("view_audit")
def index(request: HttpRequest) -> HttpResponse:
    """What reports there are, and the question each one answers."""
    may_export = request.user.has_perm("audit.export_audit")
    return render(request, "audit/reports.html", {"reports": reports(), "may_export": may_export})


@require_http_methods(["GET", "HEAD", "POST"])
@needs("view_audit")
def report(request: HttpRequest, number: str) -> HttpResponseBase:
    """One report. A POST opens committed texts, which is recorded as such."""
    found = next((each for each in reports() if each.id == number), None)
    if found is None:
        raise Http404
    opened = request.method == "POST"
    if opened and not (found.texts and request.user.has_perm("audit.open_content")):
        raise PermissionDenied("You may not open texts here.")
    form = ReportForm(_given(request), report=found)
    if not form.is_valid():
        return _page(request, found, form, [], status=422)
    wanted = form.cleaned_data["format"]
    return _file(request, found, form, wanted, opened=opened) if wanted else _shown(request, found, form, opened=opened)


def _given(request: HttpRequest) -> QueryDict:
    return request.POST if request.method == "POST" else request.GET


def _shown(request: HttpRequest, found: Report, form: ReportForm, *, opened: bool) -> HttpResponse:
    """The first lines after the key, and whether there are more."""
    query = form.query(chunk=PAGE + 1, opened=opened)
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '4s'")
            lines = [] if found.needs_case and not query.case else list(islice(found.lines(query), PAGE + 1))
            alarms = found.alarms(query) if found.alarms else []
    except OperationalError:
        form.add_error(None, TOO_LONG)
        return _page(request, found, form, [], status=503)
    if not query.after:
        _say_read(request, found, form, min(len(lines), PAGE), query)
    return _page(request, found, form, lines, alarms=alarms, opened=opened)


def _page(
    request: HttpRequest,
    found: Report,
    form: ReportForm,
    lines: list[Line],
    *,
    alarms: list[str] | None = None,
    opened: bool = False,
    status: int = 200,
) -> HttpResponse:
    kept = {
        name: str(value) for name, value in form.data.items() if name in ("since", "until", "case", "type") and value
    }
    more = lines[PAGE - 1].key if len(lines) > PAGE else ""
    context = {
        "report": found,
        "form": form,
        "lines": lines[:PAGE],
        "more": more,
        "kept": kept,
        "alarms": alarms or [],
        "opened": opened,
        "asked": form.is_valid() and not (found.needs_case and not form.cleaned_data.get("case")),
        "may_export": request.user.has_perm("audit.export_audit"),
        "may_open": found.texts and request.user.has_perm("audit.open_content"),
    }
    return render(request, "audit/report.html", context, status=status)


def _file(request: HttpRequest, found: Report, form: ReportForm, wanted: str, *, opened: bool) -> HttpResponseBase:
    """All lines, streamed; each chunk is a statement of its own, so a long file holds no transaction open."""
    if not request.user.has_perm("audit.export_audit"):
        raise Http404
    query = form.query(chunk=2_000, opened=opened)
    if found.needs_case and not query.case:
        form.add_error("case", "This report is about one case: which?")
        return _page(request, found, form, [], status=422)
    _say_taken(request, found, form, wanted, query)
    name = f'attachment; filename="assentry-{found.id}-{query.since:%Y%m%d}-{query.until:%Y%m%d}.{wanted}"'
    return StreamingHttpResponse(
        _stream(found, query, wanted), content_type=MIME[wanted], headers={"Content-Disposition": name}
    )


def _stream(found: Report, query: Query, wanted: str) -> Iterator[str]:
    """At most MOST lines; a longer file ends with the key after which the next one goes on."""
    write, last = (csv_lines if wanted == "csv" else json_lines), [""]

    def counted() -> Iterator[Line]:
        for line in islice(found.lines(query), MOST):
            last.append(line.key)
            del last[0]
            yield line

    written = 0
    for text in write(found.columns, counted()):
        yield text
        written += 1
    if written - (wanted == "csv") >= MOST:
        yield f"more_after,{last[0]}\r\n" if wanted == "csv" else f'{{"more_after":"{last[0]}"}}\n'


def _say_read(request: HttpRequest, found: Report, form: ReportForm, shown: int, query: Query) -> None:
    """A report that was looked at is a search; opened texts are said besides."""
    data = events.AuditSearched(filters={"report": found.id, "fields": form.used(_given(request))}, results=shown)
    with transaction.atomic():
        chain = services.fresh(f"search:{services.uuid7()}")
        entries = [_entry(request, events.EventName.AUDIT_SEARCHED, data, chain)]
        if query.opened:
            opened = events.ContentOpened(case=query.case, purpose=f"report {found.id}")
            entries.append(_entry(request, events.EventName.CONTENT_OPENED, opened, entries[0].next))
        services.record(entries)


def _say_taken(request: HttpRequest, found: Report, form: ReportForm, wanted: str, query: Query) -> None:
    filters = {"report": found.id, "format": wanted, "since": query.since.isoformat(), "until": query.until.isoformat()}
    filters |= {name: value for name, value in (("case", query.case), ("type", query.type)) if value}
    number = services.uuid7()
    data = events.AuditExported(job=f"report:{number}", filters=filters, opened=["*"] if query.opened else [])
    with transaction.atomic():
        chain = services.fresh(f"job:{number}")
        services.record([_entry(request, events.EventName.AUDIT_EXPORTED, data, chain)])


def _entry(
    request: HttpRequest, name: events.EventName, data: events.EventData, chain: services.Chain
) -> services.Entry:
    return services.prepare(name=name, data=data, chain=chain, actor=actor(request), request=request_id(request))
