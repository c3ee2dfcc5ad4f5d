"""Processes that this installation started, told apart from those that merely have their number."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path

PROC = Path("/proc/self").exists()


def birth(pid: int) -> str:
    """When a process began, in the kernel's words: with its number it names one process for good."""
    if not PROC:
        return _ps(pid, "lstart")
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] == "Z" else fields[19]


def _ps(pid: int, column: str) -> str:
    done = subprocess.run(["ps", "-o", f"{column}=", "-p", str(pid)], capture_output=True, text=True, check=False)  # noqa: S603, S607
    return done.stdout.strip()


def recorded(state: Path) -> dict[str, tuple[int, str]]:
    """What the last look saw running: name to number and birth."""
    try:
        found = json.loads((state / "run" / "pids.json").read_text(encoding="utf-8"))
        return {name: (int(pid), str(born)) for name, (pid, born) in found.items() if born}
    except (OSError, ValueError):
        return {}


def read_pid(path: Path) -> int:
    try:
        return int(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return 0


def is_supervisor(pid: int) -> bool:
    """Whether this is a living supervisor, not a process that got its number since."""
    if not pid or not birth(pid):
        return False
    if not PROC:
        return "supervisor" in _ps(pid, "command")
    try:
        return b"supervisor" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def end_group(pid: int) -> None:
    """Ends a process and its group: politely, then for good after five seconds."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(os.getpgid(pid), number)
        for _ in range(50):
            if not birth(pid):
                return
            time.sleep(0.1)
