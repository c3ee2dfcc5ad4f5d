"""Runs every measurement, each in a process and on a database of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main(arguments: list[str]) -> int:
    here = Path(__file__).parent
    names = sorted(path.stem for path in here.glob("*.py") if _is_command(path))
    failed = [name for name in names if _run(name, arguments)]
    if failed:
        print(f"\nnot measured: {', '.join(failed)}")
    return len(failed)


def _is_command(path: Path) -> bool:
    """What can be run by itself measures something; the rest helps."""
    return path.stem != "__main__" and 'if __name__ == "__main__"' in path.read_text(encoding="utf-8")


def _run(name: str, arguments: list[str]) -> int:
    return subprocess.run([sys.executable, "-m", f"bench.{name}", *arguments], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
