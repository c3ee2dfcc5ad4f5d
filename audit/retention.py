"""Setting the periods, and ordering and carrying out a pruning.

Whoever orders cannot delete, and whoever deletes cannot order: `order` is web's and leaves the event that says what
goes; `prune` is the keeper's login's, once the event lies under a signed checkpoint. The rules are the database's.
"""

from collections.abc import Sequence
from uuid import UUID

from django.db import DatabaseError, connection, transaction

from audit import events
from audit.entries import Actor, Chain, prepare
from audit.keeping import PRUNABLE, WORDS, kept, prunable
from audit.privacy import demand_fresh
from audit.services import fresh, load_chain, record, uuid7

FLOOR, CEILING = 184, 36_525
CODES = ("AU001", "AU007", "AU008", "55P03")
SIGNED = """
    SELECT EXISTS (SELECT FROM audit.event_web e JOIN audit.leaf l USING (n)
                   WHERE e.id = %s AND l.leaf_index < (
                       SELECT max(c.size) FROM audit.checkpoint c WHERE c.signature IS NOT NULL))
"""


class RetentionRefused(RuntimeError):
    """The period was not set, or nothing was pruned; the message says why."""


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
def order(
    *,
    classes: Sequence[str],
    below: int | None = None,
    seen: bytes | None = None,
    reason: str,
    actor: Actor,
    request: str = "",
) -> UUID:
    """Say in the log which entries are to go. `prune` carries it out once this lies under a signed checkpoint.

    `seen` is the digest that a preview showed: if something else would go now, nothing is ordered.
    """
    demand_fresh(actor)
    chosen = [one for one in kept() if one.name in classes and one.prunable]
    if not chosen or len(chosen) != len(set(classes)):
        raise RetentionRefused(f"choose what goes, of {', '.join(PRUNABLE)}")
    if not reason.strip():
        raise RetentionRefused("say why these entries go")
    found = prunable([one.name for one in chosen], below=below)
    if not found.count:
        raise RetentionRefused(f"nothing may go; stopped by {found.stopped_by}")
    if seen is not None and seen != found.digest:
        raise RetentionRefused("what may go has changed since it was shown; look again")
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


def is_signed(event: UUID) -> bool:
    """Whether this event lies under a signed checkpoint."""
    with connection.cursor() as cursor:
        cursor.execute(SIGNED, [event])
        found: bool = cursor.fetchone()[0]
    return found


@transaction.atomic
def prune(ordered: UUID) -> int:
    """Delete what this event names with its texts, and nothing else; how many entries went. Login: router."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")
        try:
            cursor.execute("SELECT audit.prune(%s)", [ordered])
        except DatabaseError as error:
            if getattr(error.__cause__, "sqlstate", "") in CODES:
                raise RetentionRefused(str(error).partition("\n")[0]) from error
            raise
        return int(cursor.fetchone()[0])
