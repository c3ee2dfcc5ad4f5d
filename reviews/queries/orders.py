"""The orders of a list, and the cursors that say where in one a page ended."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

LONG_AGO = datetime.fromisoformat("0001-01-01T00:00:00+00:00")
_CASTS = {
    "i.prio": "bigint", "i.entered": "timestamptz", "i.due": "timestamptz", "i.closed_at": "timestamptz",
    "i.confidence": "float8", "i.action_type_id": "text", "i.risk_rank": "smallint", "i.id": "uuid",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Order:
    """One order: its columns, `i.id` last, all in one direction; `risk` goes before them in a direction of its own."""

    name: str
    words: str
    columns: tuple[str, ...]
    down: bool = False
    risk: int = 0  # 1 highest risk first, -1 lowest first, 0 not asked for

    @property
    def sign(self) -> str:
        return "<" if self.down else ">"

    @property
    def by(self) -> str:
        """ORDER BY within one cell."""
        return ", ".join(f"{column} {'DESC' if self.down else 'ASC'}" for column in self.columns)

    @property
    def over_all(self) -> str:
        """ORDER BY over the cells, where the key's columns are k0, k1, …"""
        risk = {1: ["x.rank DESC"], -1: ["x.rank ASC"], 0: []}[self.risk]
        direction = "DESC" if self.down else "ASC"
        return ", ".join([*risk, *(f"x.k{n} {direction}" for n in range(len(self.columns)))])

    @property
    def select(self) -> str:
        return ", ".join(f"{column} AS k{n}" for n, column in enumerate(self.columns))

    def past(self, cursor: tuple[Any, ...] | None) -> tuple[str, dict[str, Any]]:
        """What comes after a cursor, as one comparison of rows that an index can seek."""
        if cursor is None:
            return "true", {}
        marks = ", ".join(f"%(k{n})s::{_CASTS[column]}" for n, column in enumerate(self.columns))
        later = f"({', '.join(self.columns)}) {self.sign} ({marks})"
        values = {f"k{n}": value for n, value in enumerate(cursor[1:])}
        if not self.risk:
            return later, values
        beyond = "<" if self.risk > 0 else ">"
        return f"(i.risk_rank {beyond} %(kr)s OR (i.risk_rank = %(kr)s AND {later}))", values | {"kr": cursor[0]}

    def pack(self, rank: int, key: tuple[Any, ...]) -> str:
        """A cursor: the key of a row as URL-safe text. It is no secret and proves nothing."""
        plain = [self.name, rank, *(_plain(part) for part in key)]
        return base64.urlsafe_b64encode(json.dumps(plain).encode()).decode().rstrip("=")

    def unpack(self, cursor: str) -> tuple[Any, ...] | None:
        """The key in a cursor of this order; one that does not fit starts at the beginning."""
        try:
            name, rank, *key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
            if name != self.name or len(key) != len(self.columns):
                return None
            return (_whole(rank), *(_typed(column, part) for column, part in zip(self.columns, key, strict=True)))
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
            return None


def _plain(part: Any) -> Any:
    return part.isoformat() if isinstance(part, datetime) else str(part) if isinstance(part, UUID) else part


def _typed(column: str, part: Any) -> Any:
    kind = _CASTS[column]
    if kind == "timestamptz":
        return datetime.fromisoformat(part)
    if kind == "uuid":
        return UUID(part)
    return _number(part) if kind == "float8" else _whole(part) if kind != "text" else _text(part)


def _whole(part: Any) -> int:
    if type(part) is not int or not -(2**63) <= part < 2**63:
        raise ValueError
    return part


def _number(part: Any) -> float:
    if isinstance(part, bool) or not isinstance(part, int | float):
        raise ValueError
    return float(part)


def _text(part: Any) -> str:
    if not isinstance(part, str) or "\x00" in part:
        raise ValueError
    return part


_PRIO = ("i.prio", "i.entered", "i.id")
URGENT = Order("prio", "most urgent first", _PRIO)
NEWEST_OVER = Order("closed", "last decided first", ("i.closed_at", "i.id"), down=True)
NEWEST = Order("id", "newest first", ("i.id",), down=True)
_PLAIN = (
    URGENT,
    Order("age", "longest waiting first", ("i.entered", "i.id")),
    Order("-age", "newest first", ("i.entered", "i.id"), down=True),
    Order("due", "due soonest first", ("i.due", "i.id")),
    Order("-due", "due latest first", ("i.due", "i.id"), down=True),
    Order("conf", "least confident first", ("i.confidence", "i.id")),
    Order("-conf", "most confident first", ("i.confidence", "i.id"), down=True),
    Order("type", "by type, most urgent first", ("i.action_type_id", *_PRIO)),
)


def _with_risk(order: Order, risk: int) -> Order:
    sign, words = ("-", "highest") if risk > 0 else ("", "lowest")
    rest = "" if order is URGENT else f",{order.name}"
    then = f", then {order.words.removesuffix(' first')}"
    return Order(f"{sign}risk{rest}", f"{words} risk first{then}", order.columns, order.down, risk)


ORDERS: dict[str, Order] = {order.name: order for order in _PLAIN} | {
    made.name: made
    for order in _PLAIN
    if order.name != "type"
    for risk in (1, -1)
    for made in [_with_risk(order, risk)]
}
OFFERED = ("prio", "age", "-age", "due", "conf", "-conf", "type", "-risk,age", "risk")


def order_of(name: str) -> Order:
    """The order of this name, or the default one."""
    return ORDERS.get(name, URGENT)
