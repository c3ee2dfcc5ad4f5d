"""The queue: one page of it, the next rows, and what changed since."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from django.core.cache import caches
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_GET

from audit.queries import health
from reviews.charts import Chart, histogram
from reviews.forms import LIST, from_panel
from reviews.models import User
from reviews.queries import cube, listing, stats
from reviews.queries.filters import IS_WORDS, UNKNOWN, Filter, resolve
from reviews.queries.grammar import BadQuery, Query, parse
from reviews.queries.reach import Reader
from reviews.queries.rows import Row, rows
from reviews.services import stamp_shown
from reviews.states import Risk
from reviews.views.edge import desk_page, is_partial, reader_of, signed_in, with_query

ROWS, MOST_ROWS = 50, 500
VIEWS = (
    ("Waiting", ""),
    ("Mine", "assignee:@me"),
    ("Unclaimed", "claimed:none"),
    ("High risk", "risk:high,critical"),
    ("Near deadline", "due:<1h"),
    ("Clarifying", "is:clarifying"),
    ("Escalated", "is:escalated"),
    ("In doubt", "is:in_doubt"),
    ("Decided by me", "by:@me"),
)


@dataclass
class Listing:
    """One request's view of the queue. A query that is not understood leaves the list as it was: unfiltered."""

    reader: Reader
    text: str
    order: str = "prio"
    after: str = ""
    size: int = ROWS
    problem: BadQuery | None = field(default=None, init=False)

    @cached_property
    def query(self) -> Query:
        try:
            return parse(self.text)
        except BadQuery as problem:
            self.problem = problem
            return Query()

    @cached_property
    def wanted(self) -> Filter:
        try:
            return resolve(self.query, self.reader.known(self.query))
        except BadQuery as problem:
            self.problem = problem
            return resolve(Query(), self.reader.known(Query()))

    @cached_property
    def cells(self) -> list[cube.Cell]:
        return cube.cells(tuple(self.reader.queues))

    @cached_property
    def keys(self) -> listing.Keys:
        return listing.page(self.wanted, self.cells, order=self.order, after=self.after, rows=self.size)

    @cached_property
    def rows(self) -> list[Row]:
        return rows(self.keys.ids, self.reader.queues) if self.keys.ids else []

    def url(self, query: Query | None = None, **values: Any) -> str:
        text = self.text if query is None else str(query)
        order = "" if self.order == "prio" else self.order
        size = "" if self.size == ROWS else self.size
        return with_query("queue", **{"q": text, "sort": order, "rows": size, **values})


def listing_of(request: HttpRequest) -> Listing:
    given = request.GET
    order = given.get("sort", "prio")
    return Listing(
        reader=reader_of(request),
        text=given.get("q", "").strip(),
        order=order if order in listing.ORDERS else "prio",
        after=given.get("after", "")[:400],
        size=_size(given.get("rows", "")),
    )


def _size(text: str) -> int:
    return min(max(int(text), 1), MOST_ROWS) if text.isascii() and text.isdigit() and len(text) < 6 else ROWS


def home(request: HttpRequest) -> HttpResponse:
    return redirect("queue")


@require_GET
@desk_page
def queue(request: HttpRequest) -> HttpResponse:
    """The list as the URL says. The filter panel is folded into the readable query first."""
    found = listing_of(request)
    if "apply" in request.GET:
        return redirect(found.url(from_panel(found.query, request.GET)))
    if is_partial(request) and request.GET.get("part") == "more":
        return render(request, "reviews/queue.html#more", _rows_context(request, found))
    return render(request, "reviews/queue.html", _context(request, found))


def _rows_context(request: HttpRequest, found: Listing) -> dict[str, Any]:
    user = signed_in(request)
    return {
        "listing": found,
        "rows": found.rows,
        "keys": found.keys,
        "opened": stamp_shown(user, LIST),
        "more_url": found.url(after=found.keys.after) if found.keys.after else "",
        "detail_query": f"?{urlencode({'q': found.text})}" if found.text else "",
        "icons": static("icons.svg"),
    }


def _context(request: HttpRequest, found: Listing) -> dict[str, Any]:
    wanted = found.wanted
    hand_set = stats.hand_set(tuple(found.reader.types))
    return {
        **_rows_context(request, found),
        **strip_context(request, found),
        "problem": found.problem,
        "suggestion_url": with_query("queue", q=found.problem.suggestion) if found.problem else "",
        "order_words": listing.ORDERS[found.order],
        "live_url": with_query("live", q=found.text),
        "matches": _matches(found),
        "chart": _chart(found, wanted, hand_set),
        "hand_set": hand_set,
        "unordered": _unordered(found),
        "alarms": _alarms(signed_in(request)),
        "chips": [(str(term), found.url(found.query.minus(term))) for term in found.query.terms],
        "views": _views(found),
        "orders": listing.ORDERS.items(),
        "panel": _panel(found),
        "clear_url": reverse("queue"),
    }


def strip_context(request: HttpRequest, found: Listing) -> dict[str, Any]:
    """The figures above the list."""
    return {
        "strip": stats.strip(tuple(found.reader.queues), signed_in(request)),
        "by_risk": _risks(found),
        "pending": sum(cell.n for cell in found.cells),
        "icons": static("icons.svg"),
    }


def _risks(found: Listing) -> list[tuple[str, int, str]]:
    counts = cube.by_risk(found.cells)
    return [(risk, n, found.url(found.query.replaced("risk", [risk]))) for risk, n in counts.items()]


def _matches(found: Listing) -> str:
    """How many the query finds: exact to a thousand, and exact at any size where the cells tell."""
    if not found.query:
        return ""
    count = listing.count(found.wanted, found.cells)
    if count is None:
        return "many"
    return f"{count:,}" if found.wanted.flat or count <= 1_000 else "1,000+"


def _chart(found: Listing, wanted: Filter, hand_set: Iterable[stats.HandSet]) -> Chart:
    bars, unknown = cube.histogram(found.cells, wanted)
    chosen = wanted.buckets() or frozenset()
    taus = [level.tau for level in hand_set if level.tau is not None]
    return histogram(
        bars, unknown, chosen=chosen, taus=taus, url=lambda r: found.url(found.query.replaced("conf", [r]))
    )


def _alarms(user: User) -> tuple[str, ...]:
    """What is wrong with the record, for those who may look at it; asked at most every ten seconds."""
    if not user.has_perm("audit.view_audit"):
        return ()
    found: tuple[str, ...] | None = caches["memory"].get("audit-alarms")
    if found is None:
        found = tuple(health().alarms)
        caches["memory"].set("audit-alarms", found, 10)
    return found


def _unordered(found: Listing) -> int:
    """How many have no place in an order by confidence, since theirs is unknown; they are never hidden silently."""
    if not found.order.endswith("conf") or not found.wanted.waiting or found.wanted.ranges:
        return 0
    return sum(cell.n for cell in cube.chosen(found.cells, found.wanted) if cell.cb == UNKNOWN)


def _views(found: Listing) -> list[tuple[str, str, bool]]:
    current = str(found.query)
    return [(name, with_query("queue", q=text), text == current) for name, text in VIEWS]


def _panel(found: Listing) -> dict[str, Any]:
    """The filter panel's options with what the query already asks for."""
    query = found.query
    ranges = [value for value in query.values("conf") if ".." in value]
    low, _, high = ranges[0].partition("..") if ranges else ("", "", "")
    return {
        "risks": _options([risk.value for risk in reversed(Risk)], query, "risk"),
        "types": [(name, label, name in query.values("type")) for name, label in found.reader.types.items()],
        "agents": _options(found.reader.agents, query, "agent"),
        "queues": _options(found.reader.queues, query, "queue"),
        "states": _options(IS_WORDS, query, "is"),
        "ages": _options((">30m", ">2h", ">1d", "<30m", "<2h"), query, "age"),
        "low": low,
        "high": high,
        "none": "none" in query.values("conf"),
        "text": " ".join(value for term in query.terms if not term.key and not term.negated for value in term.values),
        "rest": str(query),
    }


def _options(words: Iterable[str], query: Query, key: str) -> list[tuple[str, bool]]:
    return [(word, word in query.values(key)) for word in words]
