"""Earlier cases beside the one on the page, as the keeper found them. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet
from django.db.models.functions import Now

from reviews.models import (
    Action,
    BindingPrecedent,
    Decision,
    DeskItem,
    Precedent,
    PrecedentSearch,
    Revision,
    SearchText,
)
from reviews.policy import money
from reviews.queries.detail import Detail
from reviews.queries.payload import Change, changes
from reviews.queries.rationales import rationales
from reviews.queries.texts import version
from reviews.states import Status, Verdict
from reviews.visible import clip

SHOWN = 5
BINDING_SHOWN = 3
ALIKE_FROM = 0.3  # less alike than this is not shown
WITHIN = 0.1  # how far behind an opposite verdict is still shown
MOST_DIFFERENCES = 3
AGAINST_FROM, AGAINST_SHARE = 3, 0.8
_SAID = {Verdict.APPROVE.value: "approved", Verdict.REJECT.value: "rejected"}
_FATE = {
    Status.SUCCEEDED: "carried out", Status.FAILED: "the effect failed", Status.REVERSED: "reversed later",
    Status.IN_DOUBT: "nobody knows whether the effect happened", Status.APPROVED: "waits for a worker",
    Status.EXECUTING: "is being carried out",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shown:
    """One earlier case. `similarity` in percent; None where only its binding brought it here."""

    id: UUID
    action: UUID
    ref: str
    title: str
    verdict: str
    said: str
    similarity: int | None
    differs: tuple[Change, ...]
    more: int
    readable: bool
    rationale: str
    who: str
    at: datetime
    fate: str
    binding: BindingPrecedent | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """What the panel shows. `hidden`: two people decide, and each for themselves."""

    hidden: bool = False
    searched: bool = False
    looked_at: int = 0
    header: str = ""
    binding: tuple[Shown, ...] = ()
    cases: tuple[Shown, ...] = ()


@dataclass(frozen=True, slots=True)
class _Found:
    action: UUID
    verdict: str
    similarity: float


def panel(found: Detail) -> Panel:
    """The precedents of the revision on the page, within the reader's reach."""
    action = found.action
    if hidden_from_voters(action):
        return Panel(hidden=True)
    search = found.search
    held_up = _binding(found)
    alike = _found([search.id], list(found.reader.queues)).get(search.id, []) if search else []
    chosen = chosen_of(alike)
    cards = _cards(found, [*[b.action_id for b in held_up], *[one.action for one in chosen]])
    near = {one.action: one.similarity for one in chosen}
    cases = tuple(_with(cards[one.action], near) for one in chosen if one.action in cards)
    binding = tuple(
        replace(_with(cards[b.action_id], near), binding=b) for b in held_up if b.action_id in cards
    )  # fmt: skip
    return Panel(
        searched=search is not None,
        looked_at=search.looked_at if search else 0,
        header=summary(cases),
        binding=binding,
        cases=tuple(one for one in cases if one.action not in {b.action for b in binding}),
    )


def hidden_from_voters(action: Action) -> bool:
    """Two people who see the same precedents would not be two opinions."""
    return action.needed > 1 and action.state in (Status.PENDING, Status.PROPOSED)


def _found(searches: Collection[int], queues: Sequence[str]) -> dict[int, list[_Found]]:
    """What the keeper stored of each search, most alike first, with the verdict that stands; out of reach is left out.

    As many statements for a thousand searches as for one.
    """
    rows = list(
        Precedent.objects.filter(search__in=searches, similarity__gte=ALIKE_FROM)
        .order_by("search", "place")
        .values_list("search_id", "action_id", "similarity")
    )
    seen = _refs({action for _, action, _ in rows}, queues).keys()
    verdicts = _verdicts(seen)
    found: dict[int, list[_Found]] = {}
    for search, action, alike in rows:
        if action in verdicts:
            found.setdefault(search, []).append(_Found(action, verdicts[action], alike))
    return found


def chosen_of(found: Sequence[_Found]) -> list[_Found]:
    """The five most alike; the last makes room for an opposite verdict that is hardly less alike."""
    best = list(found[:SHOWN])
    if len({one.verdict for one in best}) != 1:
        return best
    other = next((one for one in found[SHOWN:] if one.verdict != best[0].verdict), None)
    if other is None or other.similarity < best[-1].similarity - WITHIN:
        return best
    return [*best[: SHOWN - 1], other]


def _refs(actions: Collection[UUID], queues: Sequence[str]) -> dict[UUID, str]:
    """The newest reference of each that came to a queue of the reader's."""
    rows = DeskItem.objects.filter(action__in=actions, queue__in=queues).order_by("ref")
    return {action: f"ACT-{ref}" for action, ref in rows.values_list("action_id", "ref")}


def _votes(actions: Collection[UUID]) -> dict[UUID, Decision]:
    """The last verdict of a person that was not taken back, of each."""
    return {row.action_id: row for row in _standing(actions).select_related("reviewer").order_by("created_at")}


def _verdicts(actions: Collection[UUID]) -> dict[UUID, str]:
    """The same, the verdict alone."""
    rows = _standing(actions).values_list("action_id", "verdict")
    return dict(rows.order_by("created_at"))


def _standing(actions: Collection[UUID]) -> QuerySet[Decision]:
    return Decision.objects.filter(
        action__in=actions, verdict__in=tuple(_SAID), reviewer__isnull=False, retraction=None
    )


def _binding(found: Detail) -> list[BindingPrecedent]:
    standing = BindingPrecedent.objects.filter(action_type=found.kind, lifted_at=None, expires__gt=Now()).exclude(
        action=found.action
    )
    return list(standing.select_related("by")[:BINDING_SHOWN])


def _cards(found: Detail, actions: Sequence[UUID]) -> dict[UUID, Shown]:
    """Everything a card says of these cases, in a number of queries that does not grow with them."""
    if not actions:
        return {}
    refs, votes = _refs(actions, list(found.reader.queues)), _votes(actions)
    why = rationales([vote.event_id for vote in votes.values()])
    rows = Action.objects.filter(id__in=[a for a in refs if a in votes])
    titles = dict(
        SearchText.objects.filter(action__in=list(refs)).order_by("revision").values_list("action_id", "title")
    )
    payloads = _payloads(list(refs))
    again = set(Action.objects.filter(retry_of__in=list(refs)).values_list("retry_of_id", flat=True))
    return {
        row.id: _card(found, row, refs[row.id], votes[row.id], titles, payloads, why, proposed_again=row.id in again)
        for row in rows
    }


def _payloads(actions: Sequence[UUID]) -> dict[UUID, Mapping[str, Any]]:
    """The payload that was decided; erased and unreadable ones are left out."""
    rows = Revision.objects.filter(action__in=actions, number=F("action__revision")).select_related("body", "action")
    payloads = {row.action_id: version(row).payload for row in rows}
    return {action: payload for action, payload in payloads.items() if payload is not None}


def _card(
    found: Detail,
    row: Action,
    ref: str,
    vote: Decision,
    titles: Mapping[UUID, str],
    payloads: Mapping[UUID, Mapping[str, Any]],
    why: Mapping[UUID, str],
    *,
    proposed_again: bool,
) -> Shown:
    its = payloads.get(row.id)
    differs = changes(found.payload, its, found.schema) if its is not None and found.payload is not None else []
    return Shown(
        id=vote.id,
        action=row.id,
        ref=ref,
        title=titles.get(row.id) or "[erased]",
        verdict=vote.verdict,
        said=_SAID[vote.verdict],
        similarity=None,
        differs=tuple(_short(found, one) for one in differs[:MOST_DIFFERENCES]),
        more=max(0, len(differs) - MOST_DIFFERENCES),
        readable=its is not None,
        rationale=why.get(vote.event_id, ""),
        who=str(vote.reviewer),
        at=vote.created_at,
        fate=_fate(row, proposed_again=proposed_again),
    )


def _short(found: Detail, one: Change) -> Change:
    if one.path == found.kind.amount_path:
        return replace(one, before=_money(found, one.before), after=_money(found, one.after))
    return replace(one, before=_clipped(one.before), after=_clipped(one.after))


def _money(found: Detail, text: str | None) -> str | None:
    whole = text is not None and text.removeprefix("-").isdigit()
    return money(int(text), found.currency) if text is not None and whole else text


def _clipped(text: str | None) -> str | None:
    if text is None:
        return None
    short, more = clip(text, 60)
    return f"{short}…" if more else short


def _fate(row: Action, *, proposed_again: bool) -> str:
    if row.state == Status.REJECTED:
        return "proposed again" if proposed_again else "nothing was done"
    return _FATE.get(Status(row.state), row.state)


def _with(card: Shown, alike: Mapping[UUID, float]) -> Shown:
    similarity = alike.get(card.action)
    return card if similarity is None else replace(card, similarity=round(similarity * 100))


def summary(cases: Sequence[Shown]) -> str:
    """`4 of 5 approved; the one rejected differs: amount 12.00 instead of 9.00`."""
    if not cases:
        return ""
    approved = [one for one in cases if one.verdict == Verdict.APPROVE]
    rejected = [one for one in cases if one.verdict == Verdict.REJECT]
    if not rejected or not approved:
        said = (approved or rejected)[0].said
        return f"All {len(cases)} {said}" if len(cases) > 1 else f"The one found was {said}"
    few = min(approved, rejected, key=len)
    text = f"{len(approved)} of {len(cases)} approved"
    if len(few) > 1 or not few[0].differs:
        return text
    words = ", ".join(f"{c.label.casefold()} {c.after or 'absent'}" for c in few[0].differs)
    return f"{text}; the one {few[0].said} differs: {words}"


def against(action: Action, verdict: str, queues: Sequence[str]) -> str:
    """That a verdict goes against four fifths of the shown precedents, in words; otherwise nothing.

    Fewer than three shown are no line to be against.
    """
    return all_against([action], verdict, queues).get(action.id, "")


def all_against(actions: Iterable[Action], verdict: str, queues: Sequence[str]) -> dict[UUID, str]:
    """The same of many at once: only those that it goes against, by action."""
    told = {action.id: action.revision for action in actions if not hidden_from_voters(action)}
    rows = PrecedentSearch.objects.filter(action__in=list(told)).values_list("id", "action_id", "revision")
    searches = {search: action for search, action, revision in rows if told[action] == revision}
    found = _found(list(searches), queues) if searches else {}
    said = {searches[search]: _against(chosen_of(alike), verdict) for search, alike in found.items()}
    return {action: words for action, words in said.items() if words}


def _against(shown: Sequence[_Found], verdict: str) -> str:
    opposite = [one for one in shown if one.verdict != verdict]
    if len(shown) < AGAINST_FROM or len(opposite) < AGAINST_SHARE * len(shown):
        return ""
    return f"{len(opposite)} of {len(shown)} precedents were {_SAID[opposite[0].verdict]}"


def items_against(items: Sequence[UUID], verdict: str, queues: Sequence[str]) -> dict[UUID, str]:
    """The same by item, of those that still wait within these queues."""
    rows = DeskItem.objects.filter(id__in=items, queue__in=queues, closed_at=None).select_related("action")
    by_action = {row.action_id: row for row in rows}
    found = all_against([row.action for row in by_action.values()], verdict, queues)
    return {by_action[action].id: words for action, words in found.items()}
