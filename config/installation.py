"""One installation on this machine: its folders, ports, secrets and the environment of each process."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from urllib.parse import urlsplit

from config import embedded, machine
from config.env import ROLES, BadSettings
from config.state import ROOT

PREFERRED = {"web": 8000, "postgres": 54320, "valkey": 63790}
DATABASE = "assentry"
KEEP_FROM_CALLER = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "USER", "LOGNAME")


@dataclass
class Installation:
    """Folders, ports and secrets under `state`; nothing is made before `prepare`.

    `environ` holds settings of the caller that go to every process; DATABASE_URL and REDIS_URL in it
    replace the embedded servers.
    """

    state: Path
    profile: str = "normal"
    environ: Mapping[str, str] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def base(self) -> Path:
        return machine.data_root(self.state)

    @property
    def secrets(self) -> Path:
        return self.state / "secrets"

    @property
    def logs(self) -> Path:
        return self.state / "log"

    @property
    def own_database(self) -> str | None:
        return self.environ.get("DATABASE_URL")

    @property
    def own_broker(self) -> str | None:
        return self.environ.get("REDIS_URL")

    @property
    def one_role(self) -> bool:
        return self.environ.get("ASSENTRY_ONE_ROLE", "").lower() in {"1", "true", "yes", "on"}

    @cached_property
    def postgres(self) -> embedded.Postgres:
        return embedded.Postgres(self.base, self.ports["postgres"])

    @cached_property
    def valkey(self) -> embedded.Valkey:
        users = [*embedded.ACL, *(["admin"] if self.profile != "normal" else [])]
        passwords = {user: machine.keep_secret(self.secrets / f"redis-{user}") for user in users}
        return embedded.Valkey(self.base, self.ports["valkey"], passwords)

    @property
    def url(self) -> str:
        return self.environ.get("PUBLIC_URL") or f"http://{machine.HOST}:{self.ports['web']}"

    def prepare(self) -> None:
        """Makes folders and secrets, chooses free ports, and prepares the embedded servers that are used."""
        fresh = not self.secrets.exists()
        self._folders()
        if fresh and self.base != self.state and self.base.exists():
            self.notes.append(f"Removed {self.base}, left over from a state folder that is gone.")
            shutil.rmtree(self.base)
        for role in ROLES:
            machine.keep_secret(self.secrets / role)
        machine.keep_secret(self.secrets / "subjects")
        if not (self.secrets / "django").exists():
            machine.write_private(self.secrets / "django", os.urandom(40).hex() + "\n")
        self._choose_ports()
        if not self.own_database:
            self.postgres.prepare()
        if not self.own_broker:
            self.valkey.prepare()
        machine.write_private(self.state / "demo.env", "".join(f"{k}={v}\n" for k, v in self.settings().items()))

    def _folders(self) -> None:
        if "%" in f"{ROOT}{self.state}":
            raise BadSettings(
                "Supervisor cannot work in a folder with % in its name; move the clone or ASSENTRY_STATE."
            )
        try:
            self.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise BadSettings(
                f"Assentry cannot make its folder {self.state}: {error.strerror}.\n"
                "Set ASSENTRY_STATE to a folder that this user may write to."
            ) from None
        if self.state.stat().st_uid != os.geteuid():
            raise BadSettings(
                f"The folder {self.state} belongs to another user.\n"
                "Set ASSENTRY_STATE to a folder of your own, or let its owner run `make reset`."
            )
        for name in ("secrets", "log", "run", "outbox", "anchor", "inbox"):
            (self.state / name).mkdir(mode=0o700, exist_ok=True)

    def _choose_ports(self) -> None:
        """Last time's ports while they are free, the usual ones else, any free one at worst."""
        file = self.state / "ports.json"
        last = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
        wanted = PREFERRED | ({"web": int(os.environ["PORT"])} if os.environ.get("PORT", "").isdigit() else {})
        for name, usual in wanted.items():
            port = machine.free_port((last.get(name, usual), usual, *range(usual + 1, usual + 20)))
            if name == "web" and port != usual:
                self.notes.append(f"Port {usual} is taken; using {port}.")
            self.ports[name] = port
        machine.write_private(file, json.dumps(self.ports) + "\n")
        machine.folder(self.base, machine.account())
        machine.write_private(self.base / "ports.json", json.dumps(self.ports) + "\n")

    def settings(self) -> dict[str, str]:
        """The settings that all processes share; no secret is among them, but where the caller's URL holds one."""
        database = self.own_database or f"postgresql://{machine.HOST}:{self.ports['postgres']}/{DATABASE}"
        return {
            "DATABASE_URL": database if self.one_role else without_login(database),
            "REDIS_URL": self.own_broker or f"redis://{machine.HOST}:{self.ports['valkey']}/0",
            "PUBLIC_URL": self.url,
            "ASSENTRY_STATE": str(self.state),
            "ASSENTRY_SECRETS": str(self.secrets),
            "ASSENTRY_INBOX": str(self.state / "inbox"),
            "ASSENTRY_PROFILE": self.profile,
            "ASSENTRY_SHARED_SECRETS": "true",
            **{name: value for name, value in self.environ.items() if name.startswith("ASSENTRY_")},
        }

    def environment(self, role: str = "") -> dict[str, str]:
        """The whole environment of one process: little of the caller's, its login, the settings."""
        kept = {name: os.environ[name] for name in KEEP_FROM_CALLER if name in os.environ}
        values = kept | self.settings() | {"PYTHONUNBUFFERED": "1", "PYTHONPATH": str(ROOT)}
        if role == "web":
            values["REDIS_URL"] = ""
        return values | ({"ASSENTRY_ROLE": role} if role else {})


def without_login(url: str) -> str:
    """The same server and database without user and password: the processes use logins of their own."""
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
