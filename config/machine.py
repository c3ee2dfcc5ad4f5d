"""What the installation needs of the machine: an OS user for the servers, private files, free ports."""

from __future__ import annotations

import hashlib
import os
import pwd
import secrets
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

HOST = "127.0.0.1"
UNPRIVILEGED = ("postgres", "nobody")


class ServerError(Exception):
    """An embedded server that could not be made, started or stopped; the text says why and what to do."""


class Account(NamedTuple):
    """The OS user that the servers run as: this one, or as root an unprivileged one."""

    name: str
    uid: int
    gid: int

    @property
    def drops(self) -> bool:
        return os.geteuid() == 0

    def popen(self) -> dict[str, Any]:
        if not self.drops:
            return {}
        return {"user": self.uid, "group": self.gid, "extra_groups": []}

    def own(self, path: Path) -> None:
        if self.drops:
            os.chown(path, self.uid, self.gid)


def account() -> Account:
    """Who the servers run as."""
    if os.geteuid() != 0:
        return this_user()
    for name in UNPRIVILEGED:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise ServerError(
        "PostgreSQL does not run as root, and this system has neither a user postgres nor nobody. "
        "Make one (useradd --system postgres) or start as an ordinary user."
    )


def _user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        raise ServerError(
            f"PostgreSQL needs to know the name of user {uid}, and /etc/passwd has no such entry. "
            "Add one (useradd) or start as a user that has one."
        ) from None


def data_root(state: Path) -> Path:
    """Where the servers of this state folder keep their data: inside it, or as root under /var/tmp."""
    if os.geteuid() != 0:
        return state
    return Path("/var/tmp") / f"assentry-{state_mark(state)}"  # noqa: S108  made with mode 0700, or refused, in folder()


def state_mark(state: Path) -> str:
    """A short name for this state folder, for what must lie elsewhere."""
    return hashlib.sha256(str(state.resolve()).encode()).hexdigest()[:12]


def this_user() -> Account:
    """Who runs this program."""
    return Account(_user_name(os.geteuid()), os.geteuid(), os.getegid())


def folder(path: Path, owner: Account) -> Path:
    """A folder of mode 0700 that belongs to the servers' user; one that belongs to another is refused."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = path.lstat()
    if path.is_symlink() or found.st_uid not in {owner.uid, os.geteuid()}:
        raise ServerError(f"{path} belongs to another user. Remove it, or set ASSENTRY_STATE to another folder.")
    owner.own(path)
    path.chmod(0o700)
    return path


def write_private(path: Path, text: str, owner: Account | None = None) -> None:
    """Writes a file that only its owner can read, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    if owner:
        owner.own(draft)
    draft.replace(path)


def keep_secret(path: Path) -> str:
    """The secret in this file, made at the first call."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(32) + "\n")
    return path.read_text(encoding="utf-8").strip()


def free_port(preferred: Iterable[int] = ()) -> int:
    """The first of the preferred ports that nobody listens on, else any free one."""
    for port in (*preferred, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise ServerError("no free port on 127.0.0.1")


def answers(port: int) -> bool:
    """Whether something accepts connections on this port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((HOST, port)) == 0


def first_line(path: Path) -> str:
    """The first line of a file, or nothing where there is none."""
    try:
        return path.read_text(encoding="utf-8").partition("\n")[0]
    except OSError:
        return ""


def tail(path: Path, lines: int = 15) -> str:
    """The last lines of a log, or that there is none."""
    try:
        return "\n".join(path.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:])
    except OSError:
        return f"(no log at {path})"


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
