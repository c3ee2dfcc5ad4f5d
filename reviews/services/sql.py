"""Raw SQL of the hot path: several statements in one round trip."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple


class Statement(NamedTuple):
    sql: str
    params: Sequence[Any] = ()


class Done(NamedTuple):
    """What one statement gave: its rows, and how many it touched."""

    rows: list[tuple[Any, ...]]
    touched: int

    @property
    def one(self) -> tuple[Any, ...] | None:
        return self.rows[0] if self.rows else None


def together(cursor: Any, *statements: Statement) -> list[Done]:
    """Send statements at once, in this order; each sees what the ones before it did.

    Django binds parameters on this side, so one message may hold them all.
    The first that fails ends the transaction, as if they had come one by one.
    """
    cursor.execute("; ".join(one.sql for one in statements), [value for one in statements for value in one.params])
    done = [_result(cursor)]
    while cursor.nextset():
        done.append(_result(cursor))
    return done


def _result(cursor: Any) -> Done:
    return Done(cursor.fetchall() if cursor.description else [], cursor.rowcount)
