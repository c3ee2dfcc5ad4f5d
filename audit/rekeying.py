"""A new master key for the keys of subjects: ordered by `web`, carried out by `owner`, ended by `web`.

Two logins, as with pruning: whoever may order it can change no key, and whoever may change keys does only what an
event ordered. Between the two both files lie side by side, and whoever opens looks which one a key is sealed to.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal, NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from django.db import connection, transaction

from audit import events, seal
from audit.ids import uuid7
from audit.keys import add, master_row, write_key
from audit.services import Actor, fresh, load_chain, prepare, record

State = Literal["begun", "over"]

BATCH = 500
WHO = Actor("system", "seal_keys")
OLD, NEXT = "seal.key", "seal.key.next"
BY_MASTER = """
    SELECT audit.sealed_by(wrapped), count(*) FROM audit.seal_key WHERE kind = 'subject' GROUP BY 1 ORDER BY 2 DESC
"""
BATCH_OF = """
    SELECT id, wrapped FROM audit.seal_key
    WHERE kind = 'subject' AND id > %s AND audit.sealed_by(wrapped) = %s ORDER BY id LIMIT %s
"""
PUT = """
    UPDATE audit.seal_key k SET wrapped = t.w FROM unnest(%s::uuid[], %s::bytea[]) AS t (i, w) WHERE k.id = t.i
"""
SAID = """
    SELECT EXISTS (SELECT FROM audit.event e, LATERAL (SELECT convert_from(e.leaf, 'UTF8')::jsonb -> 'data' AS data) d
    WHERE e.name = 'privacy.master_changed'
      AND (d.data ->> 'old', d.data ->> 'new', d.data ->> 'state') = (%s, %s, %s))
"""


class Refused(RuntimeError):
    """The master key stays as it is; the message says why."""


class Order(NamedTuple):
    """The key that goes, the one that comes, and how many keys of subjects lie under the old one."""

    old: UUID
    new: UUID
    left: int


def begin(folder: Path) -> Order:
    """Makes the next key beside the present one and records the order. Login: web. Again: says how far it is."""
    old, new, under = _demand(OLD), seal.read_key(NEXT), sealed_by()
    here = {key.id for key in (old, new) if key is not None}
    if strangers := set(under) - here:
        raise Refused(f"{under[min(strangers)]} keys are sealed to {min(strangers)}, whose file is not here")
    if new is None:
        new = seal.Private(uuid7(), os.urandom(32))
        write_key(folder / NEXT, new)
    order = Order(old.id, new.id, under.get(old.id, 0))
    with transaction.atomic():
        add([master_row(new)])
        if not _said(order, "begun"):
            _say(order, "begun")
    return order


def rewrap(say: Callable[[str], None] = lambda text: None) -> int:
    """Seals every subject's key to the next master key. Login: owner. Broken off, it goes on where it was."""
    old, new = _demand(OLD), _demand(NEXT)
    order = Order(old.id, new.id, sealed_by().get(old.id, 0))
    if not _said(order, "begun"):
        raise Refused("no event orders this; run manage.py seal_keys --rotate first")
    done, after = 0, UUID(int=0)
    while some := _batch(old, seal.Reader(new.id, new.public), after):
        done, after = done + len(some), some[-1]
        say(f"{done} of {order.left} keys")
    return done


def finish(folder: Path) -> Order:
    """Puts the next key in the place of the old one, which stays beside it under its name. Login: web."""
    old, new = _demand(OLD), _demand(NEXT)
    order = Order(old.id, new.id, sealed_by().get(old.id, 0))
    if order.left:
        raise Refused(f"{order.left} keys are still sealed to the old one; run manage.py rewrap as owner")
    if not _said(order, "begun"):
        raise Refused("no event orders this; run manage.py seal_keys --rotate first")
    with transaction.atomic():
        if not _said(order, "over"):
            _say(order, "over")
    kept = folder / f"seal-{order.old}.key.old"
    if not kept.exists():
        write_key(kept, old)
    (folder / NEXT).replace(folder / OLD)  # at once: no moment without a key
    return order


def sealed_by() -> dict[UUID, int]:
    """How many keys of subjects lie under each master key."""
    with connection.cursor() as cursor:
        cursor.execute(BY_MASTER)
        return dict(cursor.fetchall())


@transaction.atomic
def _batch(old: seal.Private, new: seal.Reader, after: UUID) -> Sequence[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(BATCH_OF, [after, old.id, BATCH])
        rows = [(key, _sealed_anew(key, bytes(wrapped), old, new)) for key, wrapped in cursor.fetchall()]
        if rows:
            cursor.execute(PUT, [list(column) for column in zip(*rows, strict=True)])
    return [key for key, _ in rows]


def _sealed_anew(key: UUID, wrapped: bytes, old: seal.Private, new: seal.Reader) -> bytes:
    try:
        return seal.wrap(new, seal.unwrap(old, wrapped))
    except InvalidTag as error:
        raise Refused(f"the old master key does not open the key {key}; what was done so far stays") from error


def _demand(name: str) -> seal.Private:
    key = seal.read_key(name)
    if key is None:
        raise Refused(f"there is no {name} in the secrets folder of this login")
    return key


def _said(order: Order, state: State) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(SAID, [str(order.old), str(order.new), state])
        said: bool = cursor.fetchone()[0]
    return said


def _say(order: Order, state: State) -> None:
    case = f"seal_key:{order.new}"
    data = events.MasterChanged(old=str(order.old), new=str(order.new), state=state, keys=order.left)
    chain = fresh(case) if state == "begun" else load_chain(case)
    record([prepare(name=events.EventName.PRIVACY_MASTER_CHANGED, data=data, chain=chain, actor=WHO)])
