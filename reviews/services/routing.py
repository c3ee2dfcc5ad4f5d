"""What the keeper does to a proposal: policy routes it, and only policy's own cases end here."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from audit import events
from audit.events import EventName
from audit.services import Actor, Entry, record
from reviews.errors import DeskError, desk_errors
from reviews.facts import gather
from reviews.ids import new_id
from reviews.masking import uninspectable
from reviews.models import Action, ActionType, Canary, Decision, Item
from reviews.policy import Floor, Routing, route, strictest
from reviews.policy.document import ClockIn
from reviews.prio import pack_prio
from reviews.queries.policy import Current, current_policy
from reviews.registry import amount, is_loaded, payload_of, validate
from reviews.schemas import encode
from reviews.services.base import (
    Case,
    Clock,
    after_commit,
    body_of,
    digest_of,
    in_seconds,
    lock,
    sweep,
)
from reviews.services.proposing import permille
from reviews.services.search_text import write_search_text
from reviews.services.windows import closing_dates, undo_seconds
from reviews.states import MODE, Outcome, Purpose, Risk, Status, Verdict
from reviews.visible import hidden_at

log = logging.getLogger(__name__)

# Where policy sets no clock, an item is late once half of its time to decide is over.
SLA_SHARE = 0.5
_BY_POLICY = {
    Outcome.AUTO_EXECUTE: Verdict.APPROVE,
    Outcome.EXECUTE_AND_MONITOR: Verdict.APPROVE,
    Outcome.REJECT: Verdict.REJECT,
}


@dataclass(frozen=True, slots=True)
class Read:
    """A revision as the desk reads it: its payload, or why there is none."""

    payload: dict[str, Any]
    problem: str = ""


def route_proposed(*, limit: int = 200) -> int:
    """Route what was proposed, each in a transaction of its own. How many were routed.

    What cannot be evaluated goes to people with the floor `policy_error`;
    nothing passes because of an error.
    """
    due = Action.objects.filter(state=Status.PROPOSED).order_by("id").values_list("id", flat=True)
    return sweep(due[:limit], _routed)


def _routed(action: UUID) -> bool:
    try:
        with desk_errors(), transaction.atomic():
            return _route_one(action)
    except Exception:
        # Whatever it is, a person can look at it; nothing passes because of an error.
        log.exception("action %s could not be routed by policy", action)
    with desk_errors(), transaction.atomic():
        return _route_one(action, forced="refused by the gate")


def _route_one(action: UUID, *, forced: str = "") -> bool:
    policy = current_policy()
    case = lock(action, by=policy_actor(policy))
    if case.action.state != Status.PROPOSED:
        return False
    read = read_revision(case.action, case.action.type)
    routing = _careful(forced, policy) if forced else evaluate(case, read, policy)
    verdict = _verdict(routing, case.action)
    if verdict is not None and Canary.objects.filter(action=case.action).exists():
        routing, verdict = _like_routine(routing), None
    if verdict is None:
        _to_people(case, read, routing, policy.document.of(case.action.type_id).clock)
    else:
        _by_policy(case, routing, verdict)
    after_commit([action], [case.action.type.queue_id] if verdict is None else [])
    record(case.entries)
    return True


def policy_actor(policy: Current) -> Actor:
    return Actor("policy", f"policy:{policy.number}")


def read_revision(action: Action, kind: ActionType) -> Read:
    """The payload of the current revision; a problem is said, not raised."""
    return read_body(action, kind, body_of(action.id, action.revision))


def read_body(action: Action, kind: ActionType, body: bytes | None) -> Read:
    """The payload in these bytes of an action, or what stands against reading them."""
    if body is None:
        return Read({}, "its bytes were erased")
    try:
        payload = payload_of(body)
        if encode(payload) != body:
            return Read({}, "its bytes are not in the one form in which a payload is stored")
    except DeskError as exc:
        return Read({}, f"its bytes cannot be read: {exc}")
    if not is_loaded(kind, action.type_version):
        return Read(payload, f"made for version {action.type_version} of its type")
    return Read(payload, _misfit(kind, payload) or uninspectable(payload))


def _misfit(kind: ActionType, payload: dict[str, Any]) -> str:
    """Why a payload is none of its type. An agent's process checks its own; nobody has to believe it."""
    try:
        validate(kind, payload, stored=True)
    except DeskError as exc:
        return f"it does not fit its type: {exc}"
    return ""


def evaluate(case: Case, read: Read, policy: Current) -> Routing:
    """Policy's answer; an error of ours is an answer too: review."""
    if read.problem:
        return _careful(read.problem, policy)
    kind = case.action.type
    try:
        routing = route(gather(case.action, kind, read.payload, policy, case.now))
        return _unless_hidden(routing, hidden_at(read.payload, kind.machine_paths))
    except (DeskError, ValueError, TypeError, ArithmeticError) as exc:
        log.exception("policy could not be evaluated for %s", case.action.id)
        return _careful(type(exc).__name__, policy)


def _unless_hidden(routing: Routing, paths: list[str]) -> Routing:
    """What a machine reads and a person cannot see is never policy's to approve."""
    if not paths:
        return routing
    floor = Floor("hidden", f"hidden characters in {', '.join(paths)}", Outcome.REVIEW)
    outcome = strictest(routing.outcome, Outcome.REVIEW)
    why = (*routing.why, floor) if routing.outcome is outcome else (floor,)
    return Routing(outcome, routing.needed, MODE[outcome], (*routing.floors, floor), why, routing.policy_version)


def _careful(problem: str, policy: Current) -> Routing:
    floor = Floor("policy_error", problem, Outcome.REVIEW)
    return Routing(Outcome.REVIEW, 1, MODE[Outcome.REVIEW], (floor,), (floor,), policy.number)


def _like_routine(routing: Routing) -> Routing:
    """A seeded check is for people to see; it stands in the queue as routine review does."""
    review = Outcome.REVIEW
    return Routing(review, 1, MODE[review], routing.floors, (), routing.policy_version)


def _verdict(routing: Routing, action: Action) -> Verdict | None:
    """What policy decides by itself. A reversal is always a person's."""
    if action.reverses_id is not None and routing.outcome is not Outcome.REJECT:
        return None
    return _BY_POLICY.get(routing.outcome)


def routed_event(
    case: Case, routing: Routing, *, needed: int, outcome: Outcome | None = None, **more: Any
) -> events.ActionRouted:
    action = case.action
    due = outcome or routing.outcome
    return events.ActionRouted(
        outcome=due.value,
        mode=MODE[due].value,
        floors=[events.Floor(name=f.name, value=f.value[:200], outcome=f.outcome) for f in routing.floors],
        policy="default",
        policy_version=routing.policy_version,
        needed=needed,
        revision=action.revision,
        digest=digest_of(action),
        risk=action.risk,
        confidence_permille=permille(action.confidence),
        monitored=routing.mode.value == "HOTL",
        **more,
    )


def floors_of(routing: Routing) -> list[dict[str, str]]:
    return [{"name": f.name, "value": f.value, "outcome": f.outcome.value} for f in routing.floors]


def _columns(routing: Routing, needed: int) -> dict[str, Any]:
    return {
        "outcome": routing.outcome.value,
        "floors": floors_of(routing),
        "policy_version": routing.policy_version,
        "needed": needed,
        "routed_at": Clock(),
    }


def _to_people(case: Case, read: Read, routing: Routing, clock: ClockIn) -> None:
    """Into the queue, with all that the list needs."""
    action, kind = case.action, case.action.type
    needed = max(routing.needed, action.needed)
    found, currency = amount(kind, read.payload)
    prio = pack_prio(risk=Risk(action.risk), amount=found, currency=currency, confidence=action.confidence)
    entry = case.note(
        EventName.ACTION_ROUTED,
        routed_event(case, routing, needed=needed, queue=kind.queue_id, priority=prio),
        to=Status.PENDING,
    )
    within = kind.decide_within or settings.TIMINGS.decide_within
    case.move(entry, state=Status.PENDING, decide_by=in_seconds(within), **_columns(routing, needed))
    late = min(within, clock.within * 60) if clock.within else within * SLA_SHARE
    Item.objects.bulk_create([_item(action, kind, found, currency, prio, case.now, late)])
    write_search_text(action, kind, read.payload)


def _item(
    action: Action,
    kind: ActionType,
    found: int | None,
    currency: str,
    prio: int,
    now: datetime,
    late: float,
) -> Item:
    return Item(
        id=new_id(),
        action_id=action.id,
        purpose=Purpose.QUESTION if kind.question else Purpose.GATE,
        queue_id=kind.queue_id,
        action_type_id=kind.name,
        principal_id=action.proposer_id,
        risk=action.risk,
        confidence=action.confidence,
        amount=found,
        currency=currency,
        prio=prio,
        entered=now,
        due=now + timedelta(seconds=late),
    )


def _by_policy(case: Case, routing: Routing, verdict: Verdict) -> None:
    """Policy's own vote, and the state that follows from it."""
    action = case.action
    needed = max(routing.needed, action.needed)
    routed = case.note(EventName.ACTION_ROUTED, routed_event(case, routing, needed=needed))
    case.move(routed, **_columns(routing, needed))
    to = Status.APPROVED if verdict is Verdict.APPROVE else Status.REJECTED
    decision = new_id()
    entry = case.note(EventName.DECISION_RECORDED, _vote(action, decision, routing, verdict), to=to)
    _insert_vote(action, decision, verdict, entry)
    # Monitored work can be taken back for a while; what needs nobody starts at once.
    window = undo_seconds(action) if routing.outcome is Outcome.EXECUTE_AND_MONITOR else 0.0
    case.move(entry, state=to, **closing_dates(action, to, window=window))


def _vote(action: Action, decision: UUID, routing: Routing, verdict: Verdict) -> events.DecisionRecorded:
    return events.DecisionRecorded(
        verdict=verdict.value,
        reason_code="policy",
        decision=str(decision),
        reviewer=f"policy:{routing.policy_version}",
        revision=action.revision,
        digest=digest_of(action),
        principal=str(action.proposer_id or ""),
        agent_version=action.agent_version,
        type=action.type_id,
        type_version=str(action.type_version),
        run=str(action.run) if action.run else None,
        policy="default",
        policy_version=routing.policy_version,
        outcome=routing.outcome.value,
        mode=routing.mode.value,
        trigger="; ".join(f.name for f in routing.why),
        risk=action.risk,
        confidence_permille=permille(action.confidence),
        needed=routing.needed,
    )


def _insert_vote(action: Action, decision: UUID, verdict: Verdict, entry: Entry) -> None:
    Decision.objects.create(
        id=decision,
        action_id=action.id,
        revision=action.revision,
        digest=digest_of(action),
        verdict=verdict.value,
        via="policy",
        risk=action.risk,
        reason_code="policy",
        event_id=entry.id,
        created_at=entry.at,
    )
