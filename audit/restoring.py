"""After a restore that lost events: what the old log's folder tells of them; erasing again what they erased."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from audit import events, queries
from audit.entries import Actor, leaf_hash
from audit.erasable import Wanted, cases_of, texts_of
from audit.publish import read_anchor
from audit.services import ErasureRefused, erase, erase_keys, fresh, prepare, record, uuid7
from audit.tiles import WIDTH, tile_path
from audit.tree import root_of

WHO = Actor("system", "after_restore")


class NotRestored(RuntimeError):
    """There is nothing to make good, or the folder cannot say what was lost."""


@dataclass(frozen=True)
class Lost:
    """Events that the old log published and this database does not have, oldest first."""

    restored: int
    size: int
    leaves: list[dict[str, Any]]

    def cases(self) -> dict[str, list[dict[str, Any]]]:
        found: dict[str, list[dict[str, Any]]] = {}
        for leaf in self.leaves:
            found.setdefault(leaf["case"]["id"], []).append(leaf)
        return found


def lost_events(folder: Path) -> Lost:
    """Read from the folder's entry bundles and compared with its signed root, so that nobody can slip one in."""
    restored = _reopened_at()
    old = read_anchor(folder, queries.vkeys())
    if old is None:
        raise NotRestored(f"{folder} holds no checkpoint")
    if old.size <= restored:
        raise NotRestored(f"nothing was lost: {folder} has {old.size} entries, {restored} were restored")
    leaves = list(_entries(folder, restored, old.size))
    hashes = [leaf_hash(leaf) if leaf else _pruned(folder, restored + at, old.size) for at, leaf in enumerate(leaves)]
    if root_of([*queries.leaf_hashes(0, restored), *hashes]) != old.root:
        raise NotRestored(f"the entries in {folder} are not those that its checkpoint signs")
    return Lost(restored, old.size, [json.loads(leaf) for leaf in leaves if leaf])


def _reopened_at() -> int:
    """How many entries of the old log the new one began with, as its own first event says."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT convert_from(leaf, 'UTF8')::jsonb -> 'data' FROM audit.event_web"
            " WHERE name = 'log.created' AND case_id = %s", [f"log:{settings.LOG_ORIGIN}"],
        )  # fmt: skip
        row = cursor.fetchone()
    data = json.loads(row[0]) if row else {}
    if data.get("restored_size") is None:
        raise NotRestored("open the new log first: manage.py log_reopen OLD_FOLDER --reason …")
    return int(data["restored_size"])


def _entries(folder: Path, start: int, stop: int) -> Iterator[bytes]:
    for bundle in range(start // WIDTH, -(-stop // WIDTH)):
        for place, leaf in enumerate(_bundle(folder, bundle, min(WIDTH, stop - bundle * WIDTH))):
            if start <= bundle * WIDTH + place < stop:
                yield leaf


def _pruned(folder: Path, index: int, size: int) -> bytes:
    """The hash of an entry that was pruned from the folder too, from its tile; compared with the signed root."""
    tile, place = divmod(index, WIDTH)
    path = folder / tile_path(0, tile, min(WIDTH, size - tile * WIDTH))
    try:
        return path.read_bytes()[32 * place : 32 * place + 32]
    except OSError as error:
        raise NotRestored(f"the folder lacks the tile of entry {index}: {error}") from error


def _bundle(folder: Path, index: int, width: int) -> Iterator[bytes]:
    try:
        raw = (folder / tile_path("entries", index, width)).read_bytes()
    except OSError as error:
        raise NotRestored(f"the folder lacks entries from {index * WIDTH} on: {error}") from error
    at = 0
    while at + 2 <= len(raw):
        size = int.from_bytes(raw[at : at + 2])
        yield raw[at + 2 : at + 2 + size]
        at += 2 + size


@dataclass(frozen=True)
class Again:
    """What was erased once more, and what could not be: (event, field, why)."""

    erased: int
    left: list[tuple[str, str, str]]


def erase_again(lost: Lost) -> Again:
    """Everything that a lost `privacy.erased` names and that the backup brought back."""
    told = [leaf for leaf in lost.leaves if leaf["name"] == events.EventName.PRIVACY_ERASED]
    done, left = 0, []
    for leaf in told:
        for slot in leaf["data"]["entries"]:
            why = _erase_again(UUID(slot["event"]), slot["field"], leaf)
            done += why is None
            if why:
                left.append((slot["event"], slot["field"], why))
    _erase_keys({slot["event"] for leaf in told for slot in leaf["data"]["entries"]})
    if not left:
        _erase_named(lost)
    return Again(done, left)


def _erase_again(event: UUID, name: str, leaf: dict[str, Any]) -> str | None:
    """None: it is gone now. Empty: it did not come back. Else why it stays."""
    if not _is_here(event, name):
        return ""
    try:
        erase(
            entries=[(event, name)], basis=leaf["data"]["basis"], authoriser=WHO,
            reason=f"erased before by event {leaf['id']}, and brought back by a restore",
        )  # fmt: skip
    except ErasureRefused as refusal:
        return str(refusal)
    return None


def _is_here(event: UUID, name: str) -> bool:
    found = texts_of(_cases([str(event)]))
    return any(slot.event == event and slot.field == name for case in found for slot in case.slots)


def _cases(found: list[str]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT case_id FROM audit.event_web WHERE id = ANY (%s::uuid[])", [found])
        return [case for (case,) in cursor.fetchall()]


@transaction.atomic
def _erase_keys(found: set[str]) -> None:
    """A subject of whom nothing is left has no key either; the backup brought that back as well."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT lookup FROM audit.subject WHERE case_id = ANY (%s)", [_cases(sorted(found))])
        for (lookup,) in cursor.fetchall():
            left = [
                slot for case in texts_of(cases_of(Wanted(subject=bytes(lookup))).names) for slot in case.slots
                if slot.field != "identity"
            ]  # fmt: skip
            if not left:
                _drop_key(bytes(lookup))


@transaction.atomic
def _erase_named(lost: Lost) -> None:
    """The keys that a lost event names, where the backup has them in use: of runs, say, which are nobody else's."""
    name = events.EventName.PRIVACY_KEYS_ERASED
    keys = [key for leaf in lost.leaves if leaf["name"] == name for key in leaf["data"]["keys"]]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT lookup FROM audit.seal_key WHERE kind = 'subject' AND lookup IS NOT NULL AND id = ANY (%s::uuid[])",
            [keys],
        )
        for (lookup,) in cursor.fetchall():
            _drop_key(bytes(lookup))


def _drop_key(lookup: bytes) -> None:
    """With an event of its own, which names no text: no key goes without one."""
    data = events.PrivacyErased(entries=[], basis="restored", authoriser=WHO.ref)
    entry = prepare(
        name=events.EventName.PRIVACY_ERASED, data=data, chain=fresh(f"erasure:{uuid7()}"), actor=WHO
    )  # fmt: skip
    record([entry])
    erase_keys([lookup], told=entry, authoriser=WHO)
