"""How often a workflow stops for people on its way down the tree of runs: one to three times is the aim.

A checkpoint is a wait that ended with, or still hangs on, an action that people had to look at; ten proposals that a
run waits for together are one. A path leads from the run that a person started to one that started no other.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import connection

from agents.journal import decode
from agents.models import JournalEntry, Run, waiting_for
from audit import seal
from reviews.models import Action
from reviews.states import Outcome

MOST = 3  # checkpoints on one path before the designer is warned
RUNS, WAITS = 200, 2_000
BY_PEOPLE = (Outcome.HOLD_RESULT, Outcome.REVIEW, Outcome.TWO_PERSON_REVIEW, Outcome.ESCALATE)


@dataclass(frozen=True, slots=True)
class Path:
    """The way down with the most checkpoints. `words` names the runs and what each waited for."""

    checkpoints: int
    words: str

    @property
    def too_many(self) -> bool:
        return self.checkpoints > MOST


_TREE = """
WITH RECURSIVE up AS (
    SELECT id, parent_id FROM agents_run WHERE id = %s
    UNION ALL SELECT r.id, r.parent_id FROM agents_run r JOIN up ON up.parent_id = r.id
), down AS (
    SELECT r.id, r.parent_id FROM agents_run r JOIN up ON r.id = up.id WHERE up.parent_id IS NULL
    UNION ALL SELECT r.id, r.parent_id FROM agents_run r JOIN down d ON r.parent_id = d.id
)
SELECT d.id, d.parent_id FROM down d LIMIT %s
"""


def heaviest_path(run: UUID) -> Path:
    """Of the tree that this run belongs to; of a larger tree its first runs and waits."""
    parents = _parents(run)
    runs = {row.id: row for row in Run.objects.filter(id__in=parents).select_related("agent")}
    waits = _waits(runs.values())
    ways = [list(_way(leaf, parents)) for leaf in set(parents) - set(parents.values())]
    best = max(ways, key=lambda way: sum(len(waits[one]) for one in way), default=[])
    words = [f"{runs[one].agent.name}: {_told(waits[one])}" for one in best if waits[one]]
    return Path(sum(len(waits[one]) for one in best), ", then ".join(words))


def _parents(run: UUID) -> dict[UUID, UUID | None]:
    with connection.cursor() as cursor:
        cursor.execute(_TREE, [run, RUNS])
        return dict(cursor.fetchall())


def _way(leaf: UUID, parents: dict[UUID, UUID | None]) -> Iterator[UUID]:
    """From the top down to this run."""
    way: list[UUID] = []
    at: UUID | None = leaf
    while at is not None and at in parents:
        way.append(at)
        at = parents[at]
    yield from reversed(way)


def _waits(runs: Iterable[Run]) -> dict[UUID, list[Counter[str]]]:
    """For each run its checkpoints in order, each as the types it waited for."""
    known = {run.id: run for run in runs}
    rows = JournalEntry.objects.filter(run__in=known, kind="wait").order_by("run", "seq")
    ended = [(run, _ends(bytes(result))) for run, result in rows.values_list("run", "result")[:WAITS]]
    ended += [(run.id, waiting_for(run)) for run in known.values() if run.state == "parked"]
    ids = {one for _, ids in ended for one in ids}
    types = dict(Action.objects.filter(id__in=ids, outcome__in=BY_PEOPLE).values_list("id", "type"))
    named = {str(one): kind for one, kind in types.items()}
    found: dict[UUID, list[Counter[str]]] = defaultdict(list)
    for run, waited in ended:
        if seen := Counter(named[one] for one in waited if one in named):
            found[run].append(seen)
    return found


def _ends(result: bytes) -> list[str]:
    try:
        value = decode(seal.unsealed(result))
    except seal.CannotOpen:
        return []
    ends = value.get("ends") if isinstance(value, dict) else None
    return [one for one, _ in ends] if isinstance(ends, list) else []


def _told(waits: Iterable[Counter[str]]) -> str:
    one = [" and ".join(f"{n} {kind}" if n > 1 else kind for kind, n in sorted(seen.items())) for seen in waits]
    return ", ".join(one)
