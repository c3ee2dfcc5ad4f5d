"""What an export says about whom to trust: the log's keys and their sizes, witnesses, quorum, keys of receipts.

Whoever checks should bring a copy of their own; this one serves to compare, and for a first look.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.db import connection

from audit import policies

KEYS = """
    SELECT e.name, j #>> '{data,vkey}', j #>> '{data,from_size}', j #>> '{data,to_size}'
    FROM audit.event e, LATERAL (SELECT convert_from(e.leaf, 'UTF8')::jsonb AS j) AS parsed
    WHERE e.name IN ('log.key_added', 'log.key_retired') ORDER BY e.n
"""
README = """\
This folder is an export of the audit log {origin}, made at {time}.

Check it with any Python from 3.11 on, without network and without installing anything:

    python verify.py .

The last line is the verdict: VALID, TAMPERED or CANNOT JUDGE. A program, a key and a policy that came with the
export prove little against whoever made it. Bring your own:

    python my-copy-of/verify.py . --policy POLICY --against CHECKPOINT ... --receipt RECEIPT ...

POLICY     the log's keys, its witnesses and how many must have signed, as they were given to you
CHECKPOINT copies of signed checkpoints that you, a witness or an archive kept, of any age
RECEIPT    receipts that people or agents kept of what they decided or proposed

events.jsonl       one entry a line, in the order of the log
checkpoints.jsonl  the signed heads of the log's Merkle tree, with witnesses' signatures
tile/              the tree's hashes; proofs/ instead, where single cases were exported
content.jsonl      the texts that entries commit to: open, withheld or erased
business.jsonl     the desk's own rows, to compare with the entries
policy             the log's keys and witnesses, as the log itself names them
timestamps/        checkpoints with stamps of outside authorities, if any: openssl ts -verify -data N.txt -in N.tsr
manifest.json      when, what, and the digest of each file
"""


def policy_text() -> str:
    """The trust policy, as this installation knows it. Login: router or auditor. Raises BadPolicy."""
    return "".join(f"{line}\n" for line in _lines())


def _lines() -> Iterator[str]:
    with connection.cursor() as cursor:
        cursor.execute(KEYS)
        said = cursor.fetchall()
        cursor.execute("SELECT vkey FROM audit.receipt_key ORDER BY at")
        receipts = [row[0] for row in cursor.fetchall()]
    begins = {vkey: int(low) for name, vkey, low, _ in said if name == "log.key_added"}
    ends = {vkey: int(high) for name, vkey, _, high in said if name == "log.key_retired"}
    for vkey, low in begins.items():
        yield f"log {vkey}"
        if low or vkey in ends:
            yield f"#sizes {vkey} {low} {ends.get(vkey, '')}".rstrip()
    yield from (f"#receipt {vkey}" for vkey in receipts)
    yield from policies.read(settings.LOG_POLICY).lines()


def write_timestamps(folder: Path) -> None:
    """Each stamped note beside its stamp, for `openssl ts -verify`."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT size, note, token FROM audit.timestamp ORDER BY at")
        for number, (size, text, token) in enumerate(cursor.fetchall(), 1):
            place = folder / "timestamps" / f"{number:06d}-{size}"
            place.parent.mkdir(exist_ok=True)
            place.with_suffix(".txt").write_text(text, encoding="utf-8", newline="\n")
            place.with_suffix(".tsr").write_bytes(bytes(token))


def write_readme(folder: Path, origin: str, time: str) -> None:
    (folder / "README.txt").write_text(README.format(origin=origin, time=time), encoding="utf-8")
