"""The processes of one installation and the supervisor configuration that runs them."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from config import embedded, machine
from config.installation import Installation
from config.state import ROOT

CELERY = ("-m", "celery", "-A")
WORKER = ("worker", "--without-mingle", "--without-gossip", "--loglevel", "INFO")
THREADS = "8"


@dataclass(frozen=True)
class Program:
    """One process: its command, its database login, and how it likes to be stopped."""

    name: str
    arguments: tuple[str, ...]
    role: str
    stop: str = "TERM"
    stop_seconds: int = 12
    server: bool = False


def programs(place: Installation) -> list[Program]:
    """Everything that runs, servers first."""
    return [*_servers(place), *_workers(place)]


def _servers(place: Installation) -> Iterator[Program]:
    for name, used, stop in (("postgres", not place.own_database, "INT"), ("valkey", not place.own_broker, "TERM")):
        if used:
            arguments = ("-m", "config.embedded", name, str(place.base))
            yield Program(name, arguments, "", stop, stop_seconds=embedded.STOP_SECONDS, server=True)


def _workers(place: Installation) -> Iterator[Program]:
    manage = str(ROOT / "manage.py")
    bind = f"{machine.HOST}:{place.ports['web']}"
    yield Program("sequencer", (manage, "sequencer"), "sequencer")
    yield Program("anchor", (manage, "anchor"), "sequencer")
    yield Program("keeper", (manage, "keeper"), "router")
    yield Program("drain", (manage, "drain"), "executor")
    yield Program("executors", (*CELERY, "config.celery:desk", *WORKER, "-n", "executors@%h", "-c", "2"), "executor")
    yield Program("agents", (*CELERY, "config.celery:agent", *WORKER, "-n", "agents@%h", "-c", "2"), "agent")
    gunicorn = (
        "-m", "gunicorn", "config.wsgi", "--bind", bind, "--worker-class", "gthread", "--preload",
        "--workers", "2", "--threads", THREADS, "--graceful-timeout", "2", "--access-logfile", "-",
        "--access-logformat", '%(t)s "%(m)s %(U)s" %(s)s %(M)sms', "--no-control-socket",
    )  # fmt: skip
    yield Program("web", gunicorn, "web")


def configuration(place: Installation, socket: Path) -> str:
    """The text of supervisor.conf. Its own log and socket are readable by this user alone."""
    head = f"""\
[supervisord]
nodaemon=true
umask=077
identifier=assentry
{user_line()}logfile={ini(place.logs)}/supervisor.log
logfile_maxbytes=2MB
logfile_backups=1
pidfile={ini(place.state)}/run/supervisor.pid
childlogdir={ini(place.logs)}

[unix_http_server]
file={ini(socket)}
chmod=0700

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
    return head + "".join(_section(place, program, rank) for rank, program in enumerate(programs(place), 1))


def user_line() -> str:
    """Root says so once, or supervisor warns about it at each start."""
    return "user=root\n" if os.geteuid() == 0 else ""


def _section(place: Installation, program: Program, rank: int) -> str:
    """The rest of its environment a process inherits from supervisor; here stands what is its own."""
    command = shlex.join((sys.executable, *program.arguments))
    own = {"ASSENTRY_ROLE": program.role} | ({"REDIS_URL": ""} if program.role == "web" else {})
    environment = ",".join(f'{name}="{value}"' for name, value in own.items())
    return f"""
[program:{program.name}]
command={ini(command)}
directory={ini(ROOT)}
environment={environment}
priority={rank}
autostart={"true" if program.server else "false"}
autorestart=true
startsecs=1
startretries=30
stopsignal={program.stop}
stopwaitsecs={program.stop_seconds}
killasgroup=true
redirect_stderr=true
stdout_logfile={ini(place.logs)}/{program.name}.log
stdout_logfile_maxbytes=5MB
stdout_logfile_backups=1
"""


def ini(value: object) -> str:
    """A value as supervisor reads it: % starts an expansion there."""
    return str(value).replace("%", "%%")
