"""Steps of an action's life in plain SQL, each one statement or two and its event. A cheat is a step done wrong."""

from __future__ import annotations

import json
import os
from typing import Any
from uuid import UUID

from audit import events
from audit.entries import Actor, Entry
from audit.events import EventName
from reviews.ids import new_id
from tests.roles.session import Session, World, digest

__all__ = ["Session", "World", "digest"]

CANARY = events.CanarySeeded(canary="c")


def body_of(**payload: Any) -> tuple[bytes, bytes]:
    """Salt and canonical bytes of a payload."""
    return os.urandom(32), json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()


def add_revision(s: Session, action: UUID, number: int, entry: Entry, salt: bytes, body: bytes, **columns: Any) -> None:
    revision = new_id()
    values = {
        "id": revision, "action_id": action, "number": number, "digest": digest(salt, body), "event_id": entry.id,
        "author_id": None, "self_edit": False,
    } | columns  # fmt: skip
    insert(s, "reviews_revision", **values)
    insert(s, "reviews_revisionbody", revision_id=revision, salt=salt, scheme=0, body=body)


def insert(s: Session, table: str, **values: Any) -> None:
    names = ", ".join(f'"{name}"' for name in values)
    marks = ", ".join(["%s"] * len(values))
    s.run(f"INSERT INTO {table} ({names}) VALUES ({marks})", *values.values())


def propose(s: Session, kind: str, *, key: str | None = None, confidence: float | None = 0.8, **columns: Any) -> UUID:
    """Born by whoever `columns` names: run, proposer_id or requested_by_id."""
    action = new_id()
    if s.role == "agent":
        s.actor = Actor("agent", f"run:{columns.get('run')}")
    salt, body = body_of(key=key or str(action))
    made = digest(salt, body)
    entry = birth(s, kind, action, made)
    insert(
        s, "reviews_action", id=action, type_id=kind, dedup_key=key or str(action), confidence=confidence,
        digest=made, case_seq=1, case_head=entry.hash, **columns,
    )  # fmt: skip
    add_revision(s, action, 1, entry, salt, body, author_id=columns.get("requested_by_id"))
    return action


def birth(s: Session, kind: str, action: UUID, made: bytes) -> Entry:
    """The first event of a case; what the router gives birth to is a canary."""
    name: EventName = EventName.ACTION_PROPOSED
    data: events.EventData = events.ActionProposed(
        type=kind, type_version="1", proposer="test", digest=made, risk="low", reversibility="reversible",
        effect_mode="idempotent",
    )  # fmt: skip
    if s.role == "router":
        name, data = EventName.CANARY_SEEDED, CANARY
    return s.event(name, data, action, seq=0, head=bytes(32), change=(None, "proposed"), commit={"payload": made})


def routed_event(s: Session, action: UUID, to: str | None, outcome: str = "review", needed: int = 1) -> Entry:
    data = events.ActionRouted(outcome=outcome, mode="HITL", floors=[], policy_version=1, needed=needed)
    return s.step(EventName.ACTION_ROUTED, data, action, to)


ROUTE = (
    "state = 'pending', outcome = %s, needed = %s, policy_version = 1, routed_at = clock_timestamp(),"
    " decide_by = clock_timestamp() + interval '1 day'"
)


def route(
    s: Session, action: UUID, *, outcome: str = "review", needed: int = 1, queue: str = "support", purpose: str = "gate"
) -> UUID:
    """To the queue; returns the item."""
    s.move(action, routed_event(s, action, "pending", outcome, needed), ROUTE, outcome, needed)
    return visit(s, action, queue=queue, purpose=purpose)


def visit(s: Session, action: UUID, *, queue: str = "support", purpose: str = "gate") -> UUID:
    item = new_id()
    insert(s, "reviews_item", id=item, action_id=action, queue_id=queue, purpose=purpose, prio=1)
    return item


def vote(
    s: Session, action: UUID, reviewer: int | None, verdict: str = "approve", **columns: Any
) -> tuple[UUID, Entry]:
    """A decision row and its event; the action's row is left to the caller (`close`)."""
    row = s.action(action)
    seen = s.one(
        "SELECT (SELECT coalesce(max(number), 0) FROM reviews_evidence WHERE action_id = %s) AS evidence,"
        " (SELECT coalesce(max(number), 0) FROM reviews_message WHERE action_id = %s) AS message",
        action, action,
    )  # fmt: skip
    target = columns.pop("to", None)
    columns = {"revision": row["revision"], "digest": bytes(row["digest"]), "verdict": verdict} | columns
    data = events.DecisionRecorded(verdict=columns["verdict"], revision=columns["revision"], digest=columns["digest"])
    entry = s.step(EventName.DECISION_RECORDED, data, action, target)
    decision = new_id()
    values = {
        "id": decision, "action_id": action, "reviewer_id": reviewer, "via": "single" if reviewer else "policy",
        "item_id": item_of(s, action) if reviewer else None, "seen_evidence": seen["evidence"],
        "seen_message": seen["message"], "event_id": entry.id,
    } | columns  # fmt: skip
    insert(s, "reviews_decision", **values)
    return decision, entry


def item_of(s: Session, action: UUID) -> UUID:
    view = "reviews_item" if s.role == "router" else "reviews_item_desk"
    rows = s.run(f"SELECT id FROM {view} WHERE action_id = %s ORDER BY entered DESC", action)
    return rows[0]["id"]  # type: ignore[no-any-return]


CLOSE_ITEM = (
    "UPDATE reviews_item_desk SET closed_at = clock_timestamp(), version = version + 1"
    " WHERE action_id = %s AND closed_at IS NULL"
)
APPROVED = (
    "state = 'approved', release_at = clock_timestamp() + make_interval(secs => %s),"
    " valid_until = clock_timestamp() + interval '1 day'"
)


def approve(s: Session, action: UUID, reviewer: int, *, window: float = 0, **columns: Any) -> UUID:
    """The closing vote of a person."""
    decision, entry = vote(s, action, reviewer, to="approved", **columns)
    s.move(action, entry, APPROVED, window)
    s.run(CLOSE_ITEM, action)
    return decision


def reject(s: Session, action: UUID, reviewer: int, *, window: float = 0) -> UUID:
    decision, entry = vote(s, action, reviewer, "reject", to="rejected")
    s.move(action, entry, "state = 'rejected', release_at = clock_timestamp() + make_interval(secs => %s)", window)
    s.run(CLOSE_ITEM, action)
    return decision


def just_vote(s: Session, action: UUID, reviewer: int, verdict: str = "approve", **columns: Any) -> UUID:
    """A vote that does not close the action yet."""
    decision, entry = vote(s, action, reviewer, verdict, **columns)
    s.move(action, entry)
    return decision


def policy_approve(s: Session, action: UUID, outcome: str = "auto_execute") -> None:
    s.move(
        action,
        routed_event(s, action, None, outcome),
        "outcome = %s, policy_version = 1, routed_at = clock_timestamp()",
        outcome,
    )
    _, entry = vote(s, action, None, to="approved")
    s.move(action, entry, APPROVED, 0)


def edit(
    s: Session, action: UUID, author: int | None, *, self_edit: bool = False, name: EventName = EventName.ACTION_EDITED
) -> Entry:
    """A new revision by a person (or, with author None, what an agent would do)."""
    row = s.action(action)
    salt, body = body_of(edited=str(new_id()))
    made = digest(salt, body)
    data = events.ActionEdited(revision=row["revision"] + 1, digest=made, previous_digest=bytes(row["digest"]))
    entry = s.step(name, data, action, commit={"payload": made})
    s.move(action, entry, "revision = revision + 1, digest = %s", made)
    add_revision(s, action, row["revision"] + 1, entry, salt, body, author_id=author, self_edit=self_edit)
    return entry


def retract(s: Session, decision: UUID, by: int | None, action: UUID, *, reopen: bool = True) -> None:
    data = events.DecisionRetracted(decision=str(decision))
    entry = s.step(EventName.DECISION_RETRACTED, data, action, "pending" if reopen else None)
    insert(s, "reviews_retraction", id=new_id(), decision_id=decision, by_id=by, event_id=entry.id)
    s.move(action, entry, "state = 'pending', release_at = NULL, valid_until = NULL" if reopen else "")
    if reopen:
        s.run("UPDATE reviews_item_desk SET closed_at = NULL, version = version + 1 WHERE id = %s", item_of(s, action))


def message(
    s: Session, action: UUID, text: str, *, kind: str = "comment", author: int | None = None, **columns: Any
) -> UUID:
    salt, body = body_of(text=text)
    last = s.one("SELECT coalesce(max(number), 0) AS n FROM reviews_message WHERE action_id = %s", action)["n"]
    name: EventName = EventName.MESSAGE_POSTED
    data: events.EventData = events.MessagePosted(number=last + 1, kind=kind)
    if s.role == "router":
        name, data = EventName.QUESTION_CLOSED, events.QuestionClosed(how="timed_out")
    entry = s.step(name, data, action, commit={"text": digest(salt, body)})
    made = new_id()
    values = {"number": last + 1, "author_id": author} | columns
    insert(
        s,
        "reviews_message",
        id=made,
        action_id=action,
        kind=kind,
        digest=digest(salt, body),
        event_id=entry.id,
        **values,
    )
    insert(s, "reviews_messagebody", message_id=made, salt=salt, scheme=0, body=body)
    s.move(action, entry)
    return made


def ask(s: Session, action: UUID, reviewer: int) -> UUID:
    just_vote(s, action, reviewer, "ask")
    question = message(s, action, "Which account?", kind="question", author=reviewer)
    s.run("UPDATE reviews_item_desk SET question_open = true, version = version + 1 WHERE id = %s", item_of(s, action))
    return question


# -- effects -----------------------------------------------------------------


def hold(s: Session, fence: int) -> None:
    """This session says that it holds the lease under this fence."""
    s.run("SELECT set_config('assentry.fence', %s, true)", str(fence))


def lease(s: Session, action: UUID, *, seconds: float = 60, worker: str = "w1", fence_step: int = 1) -> int:
    row = s.action(action)
    fence = row["fence"] + fence_step
    data = events.AttemptLeased(fence=fence, worker=worker, digest=bytes(row["digest"]))
    entry = s.step(EventName.ATTEMPT_LEASED, data, action, "executing")
    s.move(
        action, entry,
        "state = 'executing', fence = %s, worker = %s, lease_until = clock_timestamp() + make_interval(secs => %s)",
        fence, worker, seconds,
    )  # fmt: skip
    insert(
        s, "reviews_attempt", id=new_id(), action_id=action, fence=fence, worker=worker, revision=row["revision"],
        digest=bytes(row["digest"]), event_id=entry.id,
    )  # fmt: skip
    return fence


def begin(s: Session, action: UUID, fence: int) -> None:
    hold(s, fence)
    row = s.action(action)
    data = events.AttemptBegun(fence=fence, worker="w1", digest=bytes(row["digest"]), key="k")
    entry = s.step(EventName.ATTEMPT_BEGUN, data, action)
    s.run("UPDATE reviews_attempt SET effect_at = clock_timestamp() WHERE action_id = %s AND fence = %s", action, fence)
    s.move(action, entry)


END = 'UPDATE reviews_attempt SET "end" = %s, ended_at = clock_timestamp() WHERE action_id = %s AND fence = %s'


def finish(
    s: Session, action: UUID, fence: int, end: str = "succeeded", *, to: str | None = None, delay: float = 0
) -> str:
    """Closes the attempt and goes where `reviews_exit` says, or to `to`."""
    hold(s, fence)
    s.run(END, end, action, fence)
    state = to or s.one("SELECT reviews_exit(%s) AS state", action)["state"]
    if state is None:
        raise LookupError("there is no attempt to finish")
    leave(s, action, fence, state, delay=delay)
    return state


def leave(s: Session, action: UUID, fence: int, state: str, *, delay: float = 0) -> None:
    name, data = {
        "approved": (EventName.ATTEMPT_RETRIED, events.AttemptRetried(fence=fence, cause="test")),
        "in_doubt": (EventName.ATTEMPT_IN_DOUBT, events.AttemptInDoubt(fence=fence, cause="test")),
    }.get(state, (EventName.ATTEMPT_FINISHED, events.AttemptFinished(fence=fence, outcome=state)))
    entry = s.step(name, data, action, state)
    later = ", release_at = clock_timestamp() + make_interval(secs => %s)" if state == "approved" else ""
    s.move(action, entry, f"state = %s{later}", state, *([delay] if later else []))


def settle(s: Session, action: UUID, state: str = "failed", *, note: str = "I asked the bank") -> None:
    fence = s.action(action)["fence"]
    data = events.AttemptSettled(fence=fence, outcome=state)
    entry = s.step(EventName.ATTEMPT_SETTLED, data, action, state, content={"note": note} if note else None)
    s.move(action, entry, "state = %s", state)


def stop(s: Session, by: int, scope: str = "all", **columns: Any) -> UUID:
    made = new_id()
    insert(
        s,
        "reviews_stop",
        id=made,
        scope=scope,
        reason="smoke in the engine room",
        by_id=by,
        at="now",
        lift_reason="",
        **columns,
    )
    return made
