"""Runs as pages show them: within somebody's sight, as a list, as a tree, as a readable trace."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import CharField, Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from agents import sealed
from agents.journal import decode
from agents.models import JournalEntry, Run, waiting_for
from audit import seal
from reviews.masking import masked
from reviews.models import Action, DeskItem, Reach, SearchText, User

PAGE = 50
TRACE = 200
LONGEST = 2_000  # characters of a step's result on the page
TREE = 200

# Whoever answers for agents in admin sees and steers every run.
SEES_ALL = "reviews.view_principal"
STEERS_ALL = "reviews.change_principal"


def visible_runs(user: User) -> QuerySet[Run]:
    """Runs that a person may see: all with the right to, else their own, their agents', and those in their queues."""
    runs = Run.objects.select_related("agent", "started_by")
    if user.has_perm(SEES_ALL):
        return runs
    reached = Reach.objects.filter(group__user=user).values("queue")
    within = DeskItem.objects.filter(action__run=OuterRef("pk"), queue__in=reached)
    return runs.filter(Q(started_by=user) | Q(agent__owner=user) | Exists(within))


def may_steer(user: User, run: Run) -> bool:
    """Cancel and fork: who started it, who answers for the agent, and who has the right for all."""
    return user.pk in (run.started_by_id, run.agent.owner_id) or user.has_perm(STEERS_ALL)


@dataclass(frozen=True, slots=True)
class Sight:
    """What somebody sees of a run: its actions in these queues; what its steps said only where that is all of them."""

    queues: frozenset[str] | None = None  # None: every queue
    whole: bool = True


def sight_of(user: User, run: Run) -> Sight:
    """Whoever started it, answers for its agent or for all agents sees the whole; a reviewer, what is in reach."""
    if user.pk in (run.started_by_id, run.agent.owner_id) or user.has_perm(SEES_ALL):
        return Sight()
    queues = frozenset(Reach.objects.filter(group__user=user).values_list("queue", flat=True))
    beyond = _with_queue(Action.objects.filter(run__in=_with_children(run.id))).exclude(queue_now__in=queues)
    return Sight(queues, whole=not beyond.exists())


_BELOW = """
WITH RECURSIVE down AS (
    SELECT %s::uuid AS id UNION SELECT r.id FROM agents_run r JOIN down d ON r.parent_id = d.id)
SELECT id FROM down
"""


def _with_children(run: UUID) -> list[UUID]:
    """The run and all that it started: what those brought back stands in its own steps and its result."""
    with connection.cursor() as cursor:
        cursor.execute(_BELOW, [run])
        return [child for (child,) in cursor.fetchall()]


def _with_queue(actions: QuerySet[Action]) -> QuerySet[Any]:
    """Each with the queue it lies in, or would come to."""
    newest = DeskItem.objects.filter(action=OuterRef("pk")).order_by("-ref").values("queue")[:1]
    return actions.annotate(queue_now=Coalesce(Subquery(newest), "type__queue", output_field=CharField()))


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the list."""

    run: Run
    actions: int
    waiting: int


def listed(runs: QuerySet[Run], *, state: str = "", agent: str = "", before: UUID | None = None) -> list[Listed]:
    """A page of runs, newest first; ids are in order of birth, so the last id leads to the next page."""
    if state:
        runs = runs.filter(state=state)
    if agent:
        runs = runs.filter(agent__name=agent)
    if before:
        runs = runs.filter(id__lt=before)
    found = list(runs.order_by("-id")[: PAGE + 1])
    for run in found:
        run.title = sealed.preview(run.title, run.agent.name)
    counts = dict(Action.objects.filter(run__in=[run.id for run in found]).values_list("run").annotate(n=Count("id")))
    return [Listed(run, counts.get(run.id, 0), len(waiting_for(run))) for run in found]


class Opened(NamedTuple):
    """The texts of a run for its own page; what cannot be opened says so."""

    title: str
    error: str
    result: str
    blocked: dict[str, Any] | None


def opened(run: Run, sight: Sight) -> Opened:
    """What it was called and how it ended, opened where it lies sealed."""
    if not sight.whole:
        return Opened(_shown(run.title), "", "", None)
    return Opened(
        _shown(run.title), _shown(run.error),
        masked(json_text(_value(bytes(run.result)))) if run.result else "",
        _blocked(run.blocked) if run.blocked else None,
    )  # fmt: skip


def lies_sealed(run: Run) -> bool:
    """Whether who reads this run's page opens something."""
    return seal.is_on() or sealed.HIDDEN in run.args or seal.is_sealed_text(run.title)


def _shown(text: str) -> str:
    return seal.text_or(sealed.CLOSED, text)


def _blocked(sides: dict[str, Any]) -> dict[str, Any]:
    try:
        return sealed.taken(sides)
    except seal.CannotOpen:
        return sides


@dataclass(frozen=True, slots=True)
class Proposed:
    """An action as a run's page names it; without an id one that the reader does not reach."""

    id: UUID | None = None
    type: str = ""
    state: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the trace."""

    seq: int
    word: str
    name: str
    tone: str
    at: datetime
    text: str = ""
    actions: tuple[Proposed, ...] = ()
    runs: tuple[UUID, ...] = ()
    outcomes: tuple[str, ...] = ()


_WORDS = {
    "step": "Step",
    "propose": "Proposed",
    "wait": "Waited for",
    "child": "Started a run",
    "answer": "Answered a question",
    "now": "Read the clock",
    "random": "Drew a number",
    "timer": "Went to sleep",
    "patched": "Took the new way of",
}


def trace(run: Run, sight: Sight, *, before: int | None = None) -> list[Row]:
    """The journal in words, oldest first; of a long one the part that ends before `before`."""
    entries = JournalEntry.objects.filter(run=run)
    if before:
        entries = entries.filter(seq__lt=before)
    rows = list(entries.order_by("-seq")[:TRACE])[::-1]
    values = [_value(bytes(row.result)) for row in rows]
    known = proposed([UUID(one) for value in values for one in _named(value)], sight)
    found = [_row(row, value, known) for row, value in zip(rows, values, strict=True)]
    return found if sight.whole else [_outlined(row) for row in found]


def _outlined(row: Row) -> Row:
    """What a row says to whoever does not see all of its run."""
    named = all(action.id for action in row.actions)
    return replace(row, text="", name=row.name if named else "")


def _value(raw: bytes) -> Any:
    try:
        return decode(seal.unsealed(raw))
    except seal.CannotOpen as error:
        return {"error": "sealed", "message": str(error)}


def _named(value: Any) -> list[str]:
    """Ids that a row's result names."""
    if not isinstance(value, dict):
        return []
    ends = [one for one, _ in value.get("ends", ())] if isinstance(value.get("ends"), list) else []
    asked = value.get("asked")
    more = [asked["action"]] if isinstance(asked, dict) and "action" in asked else []
    one = value.get("action")
    return [*ends, *more, *([one] if isinstance(one, str) and len(one) == 36 else [])]


def proposed(ids: Sequence[UUID], sight: Sight) -> dict[UUID, Proposed]:
    """What the reader may know of these actions; ids of anything else are left out."""
    named = _with_queue(Action.objects.filter(id__in=ids))
    rows = list(named.values_list("id", "type_id", "state", "revision", "queue_now"))
    texts = SearchText.objects.filter(action__in=ids).values_list("action", "revision", "title")
    titles = {(action, revision): title for action, revision, title in texts}
    return {
        action: Proposed(action, kind, state, titles.get((action, revision), ""))
        if sight.queues is None or queue in sight.queues
        else Proposed()
        for action, kind, state, revision, queue in rows
    }


def _row(row: JournalEntry, value: Any, known: dict[UUID, Proposed]) -> Row:
    tone, text = "note", ""
    actions: tuple[Proposed, ...] = ()
    runs: tuple[UUID, ...] = ()
    outcomes: tuple[str, ...] = ()
    name = row.name
    match row.kind:
        case "step":
            tone = "bad" if "error" in value else "good"
            text = f"{value['error']}: {value['message']}" if "error" in value else _short(value.get("ok"))
        case "propose" | "answer" if "refused" in value:
            tone, text = "bad", f"refused: {value['message']}"
        case "propose":
            actions = tuple(found for one in _named(value) if (found := known.get(UUID(one))))
        case "child":
            runs = (UUID(value["run"]),)
        case "wait" if "asked" in value:
            tone, text = "wait", f"a reviewer asked: {value['asked']['text']}"
            actions = tuple(found for one in _named(value) if (found := known.get(UUID(one))))
        case "wait":
            tone = "wait"
            name = {"any": "the first answer", "all": "every answer", "timer": "a time"}.get(row.name, row.name)
            actions = tuple(found for one in _named(value) if (found := known.get(UUID(one))))
            outcomes = tuple(end for _, end in value.get("ends", ()))
        case "answer":
            name = ""
        case _:
            text = _short(value)
    shown = masked(text)[:LONGEST]
    return Row(row.seq, _WORDS.get(row.kind, row.kind), name, tone, row.at, shown, actions, runs, outcomes)


def _short(value: Any) -> str:
    text = masked(value if isinstance(value, str) else json_text(value))
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def json_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, sort_keys=True)


@dataclass(frozen=True, slots=True)
class Branch:
    """A run in its tree, `depth` below the one that a person started."""

    id: UUID
    depth: int
    agent: str
    version: str
    title: str
    state: str
    seen: bool = True  # whether the reader has a page of it


_TREE = """
WITH RECURSIVE up AS (
    SELECT id, parent_id FROM agents_run WHERE id = %s
    UNION ALL SELECT r.id, r.parent_id FROM agents_run r JOIN up ON up.parent_id = r.id
), down AS (
    SELECT r.id, 0 AS depth, ARRAY[r.id] AS path FROM agents_run r JOIN up ON up.id = r.id WHERE up.parent_id IS NULL
    UNION ALL SELECT r.id, d.depth + 1, d.path || r.id FROM agents_run r JOIN down d ON r.parent_id = d.id
)
SELECT r.id, d.depth, p.name, r.agent_version, r.title, r.state
FROM down d JOIN agents_run r ON r.id = d.id JOIN reviews_principal p ON p.id = r.agent_id
ORDER BY d.path LIMIT %s
"""


def tree(run: UUID, user: User) -> list[Branch]:
    """The run with its parents and all their children, top down; empty where it stands alone."""
    with connection.cursor() as cursor:
        cursor.execute(_TREE, [run, TREE])
        rows = [Branch(*row) for row in cursor.fetchall()]
    if len(rows) < 2:
        return []
    seen = set(visible_runs(user).filter(id__in=[branch.id for branch in rows]).values_list("id", flat=True))
    return [
        replace(
            branch,
            title=sealed.preview(branch.title, branch.agent) if branch.id in seen else "",
            seen=branch.id in seen,
        )
        for branch in rows
    ]
