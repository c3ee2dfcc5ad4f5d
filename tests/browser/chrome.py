"""The system's own Chromium; nothing is downloaded."""

from __future__ import annotations

import os
import shutil
from typing import Any

INSTALL = "Chromium is missing: install it (Debian: apt-get install -y chromium), or point CHROME_PATH at one"


def path() -> str:
    """Where Chromium is, or an empty string."""
    return os.environ.get("CHROME_PATH") or shutil.which("chromium") or shutil.which("chromium-browser") or ""


def options() -> dict[str, Any]:
    root = hasattr(os, "getuid") and os.getuid() == 0
    return {"executable_path": path(), "args": ["--no-sandbox"] if root else []}
