"""Many items at once, without deciding them: a selection, or for some verbs all that match a search."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_POST

from reviews import forms
from reviews.errors import DeskError, InvalidDecision
from reviews.queries.chosen import ids_of, person, queues_of
from reviews.queries.grammar import BadQuery
from reviews.queries.manning import loads
from reviews.queries.people import teams
from reviews.reasons import DEFAULTS
from reviews.schemas import ItemResult
from reviews.services import assign_many, claim_many, defer_many, escalate_many, tag
from reviews.services.bulk import MOST
from reviews.views.edge import by_of, desk_page, is_partial, reader_of, refused, see_other, with_query
from reviews.views.listed import Listing

# Of everything that matches a search, only what is judged item by item later: nobody has looked at all of it.
FOR_ALL = ("assign", "defer", "escalate")


@require_POST
@desk_page
def bulk(request: HttpRequest) -> HttpResponse:
    """The form of what may be done; with a verb, the verb."""
    verb = request.POST.get("verb", "")
    if not verb:
        return _form(request)
    try:
        return _done(request, verb)
    except DeskError as refusal:
        if refusal.status != 422 or is_partial(request):
            return refused(request, refusal)
        return _form(request, refusal=refusal)


def _of_all(request: HttpRequest) -> bool:
    return bool(request.POST.get("all"))


def _form(request: HttpRequest, *, refusal: DeskError | None = None) -> HttpResponse:
    ids, count = _chosen(request)
    given = {
        "count": len(ids),
        "left_out": max(0, count - len(ids)),
        "all": _of_all(request),
        "items": request.POST.getlist("item"),
        "q": _query(request),
        "people": _people(request, queues_of(ids)),
        "teams": teams(),
        "presets": DEFAULTS["escalate"],
        "kept": request.POST,
        "refusal": refusal,
    }
    template = "reviews/bulk.html#form" if is_partial(request) else "reviews/bulk.html"
    return render(request, template, given, status=refusal.status if refusal else 200)


def _query(request: HttpRequest) -> str:
    return request.POST.get("q", "")[:1000]


def _chosen(request: HttpRequest) -> tuple[list[UUID], int]:
    """The items within reach that are meant, and how many match."""
    if _of_all(request):
        return _matching(request)
    chosen = forms.chosen(request.POST)
    found = ids_of((one.ref for one in chosen), reader_of(request).queues)
    return [found[one.ref] for one in chosen if one.ref in found], len(found)


def _matching(request: HttpRequest) -> tuple[list[UUID], int]:
    """All that the search finds, the most urgent first, up to the limit."""
    try:
        found = Listing(reader=reader_of(request), text=_query(request), size=MOST)
    except BadQuery as problem:
        raise InvalidDecision(str(problem)) from problem
    if found.problem:
        raise InvalidDecision(str(found.problem))
    return found.keys.ids, max(found.found.n or 0, len(found.keys.ids))


def _people(request: HttpRequest, queues: set[str]) -> list[tuple[Any, int]]:
    """Who sees every one of these queues, and what lies on their desk."""
    reader = reader_of(request)
    seen = [{person.pk: person for person in reader.colleagues(queue)} for queue in queues]
    common = set.intersection(*(set(one) for one in seen)) if seen else set()
    people = [person for key, person in seen[0].items() if key in common] if seen else []
    load = loads(people) if people else {}
    return [(person, load.get(person.pk, 0)) for person in people]


def _done(request: HttpRequest, verb: str) -> HttpResponse:
    if verb not in _VERBS or (_of_all(request) and verb not in FOR_ALL):
        raise InvalidDecision("choose what to do")
    ids, _ = _chosen(request)
    results = _VERBS[verb](request, ids)
    back = with_query("queue", q=_query(request))
    aside = [one for one in results if one.result != "applied"]
    words = f"{len(results) - len(aside)} of {len(results)} done."
    if not aside:
        messages.success(request, words)
        return _back(request, back)
    given = {"words": words, "aside": aside, "back_url": back, "count": len(results), "all": _of_all(request)}
    response = render(request, f"reviews/bulk_result.html{'#result' if is_partial(request) else ''}", given)
    if is_partial(request):
        response["HX-Retarget"], response["HX-Reswap"] = "closest .verb-form", "outerHTML"
    return response


def _back(request: HttpRequest, url: str) -> HttpResponse:
    """To the queue; a script hears as well that nothing of its selection is left to do."""
    if not is_partial(request):
        return see_other(url)
    acted = {} if _of_all(request) else {"Desk-Acted": "1"}
    return HttpResponse(headers={"HX-Redirect": url, **acted})


def _assign(request: HttpRequest, ids: Sequence[UUID]) -> list[ItemResult]:
    wanted = request.POST.get("user", "")
    chosen = person(wanted)
    if wanted and chosen is None:
        raise InvalidDecision("choose somebody who sees this queue")
    return assign_many(items=ids, assignee=chosen, by=by_of(request))


def _claim(request: HttpRequest, ids: Sequence[UUID]) -> list[ItemResult]:
    return claim_many(items=ids, by=by_of(request))


def _defer(request: HttpRequest, ids: Sequence[UUID]) -> list[ItemResult]:
    return defer_many(items=ids, until=forms.later(request.POST, now=timezone.now()), by=by_of(request))


def _tag(request: HttpRequest, ids: Sequence[UUID]) -> list[ItemResult]:
    add, remove = forms.words(request.POST, "add"), forms.words(request.POST, "remove")
    return tag(items=ids, add=add, remove=remove, by=by_of(request))


def _escalate(request: HttpRequest, ids: Sequence[UUID]) -> list[ItemResult]:
    wanted = request.POST.get("target", "")
    target = next((team for team in teams() if str(team.pk) == wanted), None)
    if target is None:
        raise InvalidDecision("choose whom to escalate to")
    return escalate_many(
        items=ids,
        target=target,
        rationale=forms.note(request.POST, "rationale"),
        reason_code=request.POST.get("reason_code", "")[:63],
        by=by_of(request),
    )


_VERBS: dict[str, Callable[[HttpRequest, Sequence[UUID]], list[ItemResult]]] = {
    "assign": _assign,
    "claim": _claim,
    "defer": _defer,
    "tag": _tag,
    "escalate": _escalate,
}
