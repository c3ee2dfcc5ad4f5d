"""Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint, tlog-proof) with Ed25519 keys."""

import base64
import binascii
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = b"\x01"
DASH = "\N{EM DASH} "


class BadNote(ValueError):
    """Text that is no signed note, no checkpoint or no key."""


def key_id(name: str, public: bytes) -> bytes:
    """The first four bytes of SHA-256(name, newline, algorithm, key)."""
    return hashlib.sha256(name.encode() + b"\n" + ED25519 + public).digest()[:4]


def verifier_key(name: str, public: bytes) -> str:
    """`name+hash+key`, as it is given to whoever checks."""
    return f"{name}+{key_id(name, public).hex()}+{base64.b64encode(ED25519 + public).decode()}"


@dataclass(frozen=True)
class Signer:
    """The log's private key. Only the sequencer makes one."""

    name: str
    seed: bytes

    @classmethod
    def generate(cls, name: str) -> "Signer":
        return cls(name, Ed25519PrivateKey.generate().private_bytes_raw())

    @classmethod
    def read(cls, path: Path) -> "Signer":
        """From a file with one line `PRIVATE+KEY+name+hash+key`. Raises BadNote."""
        try:
            head, tail, name, tag, key = path.read_text(encoding="ascii").strip().split("+", 4)
            raw = base64.b64decode(key, validate=True)
        except OSError as error:
            raise BadNote(f"the log key {path} cannot be read: {error.strerror}") from error
        except (ValueError, binascii.Error) as error:
            raise BadNote(f"{path} holds no log key; make one with manage.py log_key") from error
        signer = cls(name, raw[1:])
        if (head, tail) != ("PRIVATE", "KEY") or len(raw) != 33 or tag != key_id(name, signer.public).hex():
            raise BadNote(f"{path} holds no log key; make one with manage.py log_key")
        return signer

    def write(self, path: Path) -> None:
        """Into a new file that its owner alone may read. Raises FileExistsError."""
        line = f"PRIVATE+KEY+{self.name}+{key_id(self.name, self.public).hex()}+"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(line + base64.b64encode(ED25519 + self.seed).decode() + "\n")

    @property
    def public(self) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()

    @property
    def vkey(self) -> str:
        return verifier_key(self.name, self.public)

    def sign(self, body: str) -> str:
        """The signature line of a note."""
        raw = Ed25519PrivateKey.from_private_bytes(self.seed).sign(body.encode())
        blob = base64.b64encode(key_id(self.name, self.public) + raw).decode()
        return f"{DASH}{self.name} {blob}\n"


def checkpoint_body(origin: str, size: int, root: bytes) -> str:
    return f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"


def note(body: str, signatures: str) -> str:
    return f"{body}\n{signatures}"


@dataclass(frozen=True)
class Checkpoint:
    """A parsed checkpoint; `signed` only tells whether `open_checkpoint` found the key's signature."""

    origin: str
    size: int
    root: bytes


def open_checkpoint(text: str, vkeys: Sequence[str]) -> Checkpoint:
    """Parse a note and demand a valid signature by one of the keys. Raises BadNote."""
    body, gap, tail = text.partition("\n\n")
    lines = body.split("\n")
    if not gap or len(lines) < 3 or not lines[1].isdecimal():
        raise BadNote("this is no checkpoint")
    if not any(_signed(body + "\n", tail, vkey) for vkey in vkeys):
        raise BadNote("no signature of this checkpoint is by the log's key")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except binascii.Error as error:
        raise BadNote("the checkpoint's root is not base64") from error
    return Checkpoint(lines[0], int(lines[1]), root)


def _signed(body: str, tail: str, vkey: str) -> bool:
    name, tag, key = vkey.split("+", 2)
    public = base64.b64decode(key)[1:]
    for line in tail.splitlines():
        if not line.startswith(f"{DASH}{name} "):
            continue
        try:
            blob = base64.b64decode(line.rsplit(" ", 1)[1], validate=True)
            if blob[:4].hex() == tag:
                Ed25519PublicKey.from_public_bytes(public).verify(blob[4:], body.encode())
                return True
        except (InvalidSignature, ValueError):
            continue
    return False


def proof_text(index: int, path: Sequence[bytes], checkpoint: str) -> str:
    """A `.tlog-proof` file: inclusion of one leaf under a signed checkpoint."""
    hashes = "".join(base64.b64encode(step).decode() + "\n" for step in path)
    return f"c2sp.org/tlog-proof@v1\nindex {index}\n{hashes}\n{checkpoint}"
