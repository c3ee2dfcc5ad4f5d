"""What the desk refuses, as exceptions; and the database's refusals in the same words."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import DatabaseError, IntegrityError


class DeskError(Exception):
    """A refusal with a stable code; `status` is what a page or API answers."""

    code = "refused"
    status = 409

    def __init__(self, message: str = "", **detail: object) -> None:
        super().__init__(message or (self.__doc__ or "").strip())
        self.detail = detail


class NotPermitted(DeskError):
    """You may not do this."""

    code, status = "not_permitted", 403


class NotFound(DeskError):
    """There is no such thing, or not for you."""

    code, status = "not_found", 404


class InvalidPayload(DeskError):
    """The payload does not fit its type. `errors`: list of {"path", "message"}."""

    code, status = "invalid_payload", 422

    def __init__(self, message: str = "", errors: list[dict[str, str]] | None = None) -> None:
        super().__init__(message)
        self.errors = errors or []


class InvalidDecision(DeskError):
    """The decision lacks something or comes too early."""

    code, status = "invalid_decision", 422


class InvalidView(DeskError):
    """A view of the queue cannot be kept like this. `field`: which part of it is wrong."""

    code, status = "invalid_view", 422


class Unreadable(DeskError):
    """What was sent holds something that no field of this desk can hold."""

    code, status = "unreadable", 422


class ReasonNeeded(InvalidDecision):
    """This verdict must say why."""

    code = "reason_needed"


class TooFast(InvalidDecision):
    """More decisions in a minute than this risk allows. `wait`: seconds."""

    code, status = "too_fast", 429


class StepUpNeeded(DeskError):
    """Confirm that it is you: this needs a sign-in that is not older than a few minutes."""

    code, status = "step_up_needed", 422


class AlreadyDecided(DeskError):
    """Somebody else was first. `by` names the winner, `at` when, `state` what it is now."""

    code = "already_decided"

    def __init__(self, message: str = "", *, by: str = "", at: datetime | None = None, state: str = "") -> None:
        super().__init__(message or f"already {state or 'decided'} by {by or 'somebody else'}")
        self.by, self.at, self.state = by, at, state


class StaleRevision(DeskError):
    """What you saw is no longer what would be decided."""

    code = "stale"


class KeyReused(DeskError):
    """The same proposer used this key for other bytes."""

    code = "key_reused"


class WrongState(DeskError):
    """The action's state does not allow this."""

    code = "wrong_state"


class Released(WrongState):
    """The undo window is over."""

    code = "released"


class LostLease(DeskError):
    """The lease or the fence is no longer yours."""

    code = "lost_lease"


class Stopped(DeskError):
    """A stop stands."""

    code = "stopped"


class Busy(DeskError):
    """The database is busy; nothing was changed. Try again."""

    code, status = "busy", 503


class GateRefused(DeskError):
    """The database refused what our own code should not have tried: a defect, or an attack."""

    code, status = "gate_refused", 500

    def __init__(self, message: str = "", sqlstate: str = "") -> None:
        super().__init__(message)
        self.sqlstate = sqlstate


BY_SQLSTATE: dict[str, type[DeskError]] = {
    "DK005": LostLease,
    "DK007": WrongState,
    "DK010": StaleRevision,
    "DK011": StaleRevision,
    "DK012": NotPermitted,
    "DK013": WrongState,
    "DK014": KeyReused,
    "DK015": Released,
    "DK017": InvalidDecision,
    "DK018": WrongState,
    "DK020": Stopped,
    "55P03": Busy,
    "57014": Busy,
    "40P01": Busy,
}


def sqlstate(exc: BaseException) -> str:
    """The five characters PostgreSQL gave, or an empty string."""
    return getattr(exc.__cause__, "sqlstate", None) or ""


def translate(exc: DatabaseError) -> DeskError | None:
    """The desk's word for a refusal of the database, or None if it is none of ours."""
    state = sqlstate(exc)
    message = str(exc).split("\n")[0]
    if state in BY_SQLSTATE:
        return BY_SQLSTATE[state](message)
    if state == "23505" and "decision_once" in message:
        return AlreadyDecided(message)
    if state[:2] in {"DK", "AU"} or state == "42501":
        return GateRefused(message, sqlstate=state)
    return None


@contextmanager
def desk_errors() -> Iterator[None]:
    """Turns the database's refusals into the desk's. Wrap it around `atomic`, not inside."""
    try:
        yield
    except (DatabaseError, IntegrityError) as exc:
        known = translate(exc)
        if known is None:
            raise
        raise known from exc
