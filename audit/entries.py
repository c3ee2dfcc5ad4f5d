"""From what happened to a leaf and its hash. No database: `prepare` runs before the transaction's last statement."""

import hashlib
import os
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from django.conf import settings
from pydantic import BaseModel

from audit import events
from audit.canonical import b64, encode, stamp
from audit.ids import uuid7

ZERO = bytes(32)
MAX_LEAF = 65_535


@dataclass(frozen=True, slots=True)
class Actor:
    """Who did it. `ref` is a pseudonym or an id, never a name; `session` never the session key itself.

    `stepped_up_at`, when they last proved who they are, decides what they may do and is not written down.
    """

    kind: Literal["human", "agent", "policy", "system"]
    ref: str
    role: str = ""
    auth: str = ""
    session: str = ""
    stepped_up_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Chain:
    """The end of a case's chain: last number used, its leaf hash, and the database clock's time for what comes."""

    case: str
    seq: int
    head: bytes
    at: datetime


@dataclass(frozen=True, slots=True)
class Secret:
    """A committed text on its way into an erasable row. `body` is the canonical JSON of [field, value]."""

    field: str
    salt: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Entry:
    """One event, ready to be recorded."""

    id: UUID
    leaf: bytes
    hash: bytes
    case: str
    seq: int
    at: datetime
    contents: tuple[Secret, ...] = ()
    name: str = ""

    @property
    def next(self) -> Chain:
        """The chain after this entry, for the next one of the same case."""
        return Chain(self.case, self.seq, self.hash, self.at)


def prepare(
    *,
    name: events.EventName,
    data: BaseModel,
    chain: Chain,
    actor: Actor,
    change: tuple[str | None, str] | None = None,
    batch: UUID | None = None,
    request: str = "",
    content: Mapping[str, str] | None = None,
    commit: Mapping[str, bytes] | None = None,
) -> Entry:
    """The next event of `chain`. `content` is free text: salted here, stored erasable, only its digest in the leaf.

    `commit` takes digests of bytes that lie elsewhere (a revision's). `change` is (state before or None, state
    after). Raises TypeError for the wrong model, NotCanonical for values outside the profile, ValueError if
    the leaf grows past 65,535 bytes.
    """
    secrets = tuple(_salted(field, value) for field, value in sorted((content or {}).items()))
    digests = {field: b64(raw) for field, raw in (commit or {}).items()}
    digests |= {s.field: b64(hashlib.sha256(s.salt + s.body).digest()) for s in secrets}
    event = uuid7()
    envelope: dict[str, Any] = {
        "v": events.VERSION,
        "log": settings.LOG_ORIGIN,
        "id": str(event),
        "name": str(name),
        "at": stamp(chain.at),
        "writer": writer(),
        "case": {"id": chain.case, "seq": chain.seq + 1, "prev": b64(chain.head)},
        "change": None if change is None else {"from": _state(change[0]), "to": _state(change[1])},
        "actor": _actor(actor),
        "batch": None if batch is None else str(batch),
        "request": request,
        "data": events.check(name, data),
        "commit": digests,
    }
    leaf = encode(envelope)
    if len(leaf) > MAX_LEAF:
        raise ValueError(f"{name} of {chain.case} makes a leaf of {len(leaf)} bytes; {MAX_LEAF} are allowed")
    return Entry(event, leaf, leaf_hash(leaf), chain.case, chain.seq + 1, chain.at, secrets, str(name))


def leaf_hash(leaf: bytes) -> bytes:
    """RFC 6962, section 2.1: SHA-256(0x00 || leaf)."""
    return hashlib.sha256(b"\0" + leaf).digest()


def writer() -> str:
    """The role this process writes as; the database compares it with the login."""
    return "one" if getattr(settings, "ONE_ROLE", False) else str(settings.DATABASE_ROLE)


def _salted(field: str, value: str) -> Secret:
    return Secret(field, os.urandom(32), encode([field, unicodedata.normalize("NFC", value)]))


def _actor(actor: Actor) -> dict[str, str]:
    return {
        "kind": actor.kind,
        "ref": actor.ref,
        "role": actor.role,
        "auth": actor.auth,
        "session": actor.session,
    }


def _state(state: str | None) -> str | None:
    return None if state is None else str(state)
