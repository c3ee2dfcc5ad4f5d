"""A small witness for logs like ours (C2SP tlog-witness), to run somewhere else: `python -m audit.witness --help`.

It keeps, for each log it knows, the last checkpoint it cosigned. It cosigns the next one only if the log signed it
and a proof shows that nothing before was changed. It needs `cryptography` and three files of this folder:
witness.py, notes.py and tree.py. A witness whose state is lost must not go on under its old key.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.notes import DASH, BadNote, Checkpoint, cosigned_message, key_id, open_checkpoint, read_vkey, verifier_key
from audit.tree import BadProof, check_consistency

COSIGNATURE = b"\x04"
LARGEST = 65_536
MOST_STEPS = 63
MOST_FORKS = 100


class Refusal(Exception):
    """Why a checkpoint is not cosigned: an HTTP status, a sentence, and for 409 the size last cosigned."""

    def __init__(self, status: int, text: str, size: int | None = None) -> None:
        super().__init__(text)
        self.status, self.size = status, size


@dataclass(frozen=True)
class Cosigner:
    """The witness's own key."""

    name: str
    seed: bytes

    @property
    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @property
    def public(self) -> bytes:
        return self._key.public_key().public_bytes_raw()

    @property
    def vkey(self) -> str:
        return verifier_key(self.name, self.public, COSIGNATURE)

    def line(self, body: str, moment: int) -> str:
        raw = moment.to_bytes(8) + self._key.sign(cosigned_message(body, moment))
        blob = base64.b64encode(key_id(self.name, self.public, COSIGNATURE) + raw).decode()
        return f"{DASH}{self.name} {blob}\n"


class Submission(NamedTuple):
    """An add-checkpoint request: the size the log believes we saw, a consistency proof, a checkpoint."""

    old: int
    proof: list[bytes]
    note: str


def read_submission(raw: bytes) -> Submission:
    """Raises Refusal 400."""
    try:
        head, _, note = raw.decode().partition("\n\n")
        first, *steps = head.split("\n")
        word, old = first.split(" ")
        proof = [base64.b64decode(step, validate=True) for step in steps]
    except ValueError:
        raise Refusal(400, "not an add-checkpoint request") from None
    known = word == "old" and old.isdecimal() and len(old) < 19 and str(int(old)) == old
    if not known or len(proof) > MOST_STEPS or any(len(step) != 32 for step in proof):
        raise Refusal(400, "not an add-checkpoint request")
    return Submission(int(old), proof, note)


class Witness:
    """The last checkpoint of each log, in one file that is replaced whole before an answer leaves."""

    def __init__(self, folder: Path, logs: Sequence[str]) -> None:
        self.folder = folder
        self.vkeys: dict[str, list[str]] = {}
        for vkey in logs:
            self.vkeys.setdefault(read_vkey(vkey, 1).name, []).append(vkey)
        self.cosigner = Cosigner(**_read_key(folder / "key.json"))
        self.seen: dict[str, dict[str, Any]] = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        self.lock = threading.Lock()

    def add(self, raw: bytes) -> str:
        """The cosignature line for a checkpoint that goes on from the last one. Raises Refusal."""
        given = read_submission(raw)
        origin = given.note.partition("\n")[0]
        if origin not in self.vkeys:
            raise Refusal(404, "this witness does not know that log")
        try:
            found = open_checkpoint(given.note, self.vkeys[origin])
        except BadNote as error:
            raise Refusal(403, str(error)) from None
        with self.lock:
            self._demand_consistent(given, found)
            self._keep(given.note, found)
        return self.cosigner.line(given.note.partition("\n\n")[0] + "\n", int(time.time()))

    def _demand_consistent(self, given: Submission, found: Checkpoint) -> None:
        last = self.seen.get(found.origin, {"size": 0, "root": ""})
        size, root = int(last["size"]), base64.b64decode(last["root"])
        if given.old > found.size:
            raise Refusal(400, "the old size is larger than the checkpoint's")
        if given.old != size:
            raise Refusal(409, f"{size}\n", size)
        if size == found.size and size and root != found.root:
            self._remember_fork(given)
            raise Refusal(409, "this size was cosigned with another root")
        if size == 0 and given.proof:
            raise Refusal(422, "nothing was seen before, so there is nothing to prove")
        try:
            if size:
                check_consistency(given.proof, size, found.size, root, found.root)
        except BadProof as error:
            self._remember_fork(given)
            raise Refusal(422, str(error)) from None

    def _keep(self, note: str, found: Checkpoint) -> None:
        entry = {"size": found.size, "root": base64.b64encode(found.root).decode(), "note": note}
        later = self.seen | {found.origin: entry}
        _replace(self.folder / "state.json", json.dumps(later, indent=1))
        self.seen = later

    def _remember_fork(self, given: Submission) -> None:
        """A checkpoint with the log's own signature that contradicts what was cosigned: evidence."""
        forks = self.folder / "forks"
        forks.mkdir(exist_ok=True)
        if len(list(forks.iterdir())) < MOST_FORKS:
            _replace(forks / f"{time.time_ns()}.txt", given.note)


def _read_key(path: Path) -> dict[str, Any]:
    told = json.loads(path.read_text(encoding="utf-8"))
    return {"name": str(told["name"]), "seed": base64.b64decode(told["seed"], validate=True)}


def _replace(path: Path, text: str) -> None:
    """The old file or the new one, whatever happens; on the disk before this returns."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def make(folder: Path, name: str) -> Cosigner:
    """A new witness: its key and an empty memory. Raises FileExistsError."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if (folder / "key.json").exists():
        raise FileExistsError(f"{folder} holds a witness already")
    cosigner = Cosigner(name, Ed25519PrivateKey.generate().private_bytes_raw())
    _replace(folder / "state.json", "{}")
    _replace(folder / "key.json", json.dumps({"name": name, "seed": base64.b64encode(cosigner.seed).decode()}))
    return cosigner


class Handler(BaseHTTPRequestHandler):
    """POST …/add-checkpoint; GET …/checkpoint/<origin> gives the last one cosigned."""

    witness: Witness
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "assentry-witness", ""
    timeout = 15

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not self.path.endswith("/add-checkpoint"):
            return self._answer(404, "there is no such page\n")
        if not length.isdecimal() or len(length) > 9 or int(length) > LARGEST:
            self.close_connection = True
            return self._answer(413, "a checkpoint is smaller than that\n")
        try:
            self._answer(200, self.witness.add(self.rfile.read(int(length))))
        except Refusal as refusal:
            kind = "text/plain; charset=utf-8" if refusal.size is None else "text/x.tlog.size"
            self._answer(refusal.status, f"{str(refusal).strip()}\n", kind)

    def do_GET(self) -> None:
        found = self.witness.seen.get(self.path.partition("/checkpoint/")[2])
        self._answer(200, str(found["note"])) if found else self._answer(404, "nothing was cosigned of that log\n")

    def _answer(self, status: int, text: str, kind: str = "text/plain; charset=utf-8") -> None:
        raw = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)


def server(witness: Witness, host: str, port: int) -> ThreadingHTTPServer:
    """Ready to serve; port 0 takes any free one."""
    handler = type("BoundHandler", (Handler,), {"witness": witness})
    return ThreadingHTTPServer((host, port), handler)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="audit.witness", description="Cosigns checkpoints of audit logs.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    new = verbs.add_parser("init", help="make a witness: its key, and an empty memory")
    new.add_argument("folder", type=Path)
    new.add_argument("--name", required=True, help="host/path without a scheme, such as witness.example.org/w1")
    run = verbs.add_parser("serve", help="answer add-checkpoint until stopped")
    run.add_argument("folder", type=Path)
    run.add_argument("--log", type=Path, required=True, help="file with the logs' verifier keys, one a line")
    run.add_argument("--listen", default="127.0.0.1:8300", help="address and port (default 127.0.0.1:8300)")
    given = parser.parse_args(argv)
    try:
        return _init(given) if given.verb == "init" else _serve(given)
    except (OSError, ValueError, KeyError) as error:
        sys.stderr.write(f"witness: {error}\n")
        return 2


def _init(given: argparse.Namespace) -> int:
    sys.stdout.write(f"{make(given.folder, given.name).vkey}\n")
    return 0


def _serve(given: argparse.Namespace) -> int:
    keys = [line.strip() for line in given.log.read_text(encoding="utf-8").splitlines() if line.strip()]
    witness = Witness(given.folder, keys)
    host, _, port = given.listen.rpartition(":")
    with server(witness, host.strip("[]"), int(port)) as web:
        sys.stdout.write(f"{witness.cosigner.vkey}\nanswers on {given.listen}\n")
        sys.stdout.flush()
        try:
            web.serve_forever()
        except KeyboardInterrupt:
            return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
