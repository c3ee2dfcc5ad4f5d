"""Pages for how long events are kept, and for ordering that old ones go. Whoever does has proved who they are."""

from typing import Any

from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from audit import erasable, jobs, keeping, retention
from audit.erasable import Hold
from audit.forms import OrderForm, PeriodForm, PruneForm
from audit.keeping import PRUNABLE, WORDS, Kept, Staying
from audit.registry import names_of, short_names_of
from audit.retention import RetentionRefused
from audit.views import actor, needs, request_id
from audit.views_privacy import stale

SECONDS = 20  # that a preview may take; a log too long for it is pruned with the command
TOO_LONG = "This log is too long to count here. Look with manage.py audit_retention plan, and order there."


@require_safe
@needs("view_audit")
@needs("prune_audit")
def overview(request: HttpRequest) -> HttpResponse:
    """What is kept since when, and what was ordered."""
    orders = keeping.orders()
    names = names_of({one.by for one in orders})
    context = {
        "kept": keeping.kept(),
        "pruned": keeping.pruned(),
        "orders": [(one, names.get(one.by, one.by), [WORDS[name] for name in one.classes]) for one in orders],
    }
    return render(request, "audit/retention.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@needs("view_audit")
@needs("prune_audit")
def period(request: HttpRequest, name: str) -> HttpResponseBase:
    """Set how long one class is kept at least."""
    found = next((one for one in keeping.kept() if one.name == name and one.prunable), None)
    if found is None:
        raise Http404
    if away := stale(request):
        return away
    form = PeriodForm(request.POST or None, initial={"days": found.days})
    if request.method == "POST" and form.is_valid():
        try:
            retention.set_period(
                name=name, days=form.cleaned_data["days"], reason=form.cleaned_data["reason"], actor=actor(request),
                request=request_id(request),
            )  # fmt: skip
        except RetentionRefused as refusal:
            form.add_error(None, _sentence(refusal))
            return _period_page(request, found, form, 409)
        return redirect("audit:retention")
    return _period_page(request, found, form, 422 if request.method == "POST" else 200)


def _period_page(request: HttpRequest, found: Kept, form: PeriodForm, status: int) -> HttpResponse:
    return render(request, "audit/period.html", {"one": found, "form": form}, status=status)


@require_http_methods(["GET", "HEAD", "POST"])
@needs("view_audit")
@needs("prune_audit")
def prune(request: HttpRequest) -> HttpResponseBase:
    """Choose, look at what would go and what stays, then order exactly that."""
    if away := stale(request):
        return away
    asked = bool(request.GET)
    chosen = PruneForm(request.GET if asked else None, initial={"classes": PRUNABLE})
    if not asked or not chosen.is_valid():
        return render(request, "audit/prune.html", {"chosen": chosen}, status=422 if asked else 200)
    if request.method == "POST":
        return _order(request, chosen)
    return _preview(request, chosen, OrderForm())


def _preview(
    request: HttpRequest, chosen: PruneForm, form: OrderForm, *, alarm: str = "", status: int = 200
) -> HttpResponse:
    classes, below = chosen.cleaned_data["classes"], chosen.cleaned_data["below"]
    context: dict[str, Any] = {"chosen": chosen, "form": form, "alarm": alarm}
    try:
        plan = keeping.plan(classes, below=below, seconds=SECONDS)
    except OperationalError:
        chosen.add_error(None, TOO_LONG)
        return render(request, "audit/prune.html", context, status=503)
    context |= {"plan": plan, "seen": plan.found.digest.hex(), "staying": _staying(plan.staying)}
    return render(request, "audit/prune.html", context, status=status)


def _staying(rows: list[Staying]) -> list[tuple[Staying, str]]:
    """With what the hold is about, where there is one."""
    standing = {hold.id: hold for hold in erasable.holds(standing=True)}
    known = short_names_of({hold.target for hold in standing.values() if hold.scope == "case"})
    return [(one, _about(standing.get(one.hold) if one.hold else None, known)) for one in rows]


def _about(hold: Hold | None, known: dict[str, str]) -> str:
    if hold is None:
        return ""
    return "one subject" if hold.scope == "subject" else f"{hold.scope} {known.get(hold.target, hold.target)}"


def _order(request: HttpRequest, chosen: PruneForm) -> HttpResponseBase:
    form = OrderForm(request.POST)
    if not form.is_valid():
        return _preview(request, chosen, form, alarm=" ".join(map(str, form.errors.get("seen", []))), status=422)
    try:
        job = jobs.request_pruning(
            classes=chosen.cleaned_data["classes"], below=chosen.cleaned_data["below"],
            seen=bytes.fromhex(form.cleaned_data["seen"]), reason=form.cleaned_data["reason"], actor=actor(request),
            request=request_id(request),
        )  # fmt: skip
    except RetentionRefused as refusal:
        return _preview(request, chosen, form, alarm=_sentence(refusal), status=409)
    return redirect("audit:job", job=job)


def _sentence(refusal: RetentionRefused) -> str:
    said = str(refusal)
    return f"{said[:1].upper()}{said[1:]}."
