"""`make demo` and its sisters.

python -m config.supervise up | stop | status | reset
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from pathlib import Path

from config import machine
from config.context import ONE_ROLE_TEXT, SHARED_SECRETS_TEXT
from config.desk import Desk, Failed, say, stopped_by_signals
from config.env import BadSettings
from config.processes import is_supervisor, read_pid, recorded
from config.state import own_state

__all__ = ["Desk", "Failed", "main", "stopped_by_signals"]

PASSED_ON = ("DATABASE_URL", "REDIS_URL", "PUBLIC_URL")


def up() -> int:
    state = own_state()
    passed = {name: value for name, value in os.environ.items() if name in PASSED_ON or name.startswith("ASSENTRY_")}
    passed = {
        name: value
        for name, value in passed.items()
        if name not in {"ASSENTRY_STATE", "ASSENTRY_VENV", "ASSENTRY_SECRETS"}
    }
    if is_supervisor(read_pid(state / "run" / "supervisor.pid")):
        return already(state)
    desk = Desk(state, profile=os.environ.get("ASSENTRY_PROFILE", "normal"), environ=passed)
    fresh = not (state / "demo.env").exists()
    say(f"Starting Assentry in {state}{' for the first time' if fresh else ''} ...")
    try:
        with stopped_by_signals():
            desk.start()
    except KeyboardInterrupt:
        say("Stopped before it was up.")
        return 130
    except (Failed, machine.ServerError) as error:
        sys.stderr.write(f"Assentry did not start.\n{error}\n")
        return 1
    announce(desk)
    return desk.run()


def announce(desk: Desk) -> None:
    for note in desk.place.notes:
        say(note)
    say(f"\nAssentry is ready at {desk.url}\n")
    say(desk.sign_ins)
    say()
    say(f"One-role mode. {ONE_ROLE_TEXT}" if desk.place.one_role else SHARED_SECRETS_TEXT)
    say("docs/deploy.md has the set-up in which agents cannot read other logins' passwords.")
    say(f"Mail goes to {desk.url}/outbox/, logs to {desk.place.logs}. Ctrl-C or `make stop` stops everything.")


def already(state: Path) -> int:
    say(f"Assentry is already running at {_setting(state, 'PUBLIC_URL')}.")
    with contextlib.suppress(OSError):
        say((state / "secrets" / "sign-ins").read_text(encoding="utf-8").rstrip())
    say("`make status` shows its processes, `make stop` stops it.")
    return 0


def _setting(state: Path, name: str) -> str:
    try:
        lines = (state / "demo.env").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "?"
    return dict(line.split("=", 1) for line in lines).get(name, "?")


def stop() -> int:
    state = own_state()
    running = is_supervisor(read_pid(state / "run" / "supervisor.pid"))
    if not running and not recorded(state):
        say("Assentry is not running.")
        return 0
    Desk(state).stop()
    say("Stopped.")
    return 0


def status() -> int:
    """Says what runs; 1 when a process of a running desk is down."""
    state = own_state()
    info = Desk(state).info()
    if not info:
        say("Assentry is not running. `make demo` starts it.")
        return 0
    say(f"{_setting(state, 'PUBLIC_URL')}   state in {state}")
    for item in info:
        say(f"  {item['name']:<10} {item['statename']:<9} {item['description']}")
    return 0 if all(item["statename"] == "RUNNING" for item in info) else 1


def reset() -> int:
    stop()
    state = own_state()
    for path in dict.fromkeys((machine.data_root(state), state)):
        if path.exists():
            shutil.rmtree(path)
    say(f"Removed {state}.")
    return 0


def main(arguments: list[str]) -> int:
    commands = {"up": up, "stop": stop, "status": status, "reset": reset}
    if len(arguments) != 1 or arguments[0] not in commands:
        raise BadSettings(f"usage: python -m config.supervise {' | '.join(commands)}")
    return commands[arguments[0]]()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
