"""Gives committed events their place in the Merkle tree, signs the tree's heads and publishes them.

One transaction a batch: lock the head, drain `pending`, copy the leaves, move the head, insert the checkpoint's
body. The signature comes only after COMMIT returned, or one size could get two histories.
"""

import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from audit import events, leading, services
from audit.forgetting import Forgetting
from audit.notes import BadNote, Checkpoint, MlDsaSigner, Signer, checkpoint_body, note
from audit.publish import Publication, read_anchor
from audit.tiles import WIDTH
from audit.tree import Frontier

logger = logging.getLogger(__name__)

BATCH = 5_000
RETRY_AFTER = 10.0
PENDING = """
    DELETE FROM audit.pending WHERE n IN (SELECT n FROM audit.pending ORDER BY n LIMIT %s) RETURNING n, leaf_hash
"""


class Refused(RuntimeError):
    """The database is not the one the anchor speaks of. Nothing may be signed."""


Elsewhere = Callable[[], Iterator[tuple[str, Checkpoint]]]
"""Where copies outside can be read back: the newest checkpoint of each place that answers, with the place's name."""


def nowhere() -> Iterator[tuple[str, Checkpoint]]:
    return iter(())


class Sequencer:
    """One process among any number of candidates; the advisory lock makes one the leader."""

    def __init__(
        self,
        signer: Signer,
        folder: Path,
        poll: float = 0.1,
        *,
        retiring: Signer | None = None,
        second: MlDsaSigner | None = None,
        elsewhere: Elsewhere = nowhere,
    ) -> None:
        """`retiring`: the key before this one, which signs along until the log itself names its successor.

        `second`: an ML-DSA-44 key that adds a line of its own, which whoever does not know it ignores.
        """
        self.signer = signer
        self.folder = folder
        self.poll = poll
        self.retiring = retiring
        self.second = second
        self.elsewhere = elsewhere
        self.frontier = Frontier()
        self.roots: dict[int, bytes] = {}
        self.publication: Publication | None = None
        self.shown = 0
        self.retry_at = 0.0
        self.forgetting = Forgetting()

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set. A lost connection costs the leadership; the guard runs again before the next batch."""
        leading.serve(
            "sequencer", lead=self.lead, term=lambda: self._serve(stop), stop=stop, every=self.poll * 5, lost=self._lost
        )

    def _lost(self) -> None:
        self.publication = None

    def _serve(self, stop: threading.Event) -> None:
        self.prepare()
        while not stop.is_set():
            if self.round() == 0:
                stop.wait(self.poll)

    def lead(self) -> bool:
        """Try to become the leader. The lock lives as long as the connection."""
        with connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = on")
        return leading.lead(leading.SEQUENCER)

    def prepare(self) -> None:
        """What every new leader does first: guard, sign what a crash left unsigned, say what is in force."""
        anchor = self.guard()
        self.sign()
        self._open_folder(anchor.size if anchor else 0)
        self.publish()
        self.announce()
        self.retire()

    def guard(self) -> Checkpoint | None:
        """Rebuild the tree and compare it with the newest anchor and with the head.

        Raises Refused if the database is smaller than the anchor or has another root there: it was restored
        or changed, and a signature now would give one size two histories.
        """
        if _said(events.EventName.LOG_KEY_RETIRED, f"log:{settings.LOG_ORIGIN}", vkey=self.signer.vkey):
            raise Refused("the key of this process is retired; give it the new one and start it again")
        anchor = self._anchor()
        copies = [*self.elsewhere(), *([("the anchor", anchor)] if anchor else [])]
        size, packed = _head()
        for place, copy in copies:
            if size < copy.size:
                raise Refused(
                    f"the database ends at {size} leaves, {place} says {copy.size}: it was restored or cut. "
                    "Recover more of the write-ahead log; nothing is signed before."
                )
        self._rebuild(size, copies)
        if self.frontier.packed() != packed:
            raise Refused(f"the head does not follow from the {size} leaves below it: rows were changed")
        return anchor

    def _anchor(self) -> Checkpoint | None:
        try:
            anchor = read_anchor(self.folder, [signer.vkey for signer in self.signers])
        except BadNote as error:
            raise Refused(f"{error}. Restore the anchor folder, or open a new log.") from error
        if anchor is None:
            logger.warning("sequencer: there is no anchor in %s yet", self.folder)
        return anchor

    @property
    def signers(self) -> list[Signer]:
        return [self.signer] if self.retiring is None else [self.signer, self.retiring]

    def _rebuild(self, size: int, copies: Sequence[tuple[str, Checkpoint]]) -> None:
        wanted = _unsigned()
        seen = {(copy.size, copy.root): place for place, copy in copies}
        sizes = {at for at, _ in seen}
        self.frontier, self.roots = Frontier(), {}
        for leaf_hash in _hashes(size):
            self.frontier.append(leaf_hash)
            if self.frontier.size in wanted:
                self.roots[self.frontier.size] = self.frontier.root()
            if self.frontier.size in sizes:
                self._demand_roots(seen)

    def _demand_roots(self, seen: Mapping[tuple[int, bytes], str]) -> None:
        size, root = self.frontier.size, self.frontier.root()
        for (at, wanted), place in seen.items():
            if at == size and wanted != root:
                raise Refused(f"at {size} leaves the database has another root than {place}")

    def _open_folder(self, published: int) -> Publication:
        self.publication = Publication(self.folder, _since(published), published)
        self.shown = 0
        return self.publication

    def announce(self) -> None:
        """The log's own events: its birth, its key, one-role mode, test timings. Each once."""
        for name, data, once in self._standing():
            with transaction.atomic():
                chain = services.load_chain(f"log:{settings.LOG_ORIGIN}")
                if not _said(name, chain.case, **once):
                    self._say(name, data, chain)

    def _say(self, name: events.EventName, data: events.EventData, chain: services.Chain) -> None:
        actor = services.Actor("system", "sequencer")
        services.record([services.prepare(name=name, data=data, chain=chain, actor=actor)])

    def _standing(self) -> Iterator[tuple[events.EventName, events.EventData, dict[str, str]]]:
        """Name, data, and what of the data tells whether it was said before."""
        yield events.EventName.LOG_CREATED, events.LogCreated(origin=settings.LOG_ORIGIN), {}
        begins = 0 if self.retiring is None else _head()[0] + 1
        key = events.LogKey(vkey=self.signer.vkey, from_size=begins)
        yield events.EventName.LOG_KEY_ADDED, key, {"vkey": self.signer.vkey}
        if getattr(settings, "ONE_ROLE", False):
            yield events.EventName.LOG_ONE_ROLE, events.LogOneRole(), {}
        if settings.PROFILE != "normal":
            profile = events.LogJourneyProfile(profile=settings.PROFILE)
            yield events.EventName.LOG_JOURNEY_PROFILE, profile, {"profile": settings.PROFILE}

    def retire(self) -> None:
        """End the double signature once a checkpoint under both keys covers the event that names the new one."""
        if self.retiring is None or not (_covered(self.signer.vkey) and self._published_under_new_key()):
            return
        old, size = self.retiring, _newest_size()
        with transaction.atomic():
            chain = services.load_chain(f"log:{settings.LOG_ORIGIN}")
            if not _said(events.EventName.LOG_KEY_RETIRED, chain.case, vkey=old.vkey):
                data = events.LogKey(vkey=old.vkey, from_size=0, to_size=size)
                self._say(events.EventName.LOG_KEY_RETIRED, data, chain)
        self.retiring = None
        retiring_path(settings.LOG_KEY).unlink(missing_ok=True)
        logger.info("sequencer: the key %s signed up to %s and is gone", old.vkey, size)

    def _published_under_new_key(self) -> bool:
        """The guard at the next start knows the new key alone, so the folder must not be behind it."""
        try:
            return read_anchor(self.folder, [self.signer.vkey]) is not None
        except BadNote:
            return False

    def round(self) -> int:
        """Drain what is waiting, sign, publish. The number of leaves placed."""
        placed = 0
        for _ in range(20):  # a full house is published at least every 100,000 leaves
            batch = self.step()
            placed += batch
            if batch:
                self.sign()
            if batch < BATCH:
                break
        self.publish()
        if placed:
            self.retire()
        return placed

    def step(self) -> int:
        """One batch, one transaction. The tree in memory moves only once the batch is committed."""
        with transaction.atomic():
            frontier = self._place()
        placed = frontier.size - self.frontier.size
        if placed:
            self.roots[frontier.size] = frontier.root()
            self.frontier = frontier
        return placed

    def _place(self) -> Frontier:
        frontier = Frontier(self.frontier.size, self.frontier.packed())
        with connection.cursor() as cursor:
            cursor.execute("SELECT EXISTS (SELECT FROM audit.pending)")
            if not cursor.fetchone()[0]:
                return frontier
            cursor.execute("SELECT size, frontier FROM audit.head FOR UPDATE")
            if cursor.fetchone() != (frontier.size, frontier.packed()):
                raise Refused("the head moved without this process, which is the leader")
            cursor.execute(PENDING, [BATCH])
            batch = sorted((n, bytes(leaf_hash)) for n, leaf_hash in cursor.fetchall())
            if batch:
                _copy(cursor, frontier.size, batch)
                frontier.extend(leaf_hash for _, leaf_hash in batch)
                _move_head(cursor, frontier)
        return frontier

    def sign(self) -> None:
        """Sign every committed head that is not signed yet, if it is the root this process computed."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT size, body FROM audit.checkpoint WHERE signature IS NULL ORDER BY size")
            for size, body in cursor.fetchall():
                if not body.startswith(f"{settings.LOG_ORIGIN}\n"):
                    continue  # a head of the log before this one; its key is not here
                root = self.roots.pop(size, None)
                if root is None or body != checkpoint_body(settings.LOG_ORIGIN, size, root):
                    raise Refused(f"the checkpoint at {size} leaves is not what these leaves give")
                cursor.execute(
                    "UPDATE audit.checkpoint SET signature = %s WHERE size = %s AND signature IS NULL",
                    ["".join(signer.sign(body) for signer in self._all()), size],
                )

    def _all(self) -> list[Signer]:
        return self.signers if self.second is None else [*self.signers, self.second]

    def publish(self) -> None:
        """Bring the anchor folder up to the newest signed checkpoint. A failure is told, and blocks nothing."""
        newest = _newest()
        if newest is None or time.monotonic() < self.retry_at:
            return
        try:
            self._show(*newest)
        except OSError:
            logger.exception("sequencer: the anchor in %s cannot be written", self.folder)
            self.publication = None
            self.retry_at = time.monotonic() + RETRY_AFTER

    def _show(self, size: int, text: str, at: datetime) -> None:
        folder = self.publication or self._open_folder(0)
        folder.extend(_leaves(folder.tiles.size, size))
        if size > self.shown:
            folder.seal(text, at)
            self.shown = size
        else:
            folder.renew(text)
        self.forgetting.turn(self.folder, folder.tiles)


def _since(published: int) -> Iterator[tuple[bytes, bytes | None]]:
    """Every leaf hash, and the leaf itself from the last bundle boundary on."""
    whole = published // WIDTH * WIDTH
    yield from ((leaf_hash, None) for leaf_hash in _hashes(whole))
    yield from _leaves(whole, _head()[0])


def _said(name: events.EventName, case: str, **data: str) -> bool:
    """Whether the log's own case has this event, with at least this data."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM audit.event WHERE case_id = %s AND name = %s"
            " AND convert_from(leaf, 'UTF8')::jsonb -> 'data' @> %s::jsonb)",
            [case, str(name), json.dumps(data)],
        )
        said: bool = cursor.fetchone()[0]
    return said


def _covered(vkey: str) -> bool:
    """Whether the event that names this key lies under a signed checkpoint."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM audit.event e JOIN audit.leaf l USING (n) WHERE e.name = 'log.key_added'"
            " AND convert_from(e.leaf, 'UTF8')::jsonb #>> '{data,vkey}' = %s"
            " AND l.leaf_index < (SELECT max(size) FROM audit.checkpoint WHERE signature IS NOT NULL))",
            [vkey],
        )
        covered: bool = cursor.fetchone()[0]
    return covered


def retiring_path(key: Path) -> Path:
    """Where the key before this one lies while both sign."""
    return key.with_name(key.name + ".retiring")


def _copy(cursor: CursorWrapper, size: int, batch: list[tuple[int, bytes]]) -> None:
    raw = cursor.cursor  # psycopg's own: Django knows no COPY
    with (
        connection.wrap_database_errors,
        raw.copy("COPY audit.leaf (leaf_index, n, leaf_hash) FROM STDIN (FORMAT BINARY)") as copy,
    ):
        copy.set_types(["int8", "int8", "bytea"])
        for place, (n, leaf_hash) in enumerate(batch, start=size):
            copy.write_row((place, n, leaf_hash))


def _move_head(cursor: CursorWrapper, frontier: Frontier) -> None:
    root = frontier.root()
    cursor.execute("UPDATE audit.head SET size = %s, frontier = %s", [frontier.size, frontier.packed()])
    cursor.execute(
        "INSERT INTO audit.checkpoint (size, root, body) VALUES (%s, %s, %s)",
        [frontier.size, root, checkpoint_body(settings.LOG_ORIGIN, frontier.size, root)],
    )


def _head() -> tuple[int, bytes]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT size, frontier FROM audit.head")
        size, packed = cursor.fetchone()
    return size, bytes(packed)


def _unsigned() -> set[int]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT size FROM audit.checkpoint WHERE signature IS NULL")
        return {row[0] for row in cursor.fetchall()}


def _newest_size() -> int:
    newest = _newest()
    return 0 if newest is None else newest[0]


def _newest() -> tuple[int, str, datetime] | None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT size, body, signature, at FROM audit.checkpoint WHERE signature IS NOT NULL"
            " ORDER BY size DESC LIMIT 1"
        )
        row = cursor.fetchone()
    return None if row is None else (row[0], note(row[1], row[2]), row[3])


def _hashes(size: int) -> Iterator[bytes]:
    for start in range(0, size, 50_000):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT leaf_hash FROM audit.leaf WHERE leaf_index >= %s AND leaf_index < %s ORDER BY leaf_index",
                [start, min(start + 50_000, size)],
            )
            yield from (bytes(row[0]) for row in cursor.fetchall())


def _leaves(start: int, stop: int) -> Iterator[tuple[bytes, bytes]]:
    """Hash and bytes of each entry; a pruned one has no bytes any more, and an empty place in its bundle."""
    for first in range(start, stop, 5_000):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT l.leaf_hash, coalesce(e.leaf, '') FROM audit.leaf l LEFT JOIN audit.event e USING (n)"
                " WHERE l.leaf_index >= %s AND l.leaf_index < %s ORDER BY l.leaf_index",
                [first, min(first + 5_000, stop)],
            )
            yield from ((bytes(leaf_hash), bytes(leaf)) for leaf_hash, leaf in cursor.fetchall())
