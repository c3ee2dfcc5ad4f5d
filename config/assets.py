"""The address under which browsers get scripts, styles and icons: it changes when one of them does.

Scripts import one another by relative addresses. A page therefore gets all of them from the folder of one version,
and whatever a browser has kept, after an upgrade nothing old meets anything new. It asks again after an hour all
the same: while new code is copied over the old, a process that still runs reads the new bytes for the old address.
"""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path

# Those that bring files of their own to the same folder: admin's, and the ways in.
PACKAGES = ("Django", "django-allauth")
KEPT = 3600  # seconds that a browser does not ask again


def address(folder: Path) -> str:
    """`/static/`, and twelve hex digits over every name and every byte."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        digest.update(f"{package} {metadata.version(package)}\n".encode())
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        body = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()} {len(body)}\n".encode() + body)
    return f"/static/{digest.hexdigest()[:12]}/"
