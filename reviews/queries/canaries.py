"""What may be told of seeded checks: nothing while they wait, all once they are over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection

from reviews.models import Action, DeskItem, Revision, User
from reviews.registry import payload_of
from reviews.schemas import decode

MOST_LISTED = 200
SAMPLES = 20


@dataclass(frozen=True, slots=True)
class Debrief:
    """A check that is over: what was wrong with it, who decided it, and whether they saw it."""

    ref: str
    source: UUID
    seeded_by: str
    mutation: str
    faults: tuple[str, ...]
    answer: str
    note: str
    verdict: str
    reviewer: str
    caught: bool | None
    at: datetime | None

    @property
    def words(self) -> str:
        """The first thing its reviewer reads."""
        if self.caught is None:
            return f"{self.ref} was a check. Nobody decided it."
        right = "approving it is right" if self.answer == "approve" else "it had to be rejected"
        seen = "and you saw it" if self.caught else f"and {right}"
        return f"{self.ref} was a check, {seen}. Nothing is carried out."


@dataclass(frozen=True, slots=True)
class Overview:
    """For whoever seeds them: how many are out, and those that are over, newest first."""

    waiting: int
    over: list[Debrief]

    @property
    def decided(self) -> int:
        return sum(one.caught is not None for one in self.over)

    @property
    def caught(self) -> int:
        return sum(one.caught is True for one in self.over)


def debriefs(items: Iterable[UUID]) -> list[Debrief]:
    """Those of these visits that were checks and are over, in the order given."""
    wanted = list(items)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT item, source, seeded_by, mutation, faults, answer, note, verdict, reviewer, caught, taken_at"
            " FROM reviews_debrief(%s)",
            [wanted],
        )
        rows = {row[0]: row[1:] for row in cursor.fetchall()}
    refs = dict(DeskItem.objects.filter(id__in=list(rows)).values_list("id", "ref"))
    people = User.objects.in_bulk([who for row in rows.values() for who in (row[1], row[7]) if who])
    return [_debrief(f"ACT-{refs[item]}", rows[item], people) for item in wanted if item in rows]


def _debrief(ref: str, row: Sequence[Any], people: dict[int, User]) -> Debrief:
    source, seeder, mutation, faults, answer, note, verdict, reviewer, caught, at = row
    return Debrief(
        ref=ref,
        source=source,
        seeded_by=str(people[seeder]),
        mutation=mutation.replace("_", " "),
        faults=tuple(decode(faults) if isinstance(faults, str) else faults),
        answer=answer,
        note=note,
        verdict=verdict or "",
        reviewer=str(people[reviewer]) if reviewer else "",
        caught=caught,
        at=at,
    )


def overview(queues: Sequence[str]) -> Overview:
    """Of these queues. Which ones are out is told to nobody, not even to whoever seeded them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT open, over FROM reviews_checks(%s, %s)", [list(queues), MOST_LISTED])
        waiting, over = cursor.fetchone()
    return Overview(waiting, debriefs(over))


def alike(action: Action) -> list[dict[str, Any]]:
    """Payloads of other actions of the same type, newest first: where a wrong name is taken from."""
    newest = Action.objects.filter(type=action.type_id).exclude(id=action.id).order_by("-id").values("id")[:SAMPLES]
    rows = Revision.objects.filter(action__in=newest, number=1).select_related("body").order_by("-action_id")
    texts = [row.body.plain for row in rows if hasattr(row, "body")]
    return [payload_of(text) for text in texts if text is not None]
