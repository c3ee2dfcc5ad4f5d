"""Files of conversations that people brought, kept under the state folder by the hash of their bytes."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from django.conf import settings

MOST_BYTES = 64 * 1024 * 1024
SAMPLE = Path(__file__).resolve().parent / "sample"
_TOKEN = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_PATTERNS = ("*transcripts*.json", "*transcripts*.jsonl")


class Upload(NamedTuple):
    """A kept file. `name` is safe to show and has a suffix that says how to read it."""

    token: str
    name: str
    data: bytes


class Offered(NamedTuple):
    """A file that lies ready to be chosen: the shipped sample, or sample data of the installation."""

    key: str
    name: str
    path: Path
    shipped: bool


def folder() -> Path:
    return Path(settings.STATE_DIR) / "uploads"


def keep(data: bytes, *, name: str) -> Upload:
    """Writes a file down under its hash. The same bytes twice are one file."""
    token = hashlib.sha256(data).hexdigest()
    upload = Upload(token, _safe(name), data)
    folder().mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = folder() / f"{token}.part"
    draft.write_bytes(data)
    draft.replace(folder() / f"{token}.data")
    write_note(token, "name", upload.name)
    return upload


def _safe(name: str) -> str:
    """A short name of our own making from whatever a browser sent."""
    stem = _NAME.sub("-", name.replace("\\", "/").rpartition("/")[2]).strip("-.")[-80:]
    return stem if stem.endswith((".json", ".jsonl")) else f"{stem or 'conversations'}.jsonl"


def kept(token: str) -> Upload | None:
    """A kept file, or None where there is none of that hash."""
    if not _TOKEN.fullmatch(token):
        return None
    name = read_note(token, "name")
    try:
        return Upload(token, str(name), (folder() / f"{token}.data").read_bytes()) if name else None
    except OSError:
        return None


def write_note(token: str, kind: str, value: Any) -> None:
    """Something to remember beside a kept file, as JSON: its name, the runs that it became."""
    path = folder() / f"{token}.{kind}.json"
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(value), encoding="utf-8")
    draft.replace(path)


def read_note(token: str, kind: str) -> Any:
    """What was remembered, or None."""
    if not _TOKEN.fullmatch(token):
        return None
    try:
        return json.loads((folder() / f"{token}.{kind}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def offered() -> list[Offered]:
    """The files that may be chosen without an upload."""
    found = [(SAMPLE, True), (Path(settings.SAMPLE_DATA), False)]
    paths = [
        (path, shipped) for place, shipped in found for pattern in _PATTERNS for path in sorted(place.glob(pattern))
    ]
    return [
        Offered(f"{'sample' if shipped else 'data'}/{path.name}", path.name, path, shipped) for path, shipped in paths
    ]
