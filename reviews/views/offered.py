"""What the search field offers: keys with what they take, values that are known, and the rest as one types."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_GET

from reviews.prio import RATES
from reviews.queries.contents import FLAGS, NAMED_FLOORS, ROUTINE
from reviews.queries.grammar import KEYS
from reviews.queries.meaning import IS_WORDS, REVERSIBLE
from reviews.queries.offers import ASKED_FOR, offers
from reviews.queries.orders import ORDERS
from reviews.queries.reach import Reader
from reviews.states import Level, Risk
from reviews.views.edge import desk_page, reader_of

MOST_SENT = 60  # values of one key that come with the page
LONGEST = 120
# Keys that take any value, and what they are mostly asked for.
USUAL: dict[str, tuple[str, ...]] = {
    "conf": ("none", ">=0.90", "<0.50", "0.50..0.90"),
    "amount": ("none", ">=100", ">=1000"),
    "currency": tuple(RATES),
    "age": (">30m", ">2h", ">1d", "<30m"),
    "due": ("<30m", "<2h", "<1d"),
    "created": ("<1d", "<7d"),
    "decided": ("<1d", "<7d"),
    "customer": ("none",),
}


def words_of(reader: Reader) -> dict[str, dict[str, Any]]:
    """Each key with its note and the first of its values; `more`: others are asked for as one types."""
    values: dict[str, Iterable[str]] = {
        **USUAL,
        "is": IS_WORDS,
        "risk": [risk.value for risk in reversed(Risk)],
        "type": reader.types,
        "agent": reader.agents,
        "queue": reader.queues,
        "assignee": ("@me", "none"),
        "claimed": ("@me", "none"),
        "escalated": ("@me", "none"),
        "by": ("@me",),
        "tag": ("none",),
        "level": [level.value for level in Level],
        "reversible": REVERSIBLE,
        "flag": FLAGS,
        "reason": (*NAMED_FLOORS, ROUTINE),
        "sort": ORDERS,
    }
    return {key: _offer(key, note, list(values.get(key, ()))) for key, note in KEYS.items()}


def _offer(key: str, note: str, values: list[str]) -> dict[str, Any]:
    whole = key in ("type", "agent", "queue") and len(values) <= MOST_SENT
    return {"note": note, "values": values[:MOST_SENT], "more": key in ASKED_FOR and not whole}


@require_GET
@desk_page
def offered(request: HttpRequest) -> HttpResponse:
    """Values of one key that begin as typed, within the reader's reach."""
    key, begun = request.GET.get("key", ""), request.GET.get("begun", "")[:LONGEST]
    return JsonResponse({"values": offers(key, begun, reader_of(request))})
