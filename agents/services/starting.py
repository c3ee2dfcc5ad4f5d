"""What people (login web) and the keeper (login router) do with runs."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from agents import sealed
from agents.errors import run_errors
from agents.journal import encode
from agents.models import CLOSED, OPEN, Run
from agents.registry import find_agent
from audit import seal
from audit.events import EventName, RunCancelled, RunForked, RunStarted
from audit.services import Actor, Chain, Entry, fresh, prepare, record
from reviews.errors import AlreadyDecided, InvalidPayload, NotFound, NotPermitted, WrongState
from reviews.ids import new_id
from reviews.models import Action, ActionType, Principal
from reviews.services import withdraw
from reviews.services.base import SYSTEM, By, Clock, actor

FRAME_KEYS = {"types", "per_run"}


def start_run(
    *,
    agent: str,
    args: Mapping[str, Any] | None = None,
    title: str = "",
    frame: Mapping[str, Any] | None = None,
    by: By | None = None,
) -> UUID:
    """A new run of the agent's current version. `frame` narrows what it may propose, never widens.

    InvalidPayload where the arguments do not fit the agent's signature. With `by` None the keeper starts it.
    """
    principal = Principal.objects.filter(name=agent).first()
    if principal is None:
        raise NotFound(f"there is no agent {agent!r}")
    if not principal.active:
        raise NotPermitted(f"{agent} is switched off")
    run = Run(
        id=new_id(),
        agent=principal,
        agent_version=principal.version,
        title=title[:200],
        args=_parsed(agent, principal.version, args or {}),  # this and the title: sealed at the insert
        frame=_frame(frame or {}),
        started_by=by.user if by else None,
    )
    with run_errors(), transaction.atomic():
        entry = _started(run, actor(by, "starter") if by else SYSTEM)
        insert_run(run, entry)
        record([entry])
    return run.id


def _parsed(agent: str, version: str, args: Mapping[str, Any]) -> dict[str, Any]:
    kind = find_agent(agent, version)
    if kind is None:
        raise NotFound(f"this process has no code of {agent} {version}")
    parsed = kind.parse(args)
    encode(parsed)
    return parsed


def _frame(frame: Mapping[str, Any]) -> dict[str, Any]:
    """The frame as stored: allowed types (None: all of the agent's), most actions (None: no limit)."""
    if unknown := set(frame) - FRAME_KEYS:
        raise InvalidPayload(f"a frame has no {', '.join(sorted(unknown))}")
    types, most = frame.get("types"), frame.get("per_run")
    if types is not None:
        known = set(ActionType.objects.filter(name__in=types).values_list("name", flat=True))
        if missing := sorted(set(types) - known):
            raise InvalidPayload(f"there is no action type {missing[0]!r}")
    if most is not None and not (isinstance(most, int) and 0 <= most <= 1_000_000):
        raise InvalidPayload("the most actions of a run is a number from 0 to 1,000,000")
    return {key: value for key, value in (("types", types), ("per_run", most)) if value is not None}


def _started(run: Run, who: Actor) -> Entry:
    return prepare(
        name=EventName.RUN_STARTED,
        data=RunStarted(
            run=str(run.id),
            agent=run.agent.name,
            agent_version=run.agent_version,
            parent=str(run.parent_id) if run.parent_id else None,
        ),
        chain=fresh(run.case),
        actor=who,
        change=(None, "open"),
    )


def insert_run(run: Run, entry: Entry) -> None:
    """The row of a run at its birth, its texts plain or sealed; the database sets what is not named."""
    to = sealed.sealer(run.id)
    run.title, run.args = to.text(run.title), sealed.put(to, run.args)
    run.state, run.created_at, run.wake_at = "runnable", entry.at, entry.at
    run.case_seq, run.case_head = entry.seq, entry.hash
    run.save(force_insert=True)


def cancel_run(*, run: UUID, by: By, reason: str = "") -> int:
    """Ends a run and the runs it started. What it proposed stays decidable. Returns how many ended."""
    with run_errors(), transaction.atomic():
        top = _locked([run])
        if not top:
            raise NotFound("there is no such run")
        if top[0].state not in (*OPEN, "blocked"):
            raise WrongState(f"the run is {top[0].state}")
        ending, found = list(top), top
        while found:
            children = Run.objects.filter(parent__in=[r.id for r in found], state__in=(*OPEN, "blocked"))
            found = _locked(list(children.values_list("id", flat=True)))
            ending += found
        record([_end(row, by, reason) for row in ending])
    return len(ending)


def withdraw_open(*, run: UUID, by: By, reason: str) -> int:
    """Takes back what a run has proposed and nobody has decided. Returns how many; the rest was decided meanwhile."""
    waiting = Action.objects.filter(run=run, state="pending").values_list("id", flat=True)
    withdrawn = 0
    for action in list(waiting):
        try:
            withdraw(action=action, by=by, reason=reason)
        except (AlreadyDecided, WrongState):
            continue
        withdrawn += 1
    return withdrawn


def _locked(ids: Iterable[UUID]) -> list[Run]:
    rows = Run.objects.select_for_update(of=("self",)).filter(id__in=list(ids)).order_by("id")
    return list(rows.select_related("agent").annotate(clock=Clock()))


def _chain(run: Run) -> Chain:
    return Chain(run.case, run.case_seq, bytes(run.case_head), run.clock)  # type: ignore[attr-defined]


def _end(run: Run, by: By, reason: str) -> Entry:
    entry = prepare(
        name=EventName.RUN_CANCELLED,
        data=RunCancelled(run=str(run.id)),
        chain=_chain(run),
        actor=actor(by),
        change=("blocked" if run.state == "blocked" else "open", "cancelled"),
        request=by.request,
        content={"reason": reason} if reason else None,
    )
    Run.objects.filter(id=run.id).update(
        state="cancelled",
        finished_at=Clock(),
        lease_until=None,
        wake_at=None,
        case_seq=entry.seq,
        case_head=entry.hash,
    )
    return entry


def fork_run(*, run: UUID, seq: int, by: By) -> UUID:
    """A new run that begins with the first `seq` rows of a closed one, on the agent's current version.

    A blocked run ends with that: its fork takes its place.
    """
    with run_errors(), transaction.atomic():
        found = _locked([run])
        if not found:
            raise NotFound("there is no such run")
        old = found[0]
        if old.state not in CLOSED:
            raise WrongState(f"the run is {old.state}; cancel it before you fork it")
        if not 0 <= seq <= old.steps:
            raise InvalidPayload(f"the run has {old.steps} steps")
        try:
            new = _fork_of(old, by)
        except seal.CannotOpen as exc:
            raise WrongState(f"what it was started with cannot be opened any more: {exc}") from exc
        forked, started = _forked(old, new, seq, by), _started(new, actor(by, "starter"))
        insert_run(new, started)
        _copy_journal(old, new, seq)
        record([forked, started])
    return new.id


def _fork_of(old: Run, by: By) -> Run:
    return Run(
        id=new_id(),
        agent=old.agent,
        agent_version=old.agent.version,
        parent=old.parent,
        forked_from=old,
        continues=old if old.state == "blocked" else None,  # who waits for the old run waits for this one
        title=seal.unsealed_text(old.title),
        args=sealed.taken(old.args),
        frame=old.frame,
        started_by=by.user,
    )


def _forked(old: Run, new: Run, seq: int, by: By) -> Entry:
    blocked = old.state == "blocked"
    entry = prepare(
        name=EventName.RUN_FORKED,
        data=RunForked(run=str(old.id), new_run=str(new.id), seq=seq),
        chain=_chain(old),
        actor=actor(by),
        change=("blocked", "cancelled") if blocked else None,
        request=by.request,
    )
    state = {"state": "cancelled", "finished_at": Clock()} if blocked else {}
    Run.objects.filter(id=old.id).update(case_seq=entry.seq, case_head=entry.hash, **state)
    return entry


def _copy_journal(old: Run, new: Run, seq: int) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT agents_copy_journal(%s, %s, %s)", [old.id, new.id, seq])


def wake_runs(*, limit: int = 1000) -> int:
    """Makes runs runnable whose answers have come or whose time has. Login: router."""
    with run_errors(), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT agents_wake(%s)", [limit])
        return int(cursor.fetchone()[0])
