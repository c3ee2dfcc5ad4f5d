"""Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint, tlog-proof) with Ed25519 keys; ML-DSA-44 beside."""

import base64
import binascii
import hashlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey

ED25519, ML_DSA_44 = b"\x01", b"\x06"  # signature types, as C2SP signed-note assigns them
DASH = "\N{EM DASH} "


class BadNote(ValueError):
    """Text that is no signed note, no checkpoint or no key."""


def key_id(name: str, public: bytes, algorithm: bytes = ED25519) -> bytes:
    """The first four bytes of SHA-256(name, newline, algorithm, key)."""
    return hashlib.sha256(name.encode() + b"\n" + algorithm + public).digest()[:4]


def verifier_key(name: str, public: bytes, algorithm: bytes = ED25519) -> str:
    """`name+hash+key`, as it is given to whoever checks."""
    return f"{name}+{key_id(name, public, algorithm).hex()}+{base64.b64encode(algorithm + public).decode()}"


@dataclass(frozen=True)
class VerifierKey:
    """A parsed `name+hash+key`."""

    name: str
    algorithm: int
    public: bytes

    @property
    def id(self) -> bytes:
        return key_id(self.name, self.public, bytes([self.algorithm]))

    def verifies(self, message: bytes, signature: bytes) -> bool:
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, message)
        except (InvalidSignature, ValueError):
            return False
        return True


def read_vkey(line: str, *algorithms: int) -> VerifierKey:
    """Raises BadNote if the line is no verifier key of one of these algorithms (1 log, 4 witness)."""
    try:
        name, tag, raw = line.split("+", 2)
        blob = base64.b64decode(raw, validate=True)
    except ValueError:
        raise BadNote(f"{line[:80]!r} is no verifier key (name+hash+key)") from None
    found = VerifierKey(name, blob[0] if blob else 0, blob[1:])
    if not name or len(found.public) != 32 or found.id.hex() != tag:
        raise BadNote(f"the key of {name[:80]!r} does not match its own hash")
    if found.algorithm not in algorithms:
        raise BadNote(f"the key of {name[:80]!r} is of the wrong kind ({found.algorithm})")
    return found


@dataclass(frozen=True)
class Signer:
    """The log's private key, 32 bytes. Only the sequencer makes one."""

    algorithm: ClassVar[bytes] = ED25519
    name: str
    seed: bytes

    @classmethod
    def generate(cls, name: str) -> Self:
        return cls(name, os.urandom(32))

    @classmethod
    def read(cls, path: Path) -> Self:
        """From a file with one line `PRIVATE+KEY+name+hash+key`. Raises BadNote."""
        try:
            head, tail, name, tag, key = path.read_text(encoding="ascii").strip().split("+", 4)
            raw = base64.b64decode(key, validate=True)
        except OSError as error:
            raise BadNote(f"the log key {path} cannot be read: {error.strerror}") from error
        except (ValueError, binascii.Error) as error:
            raise BadNote(f"{path} holds no log key; make one with manage.py log_key") from error
        signer = cls(name, raw[1:])
        fits = (head, tail, raw[:1]) == ("PRIVATE", "KEY", cls.algorithm) and len(raw) == 33
        if not fits or tag != signer.id.hex():
            raise BadNote(f"{path} holds no log key; make one with manage.py log_key")
        return signer

    def write(self, path: Path) -> None:
        """Into a new file that its owner alone may read. Raises FileExistsError."""
        line = f"PRIVATE+KEY+{self.name}+{self.id.hex()}+"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(line + base64.b64encode(self.algorithm + self.seed).decode() + "\n")

    @property
    def public(self) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()

    @property
    def id(self) -> bytes:
        return key_id(self.name, self.public, self.algorithm)

    @property
    def vkey(self) -> str:
        return verifier_key(self.name, self.public, self.algorithm)

    def sign(self, body: str) -> str:
        """The signature line of a note."""
        return f"{DASH}{self.name} {base64.b64encode(self.id + self._signature(body)).decode()}\n"

    def _signature(self, body: str) -> bytes:
        return Ed25519PrivateKey.from_private_bytes(self.seed).sign(body.encode())


@dataclass(frozen=True)
class MlDsaSigner(Signer):
    """A second key of the log, for the day on which Ed25519 no longer holds. It signs checkpoints and nothing else.

    C2SP assigned type 0x06 to ML-DSA-44 (FIPS 204) in the form of tlog-cosignature, which tlog-checkpoint recommends
    to logs too. Raises BadNote where this build of `cryptography` cannot do it.
    """

    algorithm: ClassVar[bytes] = ML_DSA_44

    @property
    def public(self) -> bytes:
        return self._key().public_key().public_bytes_raw()

    def _signature(self, body: str) -> bytes:
        """Time 0: it says that this root is of the log's one history, and leaves to witnesses when that was so."""
        origin, size, root = body.split("\n")[:3]
        message = subtree_message(self.name, 0, origin, int(size), base64.b64decode(root))
        return bytes(8) + self._key().sign(message)

    def _key(self) -> MLDSA44PrivateKey:
        try:
            return MLDSA44PrivateKey.from_seed_bytes(self.seed)
        except UnsupportedAlgorithm as error:
            raise BadNote("this installation's OpenSSL makes no ML-DSA-44 signatures") from error


def subtree_message(signer: str, moment: int, origin: str, size: int, root: bytes) -> bytes:
    """`cosigned_message` of C2SP tlog-cosignature for a whole checkpoint: what an ML-DSA-44 cosignature signs."""
    names = [name.encode() for name in (signer, origin)]
    if not all(0 < len(name) < 256 for name in names):
        raise BadNote("a name under ML-DSA-44 has 1 to 255 bytes")
    by, of = (bytes([len(name)]) + name for name in names)
    return b"subtree/v1\n\0" + by + moment.to_bytes(8) + of + bytes(8) + size.to_bytes(8) + root


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
    if not gap or len(lines) != 3 or not re.fullmatch(r"0|[1-9][0-9]{0,17}", lines[1]):
        raise BadNote("this is no checkpoint")
    if not any(_signed(body + "\n", tail, vkey) for vkey in vkeys):
        raise BadNote("no signature of this checkpoint is by the log's key")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except binascii.Error as error:
        raise BadNote("the checkpoint's root is not base64") from error
    return Checkpoint(lines[0], int(lines[1]), root)


def _signed(body: str, tail: str, vkey: str) -> bool:
    key = read_vkey(vkey, 1)
    return any(key.verifies(body.encode(), raw) for raw in _signatures(tail, key))


def _signatures(tail: str, key: VerifierKey) -> Iterator[bytes]:
    """What stands behind the key's name and hash on each line that bears them."""
    for line in tail.splitlines():
        head, _, blob = line.rpartition(" ")
        if head != f"{DASH}{key.name}":
            continue
        try:
            raw = base64.b64decode(blob, validate=True)
        except binascii.Error:
            continue
        if raw[:4] == key.id:
            yield raw[4:]


def cosigned(body: str, lines: str, vkey: str) -> tuple[int, str] | None:
    """The time of this witness's newest valid cosignature among the lines, and its line; None without one."""
    key, found = read_vkey(vkey, 4), []
    for raw in _signatures(lines, key):
        moment = int.from_bytes(raw[:8])
        if len(raw) == 72 and key.verifies(cosigned_message(body, moment), raw[8:]):
            blob = base64.b64encode(key.id + raw).decode()
            found.append((moment, f"{DASH}{key.name} {blob}\n"))
    return max(found, default=None)


def cosigned_message(body: str, moment: int) -> bytes:
    """What an Ed25519 cosignature (C2SP tlog-cosignature v1) signs."""
    return f"cosignature/v1\ntime {moment}\n{body}".encode()


def proof_text(index: int, path: Sequence[bytes], checkpoint: str) -> str:
    """A `.tlog-proof` file: inclusion of one leaf under a signed checkpoint."""
    hashes = "".join(base64.b64encode(step).decode() + "\n" for step in path)
    return f"c2sp.org/tlog-proof@v1\nindex {index}\n{hashes}\n{checkpoint}"
