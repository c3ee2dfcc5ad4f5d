"""What the runner of a run writes: always its own run, always with its fence. Login: agent."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from agents import sealed
from agents.errors import run_errors
from agents.journal import Row
from audit import seal
from audit.events import EventName, RunBlocked, RunFinished, RunStarted
from audit.services import Actor, Chain, Entry, fresh, now, prepare, record
from reviews.ids import new_id

TEXTS = ("step", "wait")  # kinds of rows whose results hold words; the database reads ids in the others


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A run in the hands of one runner; the fence proves it."""

    id: UUID
    agent: str
    version: str
    principal: UUID
    title: str
    args: dict[str, Any]
    fence: int
    steps: int
    stalls: int
    case_seq: int
    case_head: bytes

    @property
    def actor(self) -> Actor:
        return Actor("agent", str(self.principal))

    def chain(self) -> Chain:
        return Chain(f"run:{self.id}", self.case_seq, self.case_head, now())


class Wait(NamedTuple):
    """What a run parks on. `seen`: questions it has been told of."""

    mode: str  # any, all, timer
    on: Sequence[UUID]
    asked: bool = False
    seen: Sequence[UUID] = ()
    until: datetime | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "mode": self.mode,
            "on": [str(i) for i in self.on],
            "asked": self.asked,
            "seen": [str(i) for i in self.seen],
        }


class ActionEnd(NamedTuple):
    """One row of `agents_outcomes`."""

    action: UUID
    settled: bool
    state: str
    edited: bool
    body: bytes | None
    code: str | None
    rationale: str | None
    result: bytes | None
    note: str | None
    question: UUID | None
    question_text: str | None


class RunEnd(NamedTuple):
    """One row of `agents_child_outcomes`."""

    run: UUID
    state: str
    result: bytes | None
    error: str | None


def _call(function: str, *given: Any) -> list[tuple[Any, ...]]:
    marks = ", ".join(["%s"] * len(given))
    with run_errors(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {function}({marks})", given)  # noqa: S608  names of ours
        return list(cursor.fetchall())


def lease_run(
    *, versions: Sequence[tuple[str, str]], worker: str, seconds: float, only: UUID | None = None
) -> Held | None:
    """Takes the run that has waited longest among those this worker has code for."""
    names = [name for name, _ in versions]
    rows = _call("agents_lease", names, [v for _, v in versions], worker, float(seconds), only)
    if not rows:
        return None
    run, agent, version, principal, title, args, fence, steps, stalls, seq, head = rows[0]
    return Held(
        id=run, agent=agent, version=version, principal=principal, title=seal.unsealed_text(title),
        args=sealed.taken(json.loads(args)), fence=fence, steps=steps, stalls=stalls, case_seq=seq,
        case_head=bytes(head),
    )  # fmt: skip


def read_journal(*, held: Held) -> list[Row]:
    rows = _call("agents_read_journal", held.id, held.fence)
    return [Row(seq, kind, name, bytes(args), seal.unsealed(bytes(result))) for seq, kind, name, args, result in rows]


def append_entry(*, held: Held, row: Row) -> None:
    """The journal's next row; refuses a stale runner. Renews the lease."""
    result = row.result
    if seal.is_on() and row.kind in TEXTS:
        result = seal.seal(seal.readers(f"run:{held.id}", to_agents=True), seal.NO_SALT, row.result)
    _call("agents_append", held.id, held.fence, row.seq, row.kind, row.name[:200], row.args, result)


def renew_run(*, held: Held) -> None:
    _call("agents_renew", held.id, held.fence)


def give_back(*, held: Held) -> None:
    _call("agents_give_back", held.id, held.fence)


def park_run(*, held: Held, wait: Wait) -> bool:
    """Lets go of the run until what it waits for has come; False if it has come already."""
    state = _call("agents_park", held.id, held.fence, Jsonb(wait.as_json()), wait.until)[0][0]
    return bool(state == "parked")


def action_ends(*, held: Held, actions: Sequence[UUID]) -> dict[UUID, ActionEnd]:
    """What became of these actions, as far as the run may know."""
    rows = _call("agents_outcomes", held.id, held.fence, list(actions)) if actions else []
    ends = [ActionEnd(*row) for row in rows]
    return {end.action: end._replace(**_opened(end)) for end in ends}


def _opened(end: ActionEnd) -> dict[str, Any]:
    """What came sealed to this group's key: the payload, the rationale, what the effect answered, the question."""
    found: dict[str, Any] = {}
    if end.body is not None:
        found["body"] = seal.unsealed(bytes(end.body))
    found |= {"result": _raw(end.result), "note": _text(end.note)}
    for name, place in (("rationale", 1), ("question_text", "text")):
        words = getattr(end, name)
        if words and seal.is_sealed_text(words):
            found[name] = json.loads(seal.unsealed_text(words))[place]
    return found


def expected(*, question: UUID) -> dict[str, Any]:
    """What kind of answer a reviewer's question asks for; empty for free text."""
    found = _call("reviews_expects", question)[0][0]
    return dict(json.loads(found)) if found else {}


def receipts(*, held: Held, action: UUID) -> list[str]:
    """Signed receipts for the events of an action that this run proposed."""
    return [row[0] for row in _call("agents_receipts", held.id, held.fence, action)]


def decision_receipts(*, held: Held, actions: Sequence[UUID]) -> dict[UUID, list[str]]:
    """Signed receipts for what people and policy said of actions that this run proposed."""
    found: dict[UUID, list[str]] = {}
    for action, note in _call("agents_decision_receipts", held.id, held.fence, list(actions)) if actions else []:
        found.setdefault(action, []).append(note)
    return found


def run_ends(*, held: Held, runs: Sequence[UUID]) -> dict[UUID, RunEnd]:
    rows = _call("agents_child_outcomes", held.id, held.fence, list(runs)) if runs else []
    return {run: RunEnd(run, state, _raw(result), _text(error)) for run, state, result, error in rows}


def _raw(result: bytes | None) -> bytes | None:
    return None if result is None else seal.unsealed(bytes(result))


def _text(words: str | None) -> str | None:
    return None if words is None else seal.unsealed_text(words)


def finish_run(*, held: Held, result: bytes, outcome: str = "finished") -> None:
    data = RunFinished(run=str(held.id), outcome=outcome, steps=held.steps)
    _close(held, "finished", EventName.RUN_FINISHED, data, result=result)


def fail_run(*, held: Held, error: str) -> None:
    """The agent's code raised; the text stays with the run, the log keeps that it failed."""
    kind = error.split(":")[0]
    data = RunFinished(run=str(held.id), outcome="failed", steps=held.steps, error=kind[:200])
    _close(held, "failed", EventName.RUN_FINISHED, data, error=error)


def block_run(*, held: Held, sides: dict[str, Any], expected: bytes | None, found: bytes | None) -> None:
    """The code no longer does what its journal says. `sides`: what was recorded, what was found."""
    data = RunBlocked(run=str(held.id), seq=sides["seq"], cause=sides["cause"], expected=expected, found=found)
    _close(held, "blocked", EventName.RUN_BLOCKED, data, sides=sides)


def _close(
    held: Held,
    state: str,
    name: EventName,
    data: RunFinished | RunBlocked,
    *,
    result: bytes | None = None,
    error: str = "",
    sides: dict[str, Any] | None = None,
    also: Sequence[Entry] = (),
) -> None:
    with run_errors(), transaction.atomic():
        entry = prepare(name=name, data=data, chain=held.chain(), actor=held.actor, change=("open", state))
        to = sealed.sealer(held.id)
        raw = None if result is None else to.raw(result)
        blocked = None if sides is None else Jsonb(sealed.put(to, sides, plain=("seq", "cause")))
        _call("agents_close", held.id, held.fence, state, raw, to.text(error[:4000]), blocked, entry.seq, entry.hash)
        record([*also, entry])


def start_child(*, held: Held, agent: str, args: dict[str, Any], title: str) -> UUID:
    """A run of another agent, born in the caller's transaction. NotAllowed if the code did not say so."""
    child = new_id()
    return _birth(child, held, agent, args, title)


def _birth(child: UUID, held: Held, agent: str, args: dict[str, Any], title: str) -> UUID:
    with run_errors(), transaction.atomic():
        chain = fresh(f"run:{child}")
        data = RunStarted(run=str(child), agent=agent, parent=str(held.id))
        entry = _started(chain, data, held.actor)
        to = sealed.sealer(child)
        given, words = Jsonb(sealed.put(to, args)), to.text(title[:200])
        _call("agents_child", held.id, held.fence, child, agent, given, words, entry.hash)
        record([entry])
    return child


def continue_run(*, held: Held, args: dict[str, Any], result: bytes) -> UUID:
    """Closes the run and opens its continuation, with an empty journal, in one transaction."""
    following = new_id()
    with run_errors(), transaction.atomic():
        data = RunStarted(run=str(following), agent=held.agent, agent_version=held.version, parent=str(held.id))
        entry = _started(fresh(f"run:{following}"), data, held.actor)
        to = sealed.sealer(following)
        given, words = Jsonb(sealed.put(to, args)), to.text(held.title)
        _call("agents_continue", held.id, held.fence, following, given, words, entry.hash)
        end = RunFinished(run=str(held.id), outcome="continued", steps=held.steps)
        _close(held, "finished", EventName.RUN_FINISHED, end, result=result, also=[entry])
    return following


def _started(chain: Chain, data: RunStarted, actor: Actor) -> Entry:
    return prepare(name=EventName.RUN_STARTED, data=data, chain=chain, actor=actor, change=(None, "open"))


def advanced(held: Held, *, steps: int) -> Held:
    return replace(held, steps=steps)
