"""What a colleague changed and why: for whoever decides on it next, before anything else is read again."""

from __future__ import annotations

from dataclasses import dataclass

from reviews.masking import masked
from reviews.models import Revision
from reviews.queries.detail import Detail
from reviews.queries.payload import Change, changes
from reviews.queries.rationales import rationales


@dataclass(frozen=True, slots=True)
class Rewritten:
    """The present revision beside the one before it. `why` is empty where its words were erased."""

    number: int
    author: str
    mine: bool
    changes: tuple[Change, ...]
    why: str


def rewritten(found: Detail) -> Rewritten | None:
    """None unless people still decide on it and a person wrote what it says now."""
    if not found.pending or found.action.revision == 1:
        return None
    row = Revision.objects.select_related("author").get(action=found.action, number=found.action.revision)
    why = rationales([row.event_id]).get(row.event_id)
    if row.author is None or why is None:
        return None  # an agent's answer, or its owner's: that is shown with the question
    before = next((v.payload for v in found.revisions if v.number == row.number - 1), None)
    told = changes(before, found.payload, found.schema) if before is not None and found.payload is not None else []
    words = why if found.sight.bare else masked(why)
    return Rewritten(row.number, str(row.author), row.author == found.reader.user, tuple(told), words)
