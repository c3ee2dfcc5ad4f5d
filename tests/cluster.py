"""The tests' own PostgreSQL: started once per run, migrated once per state of the code, copied per worker.

Migrating and provisioning go through the logins that production uses: `owner` owns every object, so a
SECURITY DEFINER function has no more power here than there. The result is kept, stopped, under
/var/tmp and copied for the next run. Set ASSENTRY_TEST_CLUSTER=DIR to keep one server running in DIR
and share it between runs; `make test-one` does.
"""

from __future__ import annotations

import atexit
import fcntl
import functools
import hashlib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

from config import roles
from config.embedded import Postgres
from config.env import ROLES
from config.machine import HOST, ServerError, account, folder, free_port, keep_secret, write_private
from config.state import ROOT

PREFIX = "assentry_"
TEMPLATE = "assentry_template"
PARTS = (
    "*/migrations/*.py", "*/sql/*", "*/sql/**/*", "*/grants.py", "*/states.py", "*/events.py", "*/events/*.py",
    "*/models.py", "*/models/*.py", "config/roles.py", "config/embedded.py", "config/settings.py",
    "config/management/commands/provision.py", "requirements.txt", "tests/cluster.py",
)  # fmt: skip
KEEP = 4


@functools.cache
def code_mark() -> str:
    """A digest of everything that decides what the migrated database looks like."""
    found = sorted({path for pattern in PARTS for path in ROOT.glob(pattern) if path.is_file()})
    total = hashlib.sha256()
    for path in found:
        total.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes() + b"\0")
    return total.hexdigest()[:16]


def shared() -> Path:
    """Where finished templates are kept, one folder per OS user."""
    return Path(tempfile.gettempdir() if sys.platform == "darwin" else "/var/tmp") / f"assentry-tests-{os.getuid()}"  # noqa: S108


def set_environment() -> None:
    """Points the settings at the cluster of this run; called when Django's settings are imported."""
    base = Path(os.environ.get("ASSENTRY_TEST_BASE") or _new_base())
    os.environ["ASSENTRY_TEST_BASE"] = str(base)
    place = json.loads((base / "ports.json").read_text(encoding="utf-8"))
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    name = database_name()
    password = keep_secret(base / "superuser.password")
    os.environ.update(
        {
            "DATABASE_URL": f"postgresql://postgres:{password}@{HOST}:{place['postgres']}/{name}",
            "REDIS_URL": f"redis://{HOST}:{place['valkey']}/0",
            "PUBLIC_URL": "http://127.0.0.1:8000",
            "ASSENTRY_ROLE": "superuser",
            "ASSENTRY_ROLE_PREFIX": PREFIX,
            "ASSENTRY_PROFILE": os.environ.get("ASSENTRY_TEST_PROFILE", "test"),
            "ASSENTRY_STATE": str(base / "state" / worker),
            "ASSENTRY_SECRETS": str(base / "secrets"),
            "ASSENTRY_SHARED_SECRETS": "true",
            "ASSENTRY_LOG_KEY": str(base / "secrets" / "log.key"),
        }
    )
    for name in (
        "ASSENTRY_ONE_ROLE",
        "ASSENTRY_DB_PASSWORD",
        "ASSENTRY_AGENT_MODULES",
        "ASSENTRY_INBOX",
        "ASSENTRY_LEDGER",
    ):
        os.environ.pop(name, None)


def _new_base() -> Path:
    """The folder of this run's cluster: the developer's own, or a new one that goes when the run ends."""
    kept = os.environ.get("ASSENTRY_TEST_CLUSTER")
    os.environ.setdefault("ASSENTRY_TEST_RUN", str(os.getpid()))
    who = account()
    base = folder(Path(kept).resolve() if kept else Path(tempfile.mkdtemp(prefix="assentry-test-", dir=_tmp())), who)
    with locked(base):
        if not (base / "ports.json").exists():
            write_private(base / "ports.json", json.dumps({"postgres": free_port(), "valkey": free_port()}))
    _copy_secrets(base)
    folder(base / "state", who)
    if not kept:
        write_private(base / "pid", f"{os.getpid()}\n")
        atexit.register(remove, base, os.getpid())
        _sweep()
    return base


def _sweep() -> None:
    """Ends the clusters of runs that were killed, and removes their folders."""
    for path in Path(_tmp()).glob("assentry-test-*/pid"):
        try:
            if not _lives(int(path.read_text(encoding="utf-8"))):
                server(path.parent).stop()
                shutil.rmtree(path.parent, ignore_errors=True)
        except (OSError, ValueError, ServerError):
            continue  # another run sweeps the same folder, or it is somebody else's


def _copy_secrets(base: Path) -> None:
    """All clusters of one OS user have the same passwords, so that a finished cluster can be copied."""
    folder(base / "secrets", account())
    with locked(folder(shared(), account()), "secrets"):
        keep_secret(shared() / "superuser.password")
        names = {role: keep_secret(shared() / f"{role}.password") for role in ROLES}
    write_private(base / "superuser.password", keep_secret(shared() / "superuser.password") + "\n")
    for name, value in names.items():
        write_private(base / "secrets" / name, value + "\n")


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder that the servers' unprivileged user can reach, removed afterwards."""
    path = folder(Path(tempfile.mkdtemp(prefix="assentry-scratch-", dir=_tmp())), account())
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _tmp() -> str:
    return "/var/tmp" if os.access("/var/tmp", os.W_OK) else tempfile.gettempdir()  # noqa: S108


@contextmanager
def locked(base: Path, name: str = "base") -> Iterator[None]:
    """One at a time, over processes."""
    with (base / f"{name}.lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def base() -> Path:
    return Path(os.environ["ASSENTRY_TEST_BASE"])


def server(at: Path | None = None) -> Postgres:
    where = at or base()
    port = json.loads((where / "ports.json").read_text(encoding="utf-8"))["postgres"]
    return Postgres(where, port, fsync=False, settings={"max_connections": "200"})


def ensure_started() -> Postgres:
    """The running cluster with an up-to-date template in it; whoever comes first does the work."""
    with locked(base()):
        cluster = server()
        if not cluster.running():
            _from_cache(cluster)
            cluster.prepare()
            cluster.start()
        if not _has_template(cluster):
            _build_template(cluster)
            _drop_leftovers(cluster)
    return cluster


def _drop_leftovers(cluster: Postgres) -> None:
    """In a kept cluster: templates of older code, and databases of runs that were killed."""
    with psycopg.connect(cluster.superuser_url(), autocommit=True) as connection:
        query = "SELECT datname FROM pg_database WHERE datname ~ '^(test_[0-9]+_|assentry_template_)' ORDER BY oid DESC"
        names = [str(row[0]) for row in connection.execute(query).fetchall()]
        templates = [name for name in names if name.startswith(TEMPLATE)]
        runs = [name for name in names if not name.startswith(TEMPLATE) and not _lives(int(name.split("_")[1]))]
        for name in (*templates[KEEP:], *runs):
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _from_cache(cluster: Postgres) -> None:
    """Copies a finished cluster of this state of the code; a kept folder goes on with what it has."""
    if cluster.data.exists():
        return
    folder(shared(), account())
    with locked(shared(), "clusters"):
        kept = shared() / code_mark()
        if not (kept / "done").exists():
            _make_cache(kept)
        os.utime(kept)
        subprocess.run(["cp", "-a", f"{kept}/postgres", f"{cluster.base}/"], check=True)


def _make_cache(kept: Path) -> None:
    shutil.rmtree(kept, ignore_errors=True)
    folder(kept, account())
    _copy_secrets(kept)
    write_private(kept / "ports.json", json.dumps({"postgres": free_port()}))
    cluster = server(kept)
    cluster.prepare()
    cluster.start()
    try:
        _build_template(cluster)
    finally:
        cluster.stop()
    (kept / "done").touch()
    others = sorted((path for path in shared().iterdir() if path.is_dir()), key=lambda path: path.stat().st_mtime)
    for path in others[:-KEEP]:
        shutil.rmtree(path, ignore_errors=True)


def _template_name() -> str:
    return f"{TEMPLATE}_{code_mark()}"


def _has_template(cluster: Postgres) -> bool:
    with psycopg.connect(cluster.superuser_url(), autocommit=True) as connection:
        query = "SELECT 1 FROM pg_database WHERE datname = %s"
        return connection.execute(query, [_template_name()]).fetchone() is not None


def _build_template(cluster: Postgres) -> None:
    """Roles, migrations and rights, as a deployment would make them; then out of reach as a template."""
    draft = f"draft_{os.getpid()}_{secrets.token_hex(3)}"
    passwords = {role: keep_secret(cluster.base / "secrets" / role) for role in ROLES}
    with psycopg.connect(cluster.superuser_url(), autocommit=True) as connection:
        roles.create(connection, prefix=PREFIX, database=draft, passwords=passwords)
        try:
            for command in ("migrate", "provision"):
                manage(cluster, draft, command, "--skip-checks")
        except BaseException:
            connection.execute(f'DROP DATABASE "{draft}" WITH (FORCE)')
            raise
        connection.execute(f'ALTER DATABASE "{draft}" RENAME TO "{_template_name()}"')


def manage(cluster: Postgres, database: str, *command: str) -> str:
    """Runs a management command under its own login on a database of the tests' cluster; its output."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(("ASSENTRY_", "DJANGO_", "COV_"))}
    env |= {
        "DATABASE_URL": f"postgresql://{HOST}:{cluster.port}/{database}",
        "REDIS_URL": f"redis://{HOST}:1/0",
        "ASSENTRY_SECRETS": str(cluster.base / "secrets"),
        "ASSENTRY_STATE": str(cluster.base / "state"),
        "ASSENTRY_PROFILE": "test",
    }
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *command],
        env=env,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(
            f"manage.py {' '.join(command)} failed on the tests' database:\n{done.stdout[-3000:]}{done.stderr[-6000:]}"
        )
    return done.stdout


def database_name() -> str:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    return f"test_{os.environ['ASSENTRY_TEST_RUN']}_{worker}"


def fresh_database(name: str) -> None:
    """A database of this name as the migrations leave it; an older one of that name goes, with its connections."""
    with psycopg.connect(server().superuser_url(), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        connection.execute(
            f'CREATE DATABASE "{name}" TEMPLATE "{_template_name()}" OWNER "{PREFIX}owner" STRATEGY FILE_COPY'
        )
        roles.open_database(connection, prefix=PREFIX, database=name)


def drop_database(name: str) -> None:
    with psycopg.connect(server().superuser_url(), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


def login_url(role: str, database: str | None = None) -> str:
    """A connection string as one of the logins, with its password: what a process of production has."""
    password = keep_secret(base() / "secrets" / role)
    return f"postgresql://{roles.login(PREFIX, role)}:{password}@{HOST}:{server().port}/{database or database_name()}"


def remove(where: Path, pid: int) -> None:
    """Stops this run's cluster and removes its folder; only the process that made it does."""
    if os.getpid() != pid:
        return
    server(where).stop()
    shutil.rmtree(where, ignore_errors=True)


if __name__ == "__main__":  # for `make test-one`: a folder of this user's, outside the working tree
    sys.stdout.write(f"{shared()}/kept-{hashlib.sha256(str(ROOT).encode()).hexdigest()[:8]}\n")
