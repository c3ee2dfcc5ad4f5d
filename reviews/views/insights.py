"""Insights: my day, the team, queues, quality of decisions, agents. Pages of figures, each with its CSV."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_GET, require_POST

from audit.tabular import csv_lines
from reviews.figures import Figure
from reviews.forms_insights import WindowForm
from reviews.insights import agents, health, mine, quality, team
from reviews.models import User
from reviews.queries import stats
from reviews.queries.fatigue import dismiss
from reviews.queries.numbers import MOST, Window
from reviews.queries.numbers.team import away, cover, people
from reviews.queries.numbers.window import patience
from reviews.queries.reach import Reader
from reviews.views.edge import desk_page, reader_of, safe_next, see_other, signed_in

Built = tuple[Sequence[Figure], bool]
LEAD = "reviews.change_actiontype"


class Page(NamedTuple):
    """One page: its URL name, its title, how far back it looks unless told, who may see it."""

    name: str
    title: str
    days: int
    about: str
    leads: bool = False


MINE = Page("stats", "My day", 1, "your own decisions; nobody else sees this page")
TEAM = Page("insights_team", "Team", 7, "the people of your queues, together", leads=True)
QUEUE = Page("insights_queue", "Queue health", 7, "what comes, goes and waits in your queues")
QUALITY = Page("insights_quality", "Decision quality", 28, "what people changed, and what happened after")
AGENTS = Page("insights_agents", "Agents", 28, "what agents propose and what becomes of it")
PAGES = (MINE, TEAM, QUEUE, QUALITY, AGENTS)


def is_lead(user: User) -> bool:
    return user.has_perm(LEAD)


@require_GET
@desk_page
def my_day(request: HttpRequest) -> HttpResponse:
    def build(window: Window, reader: Reader, form: WindowForm) -> Built:
        types = [form.cleaned_data["type"]] if form.cleaned_data["type"] else None
        return mine.figures(window, reader.user.pk, types), False

    return _page(request, MINE, build)


@require_GET
@desk_page
def team_page(request: HttpRequest) -> HttpResponse:
    if not is_lead(signed_in(request)):
        raise PermissionDenied("This page is for leads. Your own figures are on My day.")

    def build(window: Window, reader: Reader, form: WindowForm) -> Built:
        found, absent = people(window), away()
        return team.figures(window, found, absent, cover(window, found, frozenset(absent), timezone.now())), False

    return _page(request, TEAM, build)


@require_GET
@desk_page
def queue_health(request: HttpRequest) -> HttpResponse:
    def build(window: Window, reader: Reader, form: WindowForm) -> Built:
        return health.figures(window, cover(window, people(window), frozenset(away()), timezone.now()))

    return _page(request, QUEUE, build)


@require_GET
@desk_page
def decision_quality(request: HttpRequest) -> HttpResponse:
    return _page(request, QUALITY, lambda window, reader, form: quality.figures(window))


@require_GET
@desk_page
def agent_figures(request: HttpRequest) -> HttpResponse:
    return _page(request, AGENTS, lambda window, reader, form: agents.figures(window, stats.hand_set(window.types)))


def _page(request: HttpRequest, page: Page, build: Callable[[Window, Reader, WindowForm], Built]) -> HttpResponse:
    reader = reader_of(request)
    form = WindowForm(request.GET, reader=reader, days=page.days)
    wanted = request.GET.get("csv", "")
    if not form.is_valid():
        return _render(request, page, form, [], status=422)
    window = form.window()
    try:
        with patience():
            found, capped = build(window.in_utc() if wanted else window, reader, form)
    except OperationalError:
        form.add_error(None, "That takes too long. Take a shorter stretch of time, or one queue or type.")
        return _render(request, page, form, [], status=503)
    if wanted:
        return _csv(request, page, form, found, wanted)
    return _render(request, page, form, found, capped=capped)


def _csv(request: HttpRequest, page: Page, form: WindowForm, found: Sequence[Figure], key: str) -> HttpResponse:
    figure = next((each for each in found if each.key == key), None)
    if figure is None:
        form.add_error(None, "There is no table of this name on this page.")
        return _render(request, page, form, [], status=422)
    name = f'attachment; filename="{page.name}-{figure.key}.csv"'
    body = "".join(csv_lines(figure.columns, figure.lines))
    return HttpResponse(body, content_type="text/csv; charset=utf-8", headers={"Content-Disposition": name})


def _render(
    request: HttpRequest,
    page: Page,
    form: WindowForm,
    found: Sequence[Figure],
    *,
    capped: bool = False,
    status: int = 200,
) -> HttpResponse:
    kept = {name: str(value) for name, value in request.GET.items() if name in form.fields and value}
    context = {
        "page": page,
        "pages": [(each, reverse(each.name)) for each in PAGES if not each.leads or is_lead(signed_in(request))],
        "form": form,
        "figures": found,
        "capped": MOST if capped else 0,
        "query": urlencode(kept),
        "zone": timezone.get_current_timezone_name(),
    }
    return render(request, "reviews/insights.html", context, status=status)


@require_POST
@desk_page
def no_break(request: HttpRequest) -> HttpResponse:
    """The strip goes away for a while; nothing is recorded."""
    dismiss(request.session, timezone.now())
    return see_other(safe_next(request, reverse("queue")))
