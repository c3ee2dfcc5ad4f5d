"""What is kept, since when, for how long at least; setting the periods, and ordering and carrying out a pruning.

Whoever orders cannot delete, and whoever deletes cannot order: `order` is web's and leaves the event that says what
goes; `prune` is the keeper's login's, once the event lies under a signed checkpoint. The rules are the database's.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, transaction

from audit import events
from audit.entries import Actor, Chain, prepare
from audit.privacy import demand_fresh
from audit.services import fresh, load_chain, record, uuid7

WORDS = {
    "decisions": "Actions, votes, messages, evidence, effects, checks",
    "runs": "Runs of agents",
    "rules": "Policy, levels, types, stops, people's rights, incidents",
    "access": "Sign-ins, searches, exports, opened texts",
    "privacy": "Erasures, legal holds, prunings",
    "log": "The log's own keys, alarms and beginnings",
}
PRUNABLE = ("decisions", "runs", "access")
FLOOR, CEILING = 184, 36_525
CODES = ("AU001", "AU007", "AU008", "55P03")
KEPT = """
    SELECT r.class, r.days, k.oldest, clock_timestamp() - make_interval(days => r.days)
    FROM audit.retention r LEFT JOIN LATERAL (
        SELECT min(x.at) AS oldest FROM audit.event_name n, LATERAL (
            SELECT e.at FROM audit.event_web e WHERE e.name = n.name ORDER BY e.n LIMIT 1) x
        WHERE audit.retention_class(n.name) = r.class) k ON true
    ORDER BY r.days DESC, r.class
"""
ORDERS = """
    SELECT e.id, e.at, l.leaf_index, d.data, e.actor_ref FROM audit.event_web e LEFT JOIN audit.leaf l USING (n),
         LATERAL (SELECT convert_from(e.leaf, 'UTF8')::jsonb -> 'data' AS data) d
    WHERE e.name = 'retention.pruned' ORDER BY e.n DESC LIMIT %s
"""
GONE = """
    SELECT count(*) FROM audit.leaf l WHERE l.leaf_index < (SELECT min_index FROM audit.head)
       AND NOT EXISTS (SELECT FROM audit.event e WHERE e.n = l.n)
"""


class RetentionRefused(RuntimeError):
    """The period was not set, or nothing was pruned; the message says why."""


@dataclass(frozen=True)
class Kept:
    """One class of events. `oldest` is the first one that is here; None where there is none yet."""

    name: str
    words: str
    days: int
    oldest: datetime | None
    since: datetime

    @property
    def prunable(self) -> bool:
        """Whether such events ever go. The others say why these look as they do, and stay as long as the log."""
        return self.name in PRUNABLE

    @property
    def has_over(self) -> bool:
        """Whether some of it has been kept for longer than it has to be."""
        return self.oldest is not None and self.oldest < self.since


def kept() -> list[Kept]:
    """The statement of what is kept since when."""
    with connection.cursor() as cursor:
        cursor.execute(KEPT)
        return [Kept(name, WORDS.get(name, name), days, oldest, since) for name, days, oldest, since in cursor]


@dataclass(frozen=True)
class Prunable:
    """Up to which index entries of the classes may go, how many they are, and what stops there."""

    below: int
    stopped_by: str
    count: int
    gone: int
    digest: bytes


def prunable(classes: Sequence[str] = PRUNABLE, *, below: int | None = None) -> Prunable:
    """What could go now. With `below`: only entries below it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")  # it reads the whole log
        cursor.execute("SELECT below, stopped_by FROM audit.prune_limit(%s)", [list(classes)])
        limit, stopped_by = cursor.fetchone()
        wanted = limit if below is None else min(limit, below)
        cursor.execute("SELECT count, gone, digest FROM audit.pruning(%s, %s)", [wanted, list(classes)])
        count, gone, digest = cursor.fetchone()
    return Prunable(wanted, stopped_by, count, gone, bytes(digest))


@dataclass(frozen=True)
class Order:
    """A pruning as its event tells it; `index` None while it has no place in the tree."""

    id: UUID
    at: datetime
    index: int | None
    below: int
    periods: list[dict[str, Any]]
    count: int
    gone: int
    by: str


def orders(limit: int = 20) -> list[Order]:
    """Ordered prunings, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(ORDERS, [limit])
        return [_order(*row) for row in cursor.fetchall()]


def _order(event: UUID, at: datetime, index: int | None, data: str, by: str) -> Order:
    told = json.loads(data)
    return Order(event, at, index, told["below"], told["periods"], told["count"], told["gone"], by)


def min_index() -> int:
    """Below it, entries of pruned classes are gone."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT min_index FROM audit.head")
        return int(cursor.fetchone()[0])


def gone() -> int:
    """How many entries are pruned."""
    with connection.cursor() as cursor:
        cursor.execute(GONE)
        return int(cursor.fetchone()[0])


def is_pruned(case: str) -> bool:
    """Whether events of this case were pruned."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM audit.pruned_case WHERE case_id = %s)", [case])
        found: bool = cursor.fetchone()[0]
    return found


@transaction.atomic
def set_period(*, name: str, days: int, reason: str, actor: Actor, request: str = "") -> None:
    """How long events of a class are kept at least. A shorter period prunes nothing by itself."""
    demand_fresh(actor)
    if name not in PRUNABLE:
        raise RetentionRefused(f"{WORDS.get(name, name)}: kept as long as the log; there is no period to set")
    if not FLOOR <= days <= CEILING:
        raise RetentionRefused(f"a period is {FLOOR} days (six months) to {CEILING} days, not {days}")
    if not reason.strip():
        raise RetentionRefused("say why the period changes")
    chain = load_chain(f"retention:{name}")
    _say(events.EventName.RETENTION_CHANGED, events.Period(name=name, days=days), chain, reason, actor, request)
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit.set_period(%s, %s)", [name, days])
        if not cursor.fetchone()[0]:
            raise RetentionRefused("this is the period already")


@transaction.atomic
def order(*, classes: Sequence[str], below: int | None = None, reason: str, actor: Actor, request: str = "") -> UUID:
    """Say in the log which entries are to go. `prune` carries it out once this lies under a signed checkpoint."""
    demand_fresh(actor)
    chosen = [one for one in kept() if one.name in classes and one.prunable]
    if not chosen or len(chosen) != len(set(classes)):
        raise RetentionRefused(f"choose what goes, of {', '.join(PRUNABLE)}")
    if not reason.strip():
        raise RetentionRefused("say why these entries go")
    found = prunable([one.name for one in chosen], below=below)
    if not found.count:
        raise RetentionRefused(f"nothing may go; stopped by {found.stopped_by}")
    data = events.RetentionPruned(
        below=found.below, periods=[events.Period(name=one.name, days=one.days) for one in chosen],
        count=found.count, gone=found.gone, digest=found.digest, authoriser=actor.ref,
    )  # fmt: skip
    chain = fresh(f"pruning:{uuid7()}")
    return _say(events.EventName.RETENTION_PRUNED, data, chain, reason, actor, request)


def _say(name: events.EventName, data: events.EventData, chain: Chain, reason: str, actor: Actor, request: str) -> UUID:
    entry = prepare(name=name, data=data, chain=chain, actor=actor, request=request, content={"reason": reason})
    record([entry])
    return entry.id


@transaction.atomic
def prune(ordered: UUID) -> int:
    """Delete what this event names, and nothing else; how many went. Login: router."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        try:
            cursor.execute("SELECT audit.prune(%s)", [ordered])
        except DatabaseError as error:
            if getattr(error.__cause__, "sqlstate", "") in CODES:
                raise RetentionRefused(str(error).partition("\n")[0]) from error
            raise
        return int(cursor.fetchone()[0])
