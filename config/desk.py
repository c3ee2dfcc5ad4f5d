"""A whole installation under supervisor: started, watched, stopped. `make demo` and the journey run one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from xmlrpc.client import Fault, ServerProxy

import psycopg
from supervisor.xmlrpc import SupervisorTransport

from config import machine, reach, roles
from config.env import ROLES, load
from config.installation import DATABASE, Installation
from config.logins import database_parts
from config.processes import birth, end_group, is_supervisor, read_pid, recorded
from config.programs import configuration, programs
from config.state import ROOT

READY_SECONDS = 90
STOP_SECONDS = 60
DEATHS, WITHIN = 3, 60.0
TABLES = ("migrate --no-input --skip-checks", "provision --skip-checks")
CONTENTS = ("seed --skip-checks",)


class Failed(Exception):
    """The desk did not come up; the text says what failed and what to do."""


def say(text: str = "") -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


class Desk:
    """An installation and the supervisor that runs it; `start` returns when the site answers."""

    def __init__(
        self,
        state: Path,
        *,
        profile: str = "normal",
        environ: Mapping[str, str] | None = None,
        tell: Callable[[str], None] = say,
    ) -> None:
        self.place = Installation(state, profile, environ or {})
        self.tell = tell
        self.process: subprocess.Popen[bytes] | None = None
        self.sign_ins = ""
        self.ready = False
        self._seen: dict[str, int] = {}
        self._deaths: dict[str, deque[float]] = defaultdict(deque)

    # What a caller asks it.

    @property
    def url(self) -> str:
        return self.place.url

    @property
    def valkey_admin_url(self) -> str:
        """For fault tests: the user that may flush. Only outside the normal profile."""
        return self.place.valkey.url("admin")

    def superuser_url(self) -> str:
        return self.place.postgres.superuser_url(DATABASE)

    def environment(self, role: str) -> dict[str, str]:
        return self.place.environment(role)

    def pids(self) -> dict[str, int]:
        """The processes that run now, by the names that `make status` shows."""
        return {str(info["name"]): int(info["pid"]) for info in self.info() if info["pid"]}

    def info(self) -> list[dict[str, Any]]:
        try:
            return list(self._ask("getAllProcessInfo"))
        except (OSError, Fault):
            return []

    # Start.

    def start(self) -> None:
        """Servers, logins, tables, rights, contents, processes; raises Failed with what to do."""
        self.place.prepare()
        # A setting that no process could start with ends here, before anything is started.
        load(self.place.environment("executor") | dict(self.place.environ))
        try:
            self._start_supervisor()
            self._wait_for_servers()
            self._make_logins()
            self._fill()
            self._start_processes()
            self.ready = True
        except BaseException:
            self.stop()
            raise

    def _fill(self) -> None:
        """Key, tables, rights and contents; the embedded database of an unchanged code is not migrated again."""
        applied = self.place.base / "applied"
        mark = schema_mark()
        if not (self.place.secrets / "log.key").exists():
            self._manage("log_key --if-missing")
        if self.place.own_database or machine.first_line(applied) != mark:
            for command in TABLES:
                self._manage(command)
            machine.write_private(applied, mark + "\n")
        if not (self.place.secrets / "seal.key").exists() or self.place.environ.get("ASSENTRY_SEAL") == "on":
            self._manage("seal_keys")
        for command in CONTENTS:
            self._manage(command)

    def _start_supervisor(self) -> None:
        config = self.place.state / "run" / "supervisor.conf"
        machine.write_private(config, configuration(self.place, self.socket()))
        self.socket().unlink(missing_ok=True)
        # A session of its own: Ctrl-C reaches this process, which stops the others in order.
        self.process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)],
            cwd=ROOT, env=self.place.environment(), start_new_session=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def socket(self) -> Path:
        """Supervisor's socket; a path too long for one moves to the temporary folder."""
        usual = self.place.state / "run" / "supervisor.sock"
        if len(str(usual)) < 90:
            return usual
        mark = machine.state_mark(self.place.state)
        return machine.folder(Path(tempfile.gettempdir()) / f"assentry-run-{mark}", machine.this_user()) / "s.sock"

    def _ask(self, method: str, *arguments: object) -> Any:
        """One call to supervisor, on a connection of its own."""
        transport = SupervisorTransport(None, None, f"unix://{self.socket()}")
        with contextlib.closing(transport):
            return getattr(ServerProxy("http://127.0.0.1", transport=transport).supervisor, method)(*arguments)

    def _wait_for_servers(self) -> None:
        for name, check in (("postgres", self._database_answers), ("valkey", self._broker_answers)):
            deadline = time.monotonic() + READY_SECONDS
            while (problem := check()) is not None:
                if self._is_own(name) or time.monotonic() > deadline or self._gave_up(name):
                    raise Failed(problem + ("" if self._is_own(name) else f"\nIts last lines:\n{self.log_tail(name)}"))
                time.sleep(0.1)

    def _is_own(self, name: str) -> bool:
        return bool(self.place.own_database if name == "postgres" else self.place.own_broker)

    def _gave_up(self, name: str) -> bool:
        if self.process and self.process.poll() is not None:
            raise Failed(f"supervisor ended at once:\n{machine.tail(self.place.logs / 'supervisor.log')}")
        return any(info["name"] == name and info["statename"] == "FATAL" for info in self.info())

    def _database_answers(self) -> str | None:
        own = self.place.own_database
        return reach.database_problem(self._database_urls(), hint="DATABASE_URL" if own else "")

    def _database_urls(self) -> list[str]:
        """Where to connect for the set-up, best first: the database itself may have to be made."""
        own = self.place.own_database
        if not own:
            return [self.place.postgres.superuser_url()]
        if not database_parts(own)["USER"]:
            return [reach.with_login(own, self._login("owner"), machine.keep_secret(self.place.secrets / "owner"))]
        return [own] if self.place.one_role else [reach.with_database(own, "postgres"), own]

    def _login(self, role: str) -> str:
        return roles.login(self.place.environ.get("ASSENTRY_ROLE_PREFIX", "assentry_"), role)

    def _broker_answers(self) -> str | None:
        own = self.place.own_broker
        url = own or f"redis://{machine.HOST}:{self.place.ports['valkey']}/0"
        return reach.broker_problem(url, hint="REDIS_URL" if own else "")

    def _make_logins(self) -> None:
        """The database and its logins; on a server of one's own only where DATABASE_URL brings an administrator."""
        own = self.place.own_database
        if self.place.one_role or (own and not database_parts(own)["USER"]):
            return
        passwords = {role: machine.keep_secret(self.place.secrets / role) for role in ROLES}
        name = database_parts(self.place.settings()["DATABASE_URL"])["NAME"]
        try:
            with reach.first(self._database_urls()) as connection:
                roles.create(connection, prefix=self._login(""), database=name, passwords=passwords)
        except psycopg.errors.InsufficientPrivilege as error:
            raise Failed(
                f"The login in DATABASE_URL may not make the desk's logins: {str(error).strip()}\n"
                "Let an administrator run the output of `manage.py roles_sql`, put the passwords into files "
                f"under {self.place.secrets}, and leave user and password out of DATABASE_URL;\n"
                "or set ASSENTRY_ONE_ROLE=1 to try the desk with a single login, which protects nothing."
            ) from None

    def _manage(self, command: str) -> None:
        environ = self.place.environment()
        with (self.place.logs / "setup.log").open("a", encoding="utf-8") as log:
            done = subprocess.run(  # noqa: S603
                [sys.executable, str(ROOT / "manage.py"), *command.split()], cwd=ROOT, env=environ,
                capture_output=True, text=True, check=False,
            )  # fmt: skip
            log.write(f"$ manage.py {command}\n{done.stderr}" + ("" if command.startswith("seed") else done.stdout))
        if done.returncode:
            raise Failed(
                f"manage.py {command} failed:\n{(done.stdout + done.stderr)[-3000:].rstrip()}\n"
                f"The whole output is in {log.name}."
            )
        if command.startswith("seed"):
            self.sign_ins = done.stdout.rstrip()
            machine.write_private(self.place.secrets / "sign-ins", self.sign_ins + "\n")

    def _start_processes(self) -> None:
        for program in programs(self.place):
            if not program.server:
                self._ask("startProcess", program.name, False)
        deadline = time.monotonic() + READY_SECONDS
        while not (self._site_answers() and self._all_run()):
            self.watch()
            if time.monotonic() > deadline or self._keeps_dying():
                raise Failed(self._why_not_ready())
            time.sleep(0.2)

    def _keeps_dying(self) -> bool:
        return any(len(deaths) >= DEATHS for deaths in self._deaths.values())

    def _all_run(self) -> bool:
        return all(info["statename"] == "RUNNING" for info in self.info())

    def _site_answers(self) -> bool:
        try:
            with urlopen(f"http://{machine.HOST}:{self.place.ports['web']}/healthz", timeout=3) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _why_not_ready(self) -> str:
        down = [str(info["name"]) for info in self.info() if info["statename"] != "RUNNING"]
        what = f"Not running: {', '.join(down)}." if down else "The site does not answer."
        lines = [f"The desk is not ready. {what}"]
        lines.extend(f"Last lines of {name}:\n{self.log_tail(name)}" for name in down or ["web"])
        return "\n".join(lines)

    # Watch.

    def log_tail(self, name: str, lines: int = 12) -> str:
        return machine.tail(self.place.logs / f"{name}.log", lines)

    def watch(self) -> None:
        """Notices processes that died since the last look; three deaths in a minute are told, with the log."""
        info = self.info()
        now = time.monotonic()
        for item in info:
            name, pid = str(item["name"]), int(item["pid"])
            before = self._seen.get(name, 0)
            if before and pid != before:
                self._died(name, now)
            self._seen[name] = pid
        machine.write_private(self.place.state / "run" / "pids.json", json.dumps(self.pids_with_births(info)))

    def _died(self, name: str, now: float) -> None:
        deaths = self._deaths[name]
        deaths.append(now)
        while deaths and now - deaths[0] > WITHIN:
            deaths.popleft()
        if not self.ready:
            return
        if len(deaths) >= DEATHS:
            self.tell(
                f"{name} died {len(deaths)} times within a minute and is being restarted. "
                f"Its last lines:\n{self.log_tail(name)}"
            )
            deaths.clear()
        else:
            self.tell(f"{name} died; supervisor starts it again.")

    def pids_with_births(self, info: list[dict[str, Any]]) -> dict[str, tuple[int, str]]:
        return {str(item["name"]): (int(item["pid"]), birth(int(item["pid"]))) for item in info if item["pid"]}

    def run(self) -> int:
        """Watches until supervisor ends or a signal arrives, then stops everything."""
        assert self.process  # noqa: S101  start() came before
        with stopped_by_signals():
            try:
                while self.process.poll() is None:
                    self.watch()
                    time.sleep(0.5)
                self.tell("supervisor ended; see " + str(self.place.logs / "supervisor.log"))
                return 1
            except KeyboardInterrupt:
                self.tell("Stopping ...")
                return 0
            finally:
                self.stop()

    # Stop.

    def stop(self) -> None:
        """Ends every process in reverse order and waits until none is left."""
        births = self.pids_with_births(self.info()) or recorded(self.place.state)
        pid = read_pid(self.place.state / "run" / "supervisor.pid")
        if self.process and self.process.poll() is None:
            pid = self.process.pid
        if pid and is_supervisor(pid):
            self._stop_processes()
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            self._wait_gone(pid)
        for left, born in births.values():
            if left and birth(left) == born:  # orphans of a supervisor that was killed
                end_group(left)
        for name in ("pids.json", "supervisor.pid"):
            (self.place.state / "run" / name).unlink(missing_ok=True)

    def _stop_processes(self) -> None:
        """Workers all at once, then the servers; supervisor by itself would go one by one, a second each."""
        servers = {"postgres", "valkey"}
        for stage in (self.pids().keys() - servers, servers):
            deadline = time.monotonic() + STOP_SECONDS
            names = self.pids().keys() & stage
            for name in names:
                with contextlib.suppress(OSError, Fault):
                    self._ask("stopProcess", name, False)
            while names & self.pids().keys() and time.monotonic() < deadline:
                time.sleep(0.05)

    def _wait_gone(self, pid: int) -> None:
        deadline = time.monotonic() + STOP_SECONDS
        while time.monotonic() < deadline:
            if self.process and self.process.pid == pid:
                if self.process.poll() is not None:
                    return
            elif not is_supervisor(pid):
                return
            time.sleep(0.1)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def schema_mark() -> str:
    """A digest of everything in the code that decides tables, triggers and rights."""
    patterns = ("*/migrations/*.py", "*/sql/*", "*/grants.py", "*/models.py", "config/roles.py", "config/schema.json")
    total = hashlib.sha256()
    for path in sorted(path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()):
        total.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return total.hexdigest()


@contextlib.contextmanager
def stopped_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end `run` as Ctrl-C does."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
