"""The tabs above the list: each view with how many it finds."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.cache import caches

from reviews.queries import counting
from reviews.queries.filters import Filter
from reviews.queries.grammar import BadQuery, Query, parse
from reviews.queries.meaning import resolve
from reviews.queries.saved_views import Tab, views_of
from reviews.views.listed import Listing

FRESH = 5  # seconds that a count may be old


@dataclass(frozen=True, slots=True)
class Shown:
    """One tab as the page draws it."""

    tab: Tab
    count: str
    here: bool


def tabs_of(found: Listing) -> list[Shown]:
    """Every view of this reader, with a count where one could be had in a moment."""
    tabs = views_of(found.reader.user)
    counts = _counts(found, tabs)
    current = _current(found, tabs)
    return [Shown(tab, counts.get(tab.key, ""), tab.key == current) for tab in tabs]


def _current(found: Listing, tabs: list[Tab]) -> str:
    """The view that the list is: the one the URL names while it asks the same, else the first that does."""
    same = [tab.key for tab in tabs if tab.kind != "waiting" and _same(tab, found)]
    return found.view if found.view in same else next(iter(same), "")


def _same(tab: Tab, found: Listing) -> bool:
    return tab.query == str(found.query) and tab.order == found.order.name


def _counts(found: Listing, tabs: list[Tab]) -> dict[str, str]:
    """Counted anew every few seconds: they are a help, the list itself is exact."""
    name = f"badges-{found.reader.user.pk}"
    asked = [(tab.key, tab.query) for tab in tabs]
    kept = caches["memory"].get(name)
    if kept is not None and kept[0] == asked:
        return dict(kept[1])
    tallies = counting.badges(_filters(found, tabs), found.cells)
    counts = {tab.key: str(each) for tab, each in zip(tabs, tallies, strict=True)}
    caches["memory"].set(name, (asked, counts), FRESH)
    return counts


def _filters(found: Listing, tabs: list[Tab]) -> list[Filter | None]:
    queries = [_parsed(tab) for tab in tabs]
    known = found.reader.known(*(query for query in queries if query is not None))
    filters: list[Filter | None] = []
    for query in queries:
        try:
            filters.append(resolve(query, known) if query is not None else None)
        except BadQuery:  # a shared view may name what this reader does not see
            filters.append(None)
    return filters


def _parsed(tab: Tab) -> Query | None:
    if tab.kind == "waiting":
        return None
    try:
        return parse(tab.query)
    except BadQuery:
        return None
