"""The address under which browsers get scripts, styles and icons: it changes when one of them does.

Scripts import one another by relative addresses. A page therefore gets all of them from one folder that only
ever held one version, and a browser may keep them for good: after an upgrade nothing old meets anything new.
"""

from __future__ import annotations

import hashlib
from importlib import metadata
from pathlib import Path

# Those that bring files of their own to the same folder: admin's, and the ways in.
PACKAGES = ("Django", "django-allauth")
KEPT_FOR_GOOD = r"^/static/[0-9a-f]{12}/"


def address(folder: Path) -> str:
    """`/static/`, and twelve hex digits over every name and every byte."""
    digest = hashlib.sha256()
    for package in PACKAGES:
        digest.update(f"{package} {metadata.version(package)}\n".encode())
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        body = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()} {len(body)}\n".encode() + body)
    return f"/static/{digest.hexdigest()[:12]}/"
