"""Replays a recorded journal on the present code without doing anything: no step runs, nothing is proposed.

What the code asks for beyond the journal's end is where the rehearsal stops: there the real run goes on.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agents import registry, sealed
from agents.journal import Row
from agents.models import JournalEntry
from agents.models import Run as StoredRun
from agents.outcomes import Handle
from agents.queries import ends_of_actions
from agents.recorder import Leave, NonDeterminism, Place, Recorder
from agents.runs import Run
from agents.services import ActionEnd, Held, RunEnd
from audit import seal


class Reached(Leave):
    """The code has come to the end of the journal: it fits."""


@dataclass(frozen=True, slots=True)
class Journal:
    """A run as recorded: enough to replay it without its database."""

    run: UUID
    agent: str
    version: str
    title: str
    args: dict[str, Any]
    rows: tuple[Row, ...]
    ends: dict[str, list[Any]]  # action -> the fields of ActionEnd; run -> those of RunEnd

    def as_json(self) -> dict[str, Any]:
        rows = [[r.kind, r.name, r.args.hex(), r.result.decode()] for r in self.rows]
        head = {"run": str(self.run), "agent": self.agent, "version": self.version, "title": self.title}
        return {**head, "args": self.args, "rows": rows, "ends": self.ends}


@dataclass(frozen=True, slots=True)
class Verdict:
    run: UUID
    agent: str
    version: str
    fits: bool
    text: str = ""


def stored(*, states: Sequence[str], limit: int) -> Iterator[Journal | UUID]:
    """Journals of the database, oldest run first; of one that lies sealed for this process the run's id alone."""
    runs = StoredRun.objects.filter(state__in=states).select_related("agent").order_by("id")[:limit]
    for run in runs:
        try:
            yield _read(run)
        except seal.CannotOpen:
            yield run.id


def _read(run: StoredRun) -> Journal:
    entries = JournalEntry.objects.filter(run=run).order_by("seq")
    rows = tuple(
        Row(e.seq, e.kind, e.name, bytes(e.args_digest), seal.unsealed(bytes(e.result))) for e in entries
    )  # fmt: skip
    ends = ends_of_actions([UUID(one) for one in _answered(rows)])
    title, args = seal.unsealed_text(run.title), sealed.taken(run.args)
    return Journal(run.id, run.agent.name, run.agent_version, title, args, rows, ends)


def _answered(rows: Iterable[Row]) -> list[str]:
    return [one for row in rows if row.kind == "wait" for one, _ in row.value().get("ends", ())]


def saved(lines: Iterable[str]) -> Iterator[Journal]:
    """Journals that `as_json` wrote, one a line."""
    for line in lines:
        said = json.loads(line)
        rows = tuple(
            Row(n, kind, name, bytes.fromhex(args), result.encode())
            for n, (kind, name, args, result) in enumerate(said["rows"], 1)
        )
        yield Journal(
            UUID(said["run"]), said["agent"], said["version"], said["title"], said["args"], rows, said["ends"]
        )


class _Recorder(Recorder):
    """Ends the rehearsal where the real one would begin to write."""

    def take(self, kind: Any, name: str, *args: Any) -> Place:
        place = super().take(kind, name, *args)
        if not place.replayed:
            raise Reached("the end of the journal")
        return place


class _Run(Run):
    """Knows from the journal what became of its actions, and looks nothing up."""

    def __init__(self, journal: Journal, recorder: Recorder) -> None:
        super().__init__(recorder.held, recorder)
        self._known = journal.ends

    def _fetch(self, handles: Iterable[Handle]) -> None:
        for handle in handles:
            if (said := self._known.get(str(handle.id))) is not None:
                self._ends[handle.id] = _end(handle, said)


def _end(handle: Handle, said: list[Any]) -> ActionEnd | RunEnd:
    if handle.kind == "run":
        state, result, error = said
        return RunEnd(handle.id, state, result.encode() if result else None, error)
    state, edited, body, code, rationale, result, note = said
    raw = body.encode() if body is not None else None
    back = result.encode() if result is not None else None
    return ActionEnd(handle.id, True, state, edited, raw, code, rationale, back, note, None, None)


def rehearse(journal: Journal) -> Verdict:
    """Whether the loaded code gets to the journal's end without asking for anything else."""
    told = (journal.run, journal.agent, journal.version)
    kind = registry.find_agent(journal.agent, journal.version)
    if kind is None:
        return Verdict(*told, False, "there is no code of this version")
    recorder = _Recorder(_held(journal), journal.rows)
    try:
        given = kind.arguments.model_validate(journal.args)
        kind.function(_Run(journal, recorder), **{n: getattr(given, n) for n in kind.arguments.model_fields})
        recorder.finish()
    except NonDeterminism as exc:
        return Verdict(*told, False, f"step {exc.sides['seq']}: {exc.sides['cause']}")
    except Leave:
        return Verdict(*told, True)
    except Exception as exc:  # noqa: BLE001  the agent's code; with rows left over it would block
        left = recorder.recorded
        text = f"step {left.seq}: it raises {type(exc).__name__} before" if left else ""
        return Verdict(*told, left is None, text)
    return Verdict(*told, True)


def _held(journal: Journal) -> Held:
    return Held(
        id=journal.run,
        agent=journal.agent,
        version=journal.version,
        principal=journal.run,
        title=journal.title,
        args=journal.args,
        fence=0,
        steps=len(journal.rows),
        stalls=0,
        case_seq=0,
        case_head=bytes(32),
    )
