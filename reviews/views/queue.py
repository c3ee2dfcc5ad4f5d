"""The queue: one page of it, and the next rows."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from django.core.cache import caches
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.views.decorators.http import require_GET

from audit.queries import health
from reviews.errors import NotFound
from reviews.forms import LIST, from_panel
from reviews.histogram import Chart, histogram
from reviews.navigation import entries
from reviews.queries import counting, cube, stats
from reviews.queries.filters import UNKNOWN, Filter
from reviews.queries.meaning import IS_WORDS
from reviews.queries.orders import OFFERED, ORDERS, URGENT
from reviews.queries.saved_views import default_of, find
from reviews.services import stamp_shown
from reviews.states import Risk
from reviews.views.edge import desk_page, is_partial, signed_in, with_query
from reviews.views.listed import MOST_ROWS, ROWS, Listing, listing_of, size_of
from reviews.views.offered import words_of
from reviews.views.tabs import tabs_of


def home(request: HttpRequest) -> HttpResponse:
    return redirect("queue")


@require_GET
@desk_page
def queue(request: HttpRequest) -> HttpResponse:
    """The list as the URL says; without a word it is the reader's default view."""
    elsewhere = _elsewhere(request)
    if elsewhere:
        return redirect(elsewhere)
    found = listing_of(request)
    if "apply" in request.GET:
        return redirect(found.url(from_panel(found.query, request.GET), view=found.view))
    if found.query.order and not found.problem:
        return redirect(found.url(found.query.without("sort"), view=found.view))
    if is_partial(request) and request.GET.get("part") == "more":
        return render(request, "reviews/queue.html#more", _rows_context(request, found))
    return render(request, "reviews/queue.html", _context(request, found))


def _elsewhere(request: HttpRequest) -> str:
    """Where a view alone leads, and where nothing at all does."""
    user, given = signed_in(request), request.GET
    if not given:
        default = default_of(user)
        return default.url if default and default.kind != "all" else ""
    if set(given) != {"view"}:
        return ""
    tab = find(given["view"], user)
    if tab is None:
        raise NotFound("there is no such view")
    return tab.url if tab.query or tab.order != URGENT.name else ""  # such a view is its own address


def _rows_context(request: HttpRequest, found: Listing) -> dict[str, Any]:
    user = signed_in(request)
    return {
        "listing": found,
        "rows": found.rows,
        "unread": found.unread,
        "keys": found.keys,
        "searched": f"{found.keys.searched or 0:,}",
        "opened": stamp_shown(user, LIST),
        **_more(request, found),
        "detail_query": found.detail_query,
        "icons": static("icons.svg"),
    }


def _more(request: HttpRequest, found: Listing) -> dict[str, str]:
    """The next page as a link; with a script 50 more rows, and the address says how many there are by then."""
    if not found.keys.after:
        return {"more_url": "", "part_url": "", "grown_url": ""}
    have = size_of(request.GET.get("have", "")) if "have" in request.GET else 0
    now = have + len(found.rows)
    next_page = found.url(after=found.keys.after, view=found.view)
    if now + ROWS > MOST_ROWS or (found.after and not have):
        return {"more_url": next_page, "part_url": "", "grown_url": ""}
    part = found.url(after=found.keys.after, view=found.view, rows=ROWS, part="more", have=now)
    return {"more_url": next_page, "part_url": part, "grown_url": found.url(rows=now + ROWS, view=found.view)}


def _context(request: HttpRequest, found: Listing) -> dict[str, Any]:
    hand_set = stats.hand_set(tuple(found.reader.types))
    return {
        **strip_context(request, found),  # first: what comes in from here on is new to the page
        **_rows_context(request, found),
        "problem": found.problem,
        "suggestion_url": with_query("queue", q=found.problem.suggestion) if found.problem else "",
        "order_words": found.shown_order.words,
        "live_url": with_query("live", q=str(found.query), sort=found.order.name, rows=found.size, after=found.after),
        "matches": str(found.found) if found.query else "",
        **_chart(found, hand_set),
        "hand_set": hand_set,
        "unordered": _unordered(found),
        "alarms": _alarms(request),
        "chips": [(str(term), found.url(found.query.minus(term))) for term in found.query.terms],
        "tabs": tabs_of(found),
        "orders": _orders(found),
        "panel": _panel(found),
        "clear_url": with_query("queue", view="all"),
        "keep_url": with_query("view_new", q=str(found.query), sort=found.order.name),
        "import_url": _import_url(request),
        "words": json.dumps(words_of(found.reader)),
        **_empty(request, found),
    }


def strip_context(request: HttpRequest, found: Listing) -> dict[str, Any]:
    """The figures above the list."""
    queues = tuple(found.reader.queues)
    strip, week = stats.strip(queues, signed_in(request), found.reader.zone), stats.week(queues)
    return {
        "strip": strip,
        "made_at": f"{strip.at.timestamp():.3f}",
        "week": week,
        "by_type": [(one, _percent(one.override_rate)) for one in week.types] if week else [],
        "overridden": _percent(week.overridden) if week else "",
        "automated": _percent(week.automated) if week else "",
        "labels": week.labels if week else 0,
        "by_risk": _risks(found),
        "pending": sum(cell.n for cell in found.cells),
        "icons": static("icons.svg"),
    }


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.0%}"


def _risks(found: Listing) -> list[tuple[str, int, str]]:
    counts = cube.by_risk(found.cells)
    return [(risk, n, found.url(found.query.replaced("risk", [risk]))) for risk, n in counts.items()]


def _orders(found: Listing) -> list[tuple[str, str]]:
    """The orders on offer, and the one in force where it is another."""
    names = OFFERED if found.order.name in OFFERED else (*OFFERED, found.order.name)
    return [(name, ORDERS[name].words) for name in names]


def _chart(found: Listing, hand_set: Iterable[stats.HandSet]) -> dict[str, Any]:
    counts, about = counting.bars(found.wanted, found.cells)
    bars, unknown = cube.histogram(counts)
    taus = [level.tau for level in hand_set if level.tau is not None]
    chart: Chart = histogram(
        bars,
        unknown,
        chosen=_chosen(found.wanted),
        taus=taus,
        url=lambda wanted: found.url(found.query.replaced("conf", [wanted])),
    )
    return {"chart": chart, "chart_about": about}


def _chosen(wanted: Filter) -> frozenset[int]:
    return wanted.buckets() or frozenset()


def _import_url(request: HttpRequest) -> str:
    """Where recorded conversations are loaded, for those who may."""
    return next((entry.url for entry in entries(signed_in(request), "") if entry.label == "Import"), "")


def _alarms(request: HttpRequest) -> tuple[str, ...]:
    """What is wrong with the record, for those who may look at it; asked at most every ten seconds."""
    if not signed_in(request).has_perm("audit.view_audit"):
        return ()
    found: tuple[str, ...] | None = caches["memory"].get("audit-alarms")
    if found is None:
        found = tuple(health().alarms)
        caches["memory"].set("audit-alarms", found, 10)
    return found


def _unordered(found: Listing) -> int:
    """How many have no place in an order by confidence, since theirs is unknown; they are never hidden silently."""
    if "i.confidence" not in found.shown_order.columns or found.wanted.ranges:
        return 0
    return sum(cell.n for cell in cube.chosen(found.cells, found.wanted) if cell.cb == UNKNOWN)


def _panel(found: Listing) -> dict[str, Any]:
    """The filter panel's options with what the query already asks for."""
    query = found.query
    ranges = [value for value in query.values("conf") if ".." in value]
    low, _, high = ranges[0].partition("..") if ranges else ("", "", "")
    return {
        "risks": _options([risk.value for risk in reversed(Risk)], query.values("risk")),
        "types": [(name, label, name in query.values("type")) for name, label in found.reader.types.items()],
        "agents": _options(found.reader.agents, query.values("agent")),
        "queues": _options(found.reader.queues, query.values("queue")),
        "states": _options(IS_WORDS, query.values("is")),
        "ages": _options((">30m", ">2h", ">1d", "<30m", "<2h"), query.values("age")),
        "low": low,
        "high": high,
        "none": "none" in query.values("conf"),
        "text": " ".join(value for term in query.terms if not term.key and not term.negated for value in term.values),
        "rest": str(query),
    }


def _options(words: Iterable[str], chosen: Iterable[str]) -> list[tuple[str, bool]]:
    """Each word, and whether it is chosen; what is chosen besides is offered too, or applying would drop it."""
    wanted, offered = list(chosen), list(words)
    return [(word, word in wanted) for word in dict.fromkeys((*offered, *wanted))]


def _empty(request: HttpRequest, found: Listing) -> dict[str, Any]:
    """What an empty list has to say: all done, nothing ever came, or which part of the search left nothing."""
    if found.rows:
        return {}
    if found.query:
        term, left = counting.most_excluding(found.query, found.reader, found.cells)
        return {
            "excluding": str(term) if term else "",
            "excluding_left": str(left),
            "without_url": found.url(found.query.minus(term)) if term else "",
        }
    reader = found.reader
    return {
        "median": stats.median_look(reader.user, reader.zone),
        "ever": stats.ever_used(tuple(reader.queues)),
        "reaches": bool(reader.queues),
    }
