"""The desk's keys are those of the record. Migrations name this function as the default of rows."""

from uuid import UUID

from audit.ids import uuid7


def new_id() -> UUID:
    """A fresh UUIDv7; sorts by time of making, to the millisecond."""
    return uuid7()
