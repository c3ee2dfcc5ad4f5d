"""What a run can be refused, beside what the desk refuses."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError

from reviews.errors import DeskError, desk_errors, sqlstate


class JournalFull(DeskError):
    """The journal of a run has no room left; go on with `run.continue_as_new`."""

    code, status = "journal_full", 422


class NotAllowed(DeskError):
    """This run may not do that."""

    code, status = "not_allowed", 403


_BY_SQLSTATE: dict[str, type[DeskError]] = {"AG001": JournalFull, "AG003": NotAllowed}


@contextmanager
def run_errors() -> Iterator[None]:
    """As `desk_errors`, and the refusals of the functions of this app. Wrap it around `atomic`."""
    try:
        with desk_errors():
            yield
    except DatabaseError as exc:
        known = _BY_SQLSTATE.get(sqlstate(exc))
        if known is None:
            raise
        raise known(str(exc).split("\n")[0]) from exc
