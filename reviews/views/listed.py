"""One request's view of the queue: what the URL asks for, understood or not, and the page of rows it gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import UUID

from django.http import HttpRequest
from django.urls import reverse

from reviews.queries import counting, cube, listing
from reviews.queries.filters import Filter
from reviews.queries.grammar import BadQuery, Query, parse
from reviews.queries.meaning import resolve
from reviews.queries.orders import ORDERS, Order, order_of
from reviews.queries.reach import Reader
from reviews.queries.rows import Row, rows
from reviews.queries.talk import unread
from reviews.views.edge import reader_of, with_query

ROWS, MOST_ROWS = 50, 500


@dataclass
class Listing:
    """A query that is not understood leaves the list as it was: as the page before it asked, or unfiltered."""

    reader: Reader
    text: str
    asked_order: str = ""
    after: str = ""
    size: int = ROWS
    view: str = ""
    before: str = ""  # the query of the page that this one was asked from
    problem: BadQuery | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.query, self.wanted = self._understood()

    def _understood(self) -> tuple[Query, Filter]:
        try:
            return self._read(self.text)
        except BadQuery as problem:
            self.problem = problem
        try:
            return self._read(self.before)
        except BadQuery:
            return self._read("")

    def _read(self, text: str) -> tuple[Query, Filter]:
        query = parse(text)
        if query.order and query.order not in ORDERS:
            raise BadQuery(f"`{query.order}` is no order of the queue. Known are {', '.join(ORDERS)}.")
        return query, resolve(query, self.reader.known(query))

    @cached_property
    def order(self) -> Order:
        return order_of(self.query.order or self.asked_order)

    @cached_property
    def shown_order(self) -> Order:
        """The order that the list really has: what no longer waits has its own."""
        return listing.order_within(self.wanted, self.order)

    @cached_property
    def cells(self) -> list[cube.Cell]:
        return cube.cells(tuple(self.reader.queues), self.reader.user.pk)

    @cached_property
    def keys(self) -> listing.Keys:
        return listing.page(self.wanted, self.cells, order=self.order, after=self.after, rows=self.size)

    @cached_property
    def rows(self) -> list[Row]:
        return rows(self.keys.ids, self.reader.queues) if self.keys.ids else []

    @cached_property
    def unread(self) -> set[UUID]:
        """The actions on this page in which something is new to this reader, who follows them."""
        return unread(self.reader.user, [row.action for row in self.rows]) if self.rows else set()

    @cached_property
    def found(self) -> counting.Tally:
        """How many match. A page that holds all of them has counted them."""
        if not self.after and not self.keys.after and not self.keys.stopped:
            return counting.Tally(len(self.keys.ids))
        return counting.tally(self.wanted, self.cells)

    @property
    def detail_query(self) -> str:
        """What an item's page is told, so that it leads back to this list."""
        return f"?{urlencode({'q': str(self.query)})}" if self.query else ""

    def url(self, query: Query | None = None, **values: Any) -> str:
        """This list with another query or with other values; what is usual is left out."""
        text = str(self.query if query is None else query)
        order = "" if self.order.name == "prio" else self.order.name
        size = "" if self.size == ROWS else self.size
        return with_query("queue", **{"q": text, "sort": order, "rows": size, **values})


def listing_of(request: HttpRequest) -> Listing:
    given = request.GET
    return Listing(
        reader=reader_of(request),
        text=given.get("q", "").strip(),
        asked_order=given.get("sort", ""),
        after=given.get("after", "")[:600],
        size=size_of(given.get("rows", "")),
        view=given.get("view", "")[:60],
        before=_before(request),
    )


def size_of(text: str) -> int:
    """How many rows a URL asks for, within bounds."""
    return min(max(int(text), 1), MOST_ROWS) if text.isascii() and text.isdigit() and len(text) < 6 else ROWS


def _before(request: HttpRequest) -> str:
    """What the list asked for on the page that this request comes from."""
    try:
        came_from = urlsplit(request.headers.get("Referer", ""))
    except ValueError:  # the header is whatever a client writes
        return ""
    if came_from.netloc != request.get_host() or came_from.path != reverse("queue"):
        return ""
    return parse_qs(came_from.query[:4_000]).get("q", [""])[0].strip()
