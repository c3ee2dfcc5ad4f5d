"""Pages of runs: what runs, how one came to be where it is, and the three things a person may do to it."""

from typing import cast
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from agents import services
from agents.forms import StartForm
from agents.models import STATES, Agent, Run, waiting_for
from agents.queries import pages
from agents.queries.checkpoints import MOST, heaviest_path
from audit.ids import as_uuid
from reviews.errors import DeskError, InvalidPayload
from reviews.models import User
from reviews.services.opening import say_case_opened
from reviews.views.edge import by_of, desk_page, see_other

START = pages.STEERS_ALL


@desk_page
@require_GET
def runs(request: HttpRequest) -> HttpResponse:
    """The newest runs, by state and agent; `before` leads to older ones."""
    user = cast(User, request.user)
    state, agent = request.GET.get("state", ""), request.GET.get("agent", "")
    found = pages.listed(
        pages.visible_runs(user),
        state=state if state in STATES else "",
        agent=agent,
        before=as_uuid(request.GET.get("before", "")),
    )
    context = {
        "runs": found[: pages.PAGE],
        "more": found[pages.PAGE - 1].run.id if len(found) > pages.PAGE else None,
        "states": STATES,
        "agents": Agent.objects.select_related("principal").order_by("principal__name"),
        "state": state,
        "agent": agent,
        "may_start": user.has_perm(START),
    }
    return render(request, "agents/runs.html", context)


@desk_page
@require_GET
def run(request: HttpRequest, run: UUID) -> HttpResponse:
    """One run: where it stands, why, how it came there, and what belongs to it."""
    found, user = _visible(request, run), cast(User, request.user)
    sight = pages.sight_of(user, found)
    upto = request.GET.get("upto", "")
    if pages.lies_sealed(found):
        say_case_opened(case=found.case, purpose="sealed", by=by_of(request))
    rows = pages.trace(found, sight, before=int(upto) if upto.isdecimal() and len(upto) < 8 else None)
    waiting = [UUID(one) for one in waiting_for(found)] if found.state == "parked" else []
    context = {
        "run": found,
        "rows": rows,
        "earlier": rows[0].seq if rows and rows[0].seq > 1 else None,
        "waiting": list(pages.proposed(waiting, sight).values()),
        "waiting_runs": pages.visible_runs(user).filter(id__in=waiting),
        "tree": pages.tree(found.id, user),
        "whole": sight.whole,
        "path": heaviest_path(found.id) if sight.whole else None,
        "most_checkpoints": MOST,
        "opened": pages.opened(found, sight),
        "may_steer": pages.may_steer(user, found),
        "may_withdraw": request.user.pk == found.agent.owner_id or request.user.is_superuser,
        "fork_after": found.blocked["seq"] - 1 if found.blocked else found.steps,
    }
    return render(request, "agents/run.html", context)


@desk_page
@require_http_methods(["GET", "POST"])
def start(request: HttpRequest) -> HttpResponse:
    """Which agent, with which arguments, and within which frame."""
    user = cast(User, request.user)
    if not user.has_perm(START):
        raise PermissionDenied("A lead or an administrator starts runs.")
    known = Agent.objects.filter(principal__active=True).select_related("principal").order_by("principal__name")
    chosen = known.filter(principal__name=request.GET.get("agent", "")).first()
    if chosen is None:
        return render(request, "agents/run_start.html", {"agents": known})
    form = StartForm(request.POST or None, agent=chosen)
    if request.method == "POST" and form.is_valid() and (made := _started(request, chosen, form)):
        return see_other(reverse("agents:run", args=[made]))
    status = 422 if request.method == "POST" else 200
    return render(request, "agents/run_start.html", {"agent": chosen, "form": form}, status=status)


def _started(request: HttpRequest, agent: Agent, form: StartForm) -> UUID | None:
    given = form.cleaned_data
    try:
        return services.start_run(
            agent=agent.principal.name, args=form.args(), title=given["title"], frame=form.frame(), by=by_of(request)
        )
    except InvalidPayload as exc:
        for error in exc.errors or [{"path": "", "message": str(exc)}]:
            field = f"a-{error['path']}"
            form.add_error(field if field in form.fields else None, error["message"])
    except DeskError as exc:
        form.add_error(None, str(exc))
    return None


@desk_page
@require_POST
def cancel(request: HttpRequest, run: UUID) -> HttpResponse:
    """Ends the run and those it started; what it proposed stays decidable."""
    found = _steered(request, run)
    ended = services.cancel_run(run=found.id, by=by_of(request), reason=request.POST.get("reason", "")[:400])
    told = "The run is cancelled." if ended == 1 else f"{ended} runs are cancelled."
    if request.POST.get("withdraw"):
        reason = request.POST.get("reason", "")[:400] or "its run was cancelled"
        taken = services.withdraw_open(run=found.id, by=by_of(request), reason=reason)
        told += f" {taken} of its actions are withdrawn."
    messages.success(request, told)
    return see_other(reverse("agents:run", args=[found.id]))


@desk_page
@require_POST
def fork(request: HttpRequest, run: UUID) -> HttpResponse:
    """A new run that begins with the first steps of this one."""
    found = _steered(request, run)
    given = request.POST.get("seq", "")
    if not given.isdecimal() or len(given) > 6:
        raise InvalidPayload("after which step? Give its number; 0 is from the beginning.")
    made = services.fork_run(run=found.id, seq=int(given), by=by_of(request))
    messages.success(request, "This run goes on where the other one was left.")
    return see_other(reverse("agents:run", args=[made]))


def _visible(request: HttpRequest, run: UUID) -> Run:
    found = pages.visible_runs(cast(User, request.user)).filter(id=run).first()
    if found is None:
        raise Http404
    return found


def _steered(request: HttpRequest, run: UUID) -> Run:
    found = _visible(request, run)
    if not pages.may_steer(cast(User, request.user), found):
        raise PermissionDenied("Who started it, who answers for its agent, and leads may do this.")
    return found
