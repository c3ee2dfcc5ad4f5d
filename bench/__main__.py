"""Runs every measurement, each in a process and on a database of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

NOT_MEASUREMENTS = {"__init__", "__main__", "report", "place", "bulk", "echo"}


def main(arguments: list[str]) -> int:
    here = Path(__file__).parent
    names = sorted(path.stem for path in here.glob("*.py") if path.stem not in NOT_MEASUREMENTS)
    failed = [name for name in names if subprocess.run([sys.executable, "-m", f"bench.{name}", *arguments], check=False).returncode]
    if failed:
        print(f"\nnot measured: {', '.join(failed)}")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
