"""How a wait ended, from the rows that a run may read of its actions and children."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from agents.journal import Row
from agents.outcomes import (
    Approved,
    Cancelled,
    ChildFailed,
    Expired,
    Failed,
    Finished,
    Handle,
    Outcome,
    Rejected,
    Withdrawn,
)
from agents.recorder import Broken
from agents.services import ActionEnd, RunEnd
from reviews.registry import payload_of
from reviews.schemas import decode


def outcome(end: ActionEnd | RunEnd | None, handle: Handle, receipts: Sequence[str] = ()) -> Outcome:
    if end is None:
        raise Broken(f"the outcome of {handle.kind} {handle.id} is gone")
    return _run_outcome(end) if isinstance(end, RunEnd) else _action_outcome(end, tuple(receipts))


def waited_for(rows: Iterable[Row]) -> list[Handle]:
    """All that the waits of a journal were answered about, so that one look fetches it."""
    made: dict[str, Handle] = {}
    told: list[Handle] = []
    for row in rows:
        if row.kind in ("propose", "child"):
            value = row.value()
            one = value.get("action") or value.get("run")
            if one is not None:
                made[one] = Handle("action" if row.kind == "propose" else "run", UUID(one), row.name)
        elif row.kind == "wait":
            told += [made[one] for one, _ in row.value().get("ends", ()) if one in made]
    return told


def _run_outcome(end: RunEnd) -> Outcome:
    if end.state == "finished":
        return Finished(run=end.run, result=decode(end.result) if end.result else None)
    if end.state == "failed":
        return ChildFailed(run=end.run, error=end.error or "")
    return Cancelled(run=end.run)


def _action_outcome(end: ActionEnd, receipts: tuple[str, ...]) -> Outcome:
    match end.state:
        case "succeeded" | "reversed" | "approved":
            return Approved(
                action=end.action,
                payload=payload_of(end.body) if end.body else {},
                edited=end.edited,
                result=decode(bytes(end.result)) if end.result else None,
                receipts=receipts,
            )
        case "rejected":
            return Rejected(action=end.action, code=end.code or "", rationale=end.rationale or "", receipts=receipts)
        case "expired":
            return Expired(action=end.action, receipts=receipts)
        case "withdrawn":
            return Withdrawn(action=end.action, receipts=receipts)
        case _:
            return Failed(action=end.action, note=end.note or "", receipts=receipts)


def final(end: ActionEnd | RunEnd | None) -> bool:
    return isinstance(end, RunEnd) or (end is not None and end.settled)
