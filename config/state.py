"""Where this checkout is, and where its running installation keeps what is not in the database."""

from __future__ import annotations

import getpass
import hashlib
import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def own_state() -> Path:
    """The state folder of this user: ASSENTRY_STATE, else .assentry, else one beside it that is theirs.

    Root and an ordinary user may use the same clone one after the other; each keeps a state of their own.
    """
    if given := os.environ.get("ASSENTRY_STATE"):
        return ROOT / given
    usual = ROOT / ".assentry"
    if usual.exists():
        if usual.stat().st_uid == os.geteuid():
            return usual
        usual = ROOT / f".assentry-{_user()}"
    if usual.exists() or os.access(ROOT, os.W_OK):
        return usual
    home = Path(os.environ.get("XDG_STATE_HOME") or "~/.local/state").expanduser()
    return home / f"assentry-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]}"


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.geteuid())


def demo_values(state: Path) -> dict[str, str]:
    """What a `make demo` of this folder wrote for commands typed beside it; nothing where there is none."""
    try:
        lines = (state / "demo.env").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
