"""Texts that lie sealed, and keyed hashes of whom they are about.

A sealed text is salt and body under an AES-256-GCM key of its own, and that key wrapped once for each reader:
0x01, a count, for each reader (key id, ephemeral X25519 key, wrapped key), a nonce, the ciphertext. Digests, votes and
leaves know nothing of it; whoever opens compares with the digest. docs/audit-log.md, "Sealing".
"""

import base64
import hashlib
import hmac
import json
import os
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.db import connection

PLAIN, SEALED = 0, 1
MAIL = "mail"
SALT = 32
MARK = b"\x01"  # how every sealed text begins
ENTRY = 96  # key id, ephemeral key, wrapped key and its tag
NO_SALT = bytes(SALT)  # stands in a sealed row's salt column


class CannotOpen(Exception):
    """The key is erased or not this process's, or the bytes are not what was sealed."""


class NoSpareKey(RuntimeError):
    """A text cannot be sealed, because no key is left to give to its subject."""


class Reader(NamedTuple):
    """Somebody to seal to."""

    id: UUID
    public: bytes


class Private(NamedTuple):
    """A private key, as it lies in a file: id and 32 bytes."""

    id: UUID
    raw: bytes

    @property
    def public(self) -> bytes:
        return X25519PrivateKey.from_private_bytes(self.raw).public_key().public_bytes_raw()


class Lying(NamedTuple):
    """The three columns in which a text lies."""

    salt: bytes
    scheme: int
    body: bytes


def is_on() -> bool:
    """Whether new texts are sealed."""
    return bool(settings.SEALING)


# Whom a text is about ------------------------------------------------------------------------------------------------


def lookup_of(kind: str, value: str) -> bytes | None:
    """The keyed hash under which a subject (`customer_id`, `8812`) is found; None where this process has no key.

    Of the kind `mail` only the address counts, in lower case: `Ada <ADA@example.org>` is `ada@example.org`.
    """
    plain = unicodedata.normalize("NFC", value).strip()
    if kind == MAIL:
        plain = (parseaddr(plain)[1] or plain).casefold()
    return keyed("subject", f"{kind}\0{plain}".encode())


def keyed(purpose: str, body: bytes) -> bytes | None:
    """A hash that only holders of the installation's subject secret can make or compare."""
    secret = settings.SUBJECT_SECRET
    return hmac.digest(secret.encode(), purpose.encode() + b"\0" + body, "sha256") if secret else None


def proposal_mark(type_name: str, dedup_key: str, body: bytes) -> bytes:
    """By which a repeated proposal is told from another one under the same key, where bytes lie sealed."""
    return keyed("proposal", f"{type_name}\0{dedup_key}\0".encode() + body) or NO_SALT


def person(ref: str) -> bytes:
    """The subject of what names a person. Pseudonyms are random, so their hash needs no key."""
    return hashlib.sha256(b"person " + ref.encode()).digest()


# Sealing -------------------------------------------------------------------------------------------------------------


@dataclass
class Sealer:
    """How the texts of one case are stored now: as they are, or sealed to the case's subject.

    `subject` is given where the case is just being born; else the database knows it.
    """

    case: str
    subject: bytes | None = None
    _readers: dict[bool, list[Reader]] = field(default_factory=dict)

    def lying(self, salt: bytes, body: bytes, *, to_agents: bool = False, mark: bytes = NO_SALT) -> Lying:
        """The row's columns. `to_agents`: a worker of the agents has to read it again. `mark`: see `proposal_mark`."""
        if not is_on():
            return Lying(salt, PLAIN, body)
        if to_agents not in self._readers:
            self._readers[to_agents] = readers(self.case, to_agents=to_agents, subject=self.subject)
        return Lying(mark, SEALED, seal(self._readers[to_agents], salt, body))

    def raw(self, body: bytes) -> bytes:
        """JSON for a column that has no salt beside it, and that agents read again. See `unsealed`."""
        return self.lying(NO_SALT, body, to_agents=True).body

    def text(self, words: str) -> str:
        """The same for a column of text. Nothing stays nothing, and no plain text begins like a sealed one."""
        words = words.lstrip(MARK.decode())
        if not words or not is_on():
            return words
        return MARK.decode() + base64.b64encode(self.raw(words.encode())).decode()


def readers(case: str, *, to_agents: bool = False, subject: bytes | None = None) -> list[Reader]:
    """Whom a text of this case is sealed to: its subject, and the agents where they have to read it again."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, public FROM audit.sealing_key(%s, %s)", [subject, case])
        found = [cursor.fetchone()]
        if to_agents:
            cursor.execute("SELECT id, public FROM audit.standing_key('group', %s)", [group("main")])
            found.append(cursor.fetchone())
    if found[0][0] is None:
        raise NoSpareKey("no key is left to seal to; run manage.py seal_keys, or start the keeper")
    return [Reader(key, bytes(public)) for key, public in found if key is not None]


def group(name: str) -> bytes:
    """How the key of a group of agents is found."""
    return hashlib.sha256(b"group " + name.encode()).digest()


def seal(to: Sequence[Reader], salt: bytes, body: bytes) -> bytes:
    key, nonce = os.urandom(32), os.urandom(12)
    entries = b"".join(wrap(reader, key) for reader in to)
    return MARK + bytes([len(to)]) + entries + nonce + AESGCM(key).encrypt(nonce, salt + body, entries)


def wrap(reader: Reader, secret: bytes) -> bytes:
    """32 secret bytes for one reader: id, ephemeral key, ciphertext."""
    mine = X25519PrivateKey.generate()
    ephemeral = mine.public_key().public_bytes_raw()
    shared = mine.exchange(X25519PublicKey.from_public_bytes(reader.public))
    return reader.id.bytes + ephemeral + AESGCM(_derived(shared, ephemeral, reader.public)).encrypt(NONCE, secret, None)


NONCE = bytes(12)  # each derived key is used once


def unwrap(private: Private, entry: bytes) -> bytes:
    ephemeral = entry[16:48]
    mine = X25519PrivateKey.from_private_bytes(private.raw)
    shared = mine.exchange(X25519PublicKey.from_public_bytes(ephemeral))
    return AESGCM(_derived(shared, ephemeral, private.public)).decrypt(NONCE, entry[48:ENTRY], None)


def _derived(shared: bytes, ephemeral: bytes, public: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=b"assentry seal 1" + ephemeral + public).derive(shared)


# Opening -------------------------------------------------------------------------------------------------------------


def opened(lies: Lying, digest: bytes | None = None) -> tuple[bytes, bytes]:
    """Salt and body, compared with the digest that was committed to. CannotOpen where they cannot be had."""
    salt, body = (lies.salt, lies.body) if lies.scheme == PLAIN else _unsealed(lies.body)
    if digest is not None and hashlib.sha256(salt + body).digest() != digest:
        raise CannotOpen("what was sealed is not what was committed to")
    return salt, body


def plain(
    salt: bytes | memoryview, scheme: int, body: bytes | memoryview, digest: bytes | memoryview | None = None
) -> bytes | None:
    """The body of a row, opened and compared; None where it cannot be had any more."""
    try:
        return opened(Lying(bytes(salt), scheme, bytes(body)), None if digest is None else bytes(digest))[1]
    except CannotOpen:
        return None


def unsealed(raw: bytes) -> bytes:
    """What has no columns to say how it lies: JSON as it is, or a sealed text, which no JSON begins like."""
    return opened(Lying(NO_SALT, SEALED, raw))[1] if raw[:1] == MARK else raw


def is_sealed_text(words: str) -> bool:
    return words[:1] == MARK.decode()


def unsealed_text(words: str) -> str:
    """A column of text that `Sealer.text` wrote, or that the database gave on as base64. Raises CannotOpen."""
    if not is_sealed_text(words):
        return words
    try:
        return unsealed(base64.b64decode(words[1:])).decode()
    except ValueError as error:
        raise CannotOpen("it is no sealed text") from error


def text_or(closed: str, words: str) -> str:
    """The same for a page: `closed` stands for what cannot be opened."""
    try:
        return unsealed_text(words)
    except CannotOpen:
        return closed


def value(lies: Lying) -> str | None:
    """The value of an event's field, from its canonical [field, value]; None where it cannot be opened."""
    try:
        return str(json.loads(opened(lies)[1])[1])
    except CannotOpen:
        return None


def _unsealed(blob: bytes) -> tuple[bytes, bytes]:
    try:
        head = 2 + ENTRY * blob[1]
        entries, nonce, hidden = blob[2:head], blob[head : head + 12], blob[head + 12 :]
        text = AESGCM(_row_key(entries)).decrypt(nonce, hidden, entries)
    except (InvalidTag, ValueError, IndexError) as error:
        raise CannotOpen("its key does not open it") from error
    return text[:SALT], text[SALT:]


def _row_key(entries: bytes) -> bytes:
    found = [entries[at : at + ENTRY] for at in range(0, len(entries), ENTRY)]
    own = own_key()
    for entry in found:
        if own is not None and entry[:16] == own.id.bytes:
            return unwrap(own, entry)
    return _by_subject(found)


def _by_subject(entries: Sequence[bytes]) -> bytes:
    masters = {key.id: key for key in master_keys()}
    if not masters:
        raise CannotOpen("this process holds no key that opens it")
    ids = [UUID(bytes=entry[:16]) for entry in entries]
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, wrapped FROM audit.opening_keys(%s)", [ids])
        wrapped = {key: bytes(half) for key, half in cursor.fetchall()}
    for key, entry in zip(ids, entries, strict=True):
        if key in wrapped:
            master = masters.get(UUID(bytes=wrapped[key][:16]))
            if master is None:
                raise CannotOpen("its subject's key is sealed to another master key")
            return unwrap(Private(key, unwrap(master, wrapped[key])), entry)
    raise CannotOpen("its subject's key was erased")


# Keys in files -------------------------------------------------------------------------------------------------------


KEYLESS = {"agent", "sequencer", "auditor"}


def master_keys() -> list[Private]:
    """What opens subjects' keys, in the secrets of web, router and executor: the present one, and one that follows."""
    if settings.DATABASE_ROLE in KEYLESS:
        return []
    return [key for key in (read_key("seal.key"), read_key("seal.key.next")) if key is not None]


def newest_master() -> Private | None:
    """What new keys of subjects are sealed to."""
    return next(reversed(master_keys()), None)


def own_key() -> Private | None:
    """An agent process's own."""
    return read_key("seal-agent.key") if settings.DATABASE_ROLE == "agent" else None


def read_key(name: str) -> Private | None:
    try:
        key, raw = (Path(settings.SECRETS_DIR) / name).read_text(encoding="ascii").split()
        return Private(UUID(key), bytes.fromhex(raw))
    except (OSError, ValueError):
        return None
