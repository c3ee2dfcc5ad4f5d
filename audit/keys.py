"""The keys that texts are sealed to: made at the first start, topped up by the keeper, files for who may open."""

import os
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from django.db import connection, transaction

from audit import seal
from audit.ids import uuid7

SPARES, LOW = 2_000, 1_000
ADD = """
    INSERT INTO audit.seal_key (id, kind, lookup, public, wrapped)
    SELECT i, k, l, p, w FROM unnest(%s::uuid[], %s::text[], %s::bytea[], %s::bytea[], %s::bytea[]) AS t (i, k, l, p, w)
    ON CONFLICT DO NOTHING
"""
MASTER = seal.group("master")
FILES = (("seal.key", "master", MASTER), ("seal-agent.key", "group", seal.group("main")))

Row = tuple[UUID, str, bytes | None, bytes, bytes | None]


def make_keys(folder: Path) -> list[str]:
    """Makes the key files that are missing, and rows for them and for spare keys. Names of the files made."""
    made = []
    with transaction.atomic():
        for name, kind, lookup in FILES:
            key = seal.read_key(name)
            if key is None:
                _demand_new(name, lookup)
                key = seal.Private(uuid7(), os.urandom(32))
                write_key(folder / name, key)
                made.append(name)
            add([(key.id, kind, lookup, key.public, None)])
        refill()
    return made


def master_row(key: seal.Private) -> Row:
    """The public half of a master key."""
    return key.id, "master", MASTER, key.public, None


def _demand_new(name: str, lookup: bytes) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT EXISTS (SELECT FROM audit.seal_key WHERE lookup = %s)", [lookup])
        if cursor.fetchone()[0]:
            raise FileExistsError(f"the database knows a key of {name}, and the file is not here: bring it back")


def write_key(path: Path, key: seal.Private) -> None:
    """Readable by its owner alone, and never over another key."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{key.id} {key.raw.hex()}\n")


def refill() -> int:
    """Adds spare keys when few are left, each sealed to the master key. How many."""
    master = seal.newest_master()
    if master is None:
        return 0
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM audit.seal_key WHERE kind = 'subject' AND lookup IS NULL")
        spare = cursor.fetchone()[0]
    if spare >= LOW:
        return 0
    reader = seal.Reader(master.id, master.public)
    add([_spare(reader) for _ in range(SPARES - spare)])
    return int(SPARES - spare)


def _spare(master: seal.Reader) -> Row:
    raw = X25519PrivateKey.generate().private_bytes_raw()
    key = seal.Private(uuid7(), raw)
    return key.id, "subject", None, key.public, seal.wrap(master, raw)


def add(rows: Sequence[Row]) -> None:
    """Rows of keys; those that are there stay."""
    with connection.cursor() as cursor:
        cursor.execute(ADD, [list(column) for column in zip(*rows, strict=True)])
