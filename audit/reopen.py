"""A new log over restored entries, when the old one cannot be recovered up to its newest anchor.

The restored entries stay as they are and become the new log's prefix. Its `log.created` names the old log, the
last checkpoint that was published of it, and how much of it is here, so that the gap is told, not hidden.
"""

from pathlib import Path

from django.conf import settings
from django.db import connection, transaction

from audit import events, queries, services
from audit.notes import Checkpoint, Signer
from audit.publish import read_anchor
from audit.tree import root_of


class ReopenRefused(RuntimeError):
    """There is no need for a new log, or the name and key are not new."""


@transaction.atomic
def reopen(*, signer: Signer, previous: Path, reason: str) -> tuple[Checkpoint, int]:
    """Record the new log's birth. Returns the old log's last checkpoint and the number of entries restored."""
    old = read_anchor(previous, queries.vkeys(queries.EVERY_EVENT))
    if old is None:
        raise ReopenRefused(f"{previous} holds no checkpoint")
    restored = _restored()
    _demand_new(signer, old, restored)
    data = events.LogCreated(
        origin=settings.LOG_ORIGIN,
        previous_origin=old.origin,
        previous_size=old.size,
        previous_root=old.root,
        restored_size=restored,
    )
    chain = services.load_chain(f"log:{settings.LOG_ORIGIN}")
    if chain.seq:
        raise ReopenRefused(f"{settings.LOG_ORIGIN} is open already")
    entry = services.prepare(
        name=events.EventName.LOG_CREATED,
        data=data,
        chain=chain,
        actor=services.Actor("system", "log_reopen"),
        content={"reason": reason},
    )
    services.record([entry])
    return old, restored


def _restored() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT size FROM audit.head")
        size: int = cursor.fetchone()[0]
    return size


def _demand_new(signer: Signer, old: Checkpoint, restored: int) -> None:
    if old.origin == settings.LOG_ORIGIN or signer.name != settings.LOG_ORIGIN:
        raise ReopenRefused(
            f"a new log needs a name of its own: set ASSENTRY_LOG_ORIGIN to something like {old.origin}/2 "
            "and make a key for it with manage.py log_key"
        )
    if restored >= old.size and root_of(queries.leaf_hashes(0, old.size)) == old.root:
        raise ReopenRefused(
            f"nothing is lost: the anchor says {old.size}, the database has {restored}; start the sequencer"
        )
