"""Writes an export: what an outsider needs to check the log with `verify.py`, from one consistent read.

Layout and line formats: docs/audit-log.md.
"""

import hashlib
import json
import shutil
from base64 import b64encode
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from audit import queries, registry, seal, verify
from audit.canonical import b64, encode, stamp, unb64
from audit.dossier import dossier
from audit.keeping import is_lawful
from audit.notes import note, proof_text
from audit.tiles import TileWriter
from audit.tree import inclusion
from audit.trust import policy_text, write_readme, write_timestamps

Progress = Callable[[int, int], None]
CHUNK = 2_000


GROUPS = {"text": "message", "message": "message", "evidence": "evidence", "payload": "payload", "identity": "identity"}


def group_of(field: str) -> str:
    """The kind of text that a committed field is, as the export page offers it."""
    return GROUPS.get(field.partition("_")[0], "reason")


FILES = (
    "events.jsonl", "checkpoints.jsonl", "content.jsonl", "business.jsonl", "policy", "verify.py", "dossier.html",
)  # fmt: skip
MOST_DOSSIERS = 20


class ExportFailed(RuntimeError):
    """The export cannot be made; the message says why."""


@dataclass
class Request:
    """What to export. `cases` None: everything. `fields` None: open every text; a list: only these kinds of text."""

    cases: Collection[str] | None = None
    fields: Collection[str] | None = None
    filters: dict[str, Any] = field(default_factory=dict)


def export(folder: Path, request: Request | None = None, progress: Progress | None = None) -> dict[str, Any]:
    """Fill an empty or new folder; returns the manifest. Raises ExportFailed if something is there already."""
    if folder.exists() and any(folder.iterdir()):
        raise ExportFailed(f"{folder} is not empty")
    folder.mkdir(parents=True, exist_ok=True)
    with one_read():
        writer = _Writer(folder, request or Request(), progress or (lambda done, total: None))
        writer.write()
    return writer.seal()


@contextmanager
def one_read() -> Iterator[None]:
    """One snapshot for everything inside; nothing inside can write."""
    if connection.in_atomic_block:  # a test's own transaction
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute("SET LOCAL statement_timeout = 0")  # a large log takes longer than a page may
        yield


class _Writer:
    def __init__(self, folder: Path, request: Request, progress: Progress) -> None:
        self.folder = folder
        self.request = request
        self.progress = progress
        self.status = queries.log_status()
        self.promised: list[tuple[str, str]] = []
        self.erased: dict[tuple[str, str], str] = {}
        self.events = 0

    def write(self) -> None:
        checkpoints = self._checkpoints()
        with (self.folder / "events.jsonl").open("wb") as file:
            if self.request.cases is None:
                self._all_events(file)
            else:
                self._case_events(file, checkpoints)
        self._lines("content.jsonl", self._content())
        self._lines("business.jsonl", self._business())
        if self.request.cases is not None and len(self.request.cases) <= MOST_DOSSIERS:
            told = dossier(
                sorted(self.request.cases),
                self.request.filters,
                self.status.now,
                self.status.signed_size,
                self._may_open,
            )
            (self.folder / "dossier.html").write_text(told, encoding="utf-8")
        (self.folder / "policy").write_text(policy_text(), encoding="utf-8")
        write_timestamps(self.folder)
        shutil.copyfile(verify.__file__, self.folder / "verify.py")

    def seal(self) -> dict[str, Any]:
        """The manifest, with the digests of the files it was written after."""
        names = [name for name in FILES if (self.folder / name).is_file()]
        manifest = {
            "version": 1,
            "time": stamp(self.status.now),
            "origin": settings.LOG_ORIGIN,
            "size": self.status.signed_size,
            "min_index": self.status.min_index,
            "events": self.events,
            "cases": None if self.request.cases is None else sorted(self.request.cases),
            "filters": self.request.filters,
            "projections": sorted(registry.projections()),
            "oldest_unsequenced": None if self.status.oldest is None else stamp(self.status.oldest),
            "files": {name: _digest(self.folder / name) for name in names},
        }
        text = json.dumps(manifest, indent=1, sort_keys=True, ensure_ascii=False)
        (self.folder / "manifest.json").write_text(text + "\n", encoding="utf-8")
        write_readme(self.folder, settings.LOG_ORIGIN, stamp(self.status.now))
        return manifest

    def _checkpoints(self) -> list[str]:
        sql = "SELECT size, body, signature FROM audit.checkpoint WHERE signature IS NOT NULL"
        if self.request.cases is not None:
            sql += " ORDER BY size DESC LIMIT 1"
        else:
            sql += " ORDER BY size"
        witnessed = queries.cosignatures(0)
        notes = [note(body, signature + "".join(witnessed.get(size, ()))) for size, body, signature in _rows(sql)]
        self._lines("checkpoints.jsonl", (json.dumps(text, ensure_ascii=False).encode() for text in notes))
        return notes

    def _all_events(self, file: IO[bytes]) -> None:
        tiles = TileWriter(self.folder, entries=False)
        for (leaf_hash,) in _rows(queries.HASHES, self.status.signed_size):
            tiles.add(bytes(leaf_hash))
        tiles.partials()
        for sql in (queries.LEAVES, queries.WAITING):
            for leaf, leaf_hash in _rows(sql):
                self._event(file, line_of(leaf, leaf_hash))

    def _case_events(self, file: IO[bytes], checkpoints: Sequence[str]) -> None:
        if not checkpoints:
            raise ExportFailed("nothing is signed yet; the sequencer has not run")
        node = queries.nodes(self.status.signed_size)
        for index, line in self._case_lines():
            path = inclusion(node, index, self.status.signed_size)
            proof = self.folder / "proofs" / f"{self.events:06d}.tlog-proof"
            proof.parent.mkdir(exist_ok=True)
            proof.write_text(proof_text(index, path, checkpoints[0]), encoding="utf-8")
            self._event(file, line)

    def _case_lines(self) -> Iterator[tuple[int, bytes]]:
        """Each event with its index; where the one before it, or a case's end, is pruned, what is left of that.

        Where more is gone than was ordered nothing is said of it, and the verifier finds the gap.
        """
        ends: dict[str, int] = {}
        cases, lawful = sorted(self.request.cases or ()), self.status.min_index > 0 and is_lawful()
        for index, leaf in queries.case_leaves(cases, self.status.signed_size):
            before = _hash_before(leaf, ends) if lawful else None
            if before is not None and (gone := queries.index_of(before)) is not None:
                yield gone, line_of(None, before)
            yield index, leaf
        for case, seq, end in queries.pruned_ends(cases) if lawful else ():
            if seq > ends.get(case, 0) and (gone := queries.index_of(end)) is not None:
                yield gone, line_of(None, end)

    def _event(self, file: IO[bytes], leaf: bytes) -> None:
        file.write(leaf + b"\n")
        self.events += 1
        start = leaf.find(b'"commit":{') + 9
        if leaf[start : start + 2] != b"{}" or b'"privacy.erased"' in leaf:
            self._remember(leaf)
        if self.events % CHUNK == 0:
            self.progress(self.events, self.status.size)

    def _remember(self, leaf: bytes) -> None:
        try:
            event = json.loads(leaf)
            self.promised.extend((event["id"], name) for name in event["commit"])
            if event["name"] == "privacy.erased":
                self.erased |= {(e["event"], e["field"]): event["id"] for e in event["data"]["entries"]}
        except (ValueError, KeyError, TypeError, AttributeError):
            return  # a damaged entry: the verifier says so

    def _content(self) -> Iterator[bytes]:
        """A line for each committed text: open, withheld or erased. A text that is just gone has none."""
        waiting = set(self.promised)
        for text in self._texts():
            slot = (str(text.event), text.field)
            if slot in waiting:
                waiting.discard(slot)
                yield encode({"event": slot[0], "field": slot[1]} | self._told(text))
        for slot in self.promised:
            if slot in waiting and slot in self.erased:
                yield encode({"event": slot[0], "field": slot[1], "state": "erased", "by": self.erased[slot]})

    def _told(self, text: registry.Text) -> dict[str, Any]:
        if text.body is None or not self._may_open(text.field):
            return {"state": "withheld"}
        return {"state": "open", "salt": b64(text.salt), "body": b64(text.body)}

    def _may_open(self, name: str) -> bool:
        return self.request.fields is None or group_of(name) in self.request.fields

    def _texts(self) -> Iterator[registry.Text]:
        sql = "SELECT event_id, field, salt, scheme, body FROM audit.content"
        for event, name, salt, scheme, body in _rows(sql):
            yield _text(event, name, seal.Lying(bytes(salt), scheme, bytes(body)))
        for source in registry.texts().values():
            yield from source(self.request.cases)

    def _business(self) -> Iterator[bytes]:
        for lines in registry.projections().values():
            yield from (encode(line) for line in lines(self.request.cases))

    def _lines(self, name: str, lines: Iterable[bytes]) -> None:
        with (self.folder / name).open("wb") as file:
            for line in lines:
                file.write(line + b"\n")


def _hash_before(leaf: bytes, ends: dict[str, int]) -> bytes | None:
    """The hash that this event follows, where that event is not here. `ends`: the last number of each case."""
    try:
        chain = json.loads(leaf)["case"]
        follows = chain["seq"] == ends.get(chain["id"], 0) + 1
        ends[chain["id"]] = chain["seq"]
        return None if follows else unb64(chain["prev"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return None  # a damaged entry: the verifier says so


def line_of(leaf: bytes | None, leaf_hash: bytes) -> bytes:
    """An entry as exports write it: its bytes, or what is left of it after it was pruned."""
    return encode({"pruned": b64encode(leaf_hash).decode()}) if leaf is None else bytes(leaf)


def _text(event: UUID, name: str, lies: seal.Lying) -> registry.Text:
    """A text of the record's own, opened where this process may."""
    try:
        return registry.Text(event, name, *seal.opened(lies))
    except seal.CannotOpen:
        return registry.Text(event, name, b"", None)


def _rows(sql: str, *values: int) -> Iterator[tuple[Any, ...]]:
    """Rows of a large answer, a chunk at a time, from a cursor on the server."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, values)
        while rows := cursor.fetchmany(CHUNK):
            yield from rows


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
