"""make demo as a stranger meets it: a fresh clone, its own environment, real processes."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import pytest

from config.machine import Account, answers, free_port, this_user
from config.processes import birth
from config.state import ROOT
from tests.cluster import scratch

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
READY = 400
PROCESSES = {"agents", "anchor", "drain", "executors", "keeper", "postgres", "sequencer", "valkey", "web"}


def _hear_ctrl_c() -> None:
    """A suite started in the background has SIGINT ignored, and children inherit that; a terminal's have not."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


class Clone:
    """A clone that belongs to one OS user, and the commands that this user types in it."""

    def __init__(self, path: Path, user: Account) -> None:
        self.path = path
        self.user = user
        self.port = free_port()
        home = path / "home"
        home.mkdir()
        user.own(home)
        self.environ = {"PATH": os.environ["PATH"], "HOME": str(home), "PORT": str(self.port)}
        self.environ |= {name: value for name, value in os.environ.items() if name.startswith("PIP_")}

    def popen(self, *command: str) -> subprocess.Popen[str]:
        options = self.user.popen() if self.user.uid != os.geteuid() else {}
        return subprocess.Popen(
            command, cwd=self.path / "assentry", env=self.environ, text=True, start_new_session=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, preexec_fn=_hear_ctrl_c, **options,  # noqa: PLW1509
        )  # fmt: skip

    def run(self, *command: str) -> str:
        process = self.popen(*command)
        out, _ = process.communicate(timeout=300)
        assert process.returncode == 0, out
        return out

    def start(self) -> tuple[subprocess.Popen[str], str, float]:
        """`make demo` until it says that it is ready; what it said, and how long that took."""
        began = time.monotonic()
        process = self.popen("make", "demo")
        assert process.stdout
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                return process, said, time.monotonic() - began
            if time.monotonic() - began > READY:
                break
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        raise AssertionError(said)

    def pids(self) -> dict[str, int]:
        said, _ = self.popen("make", "status").communicate(timeout=60)  # not 0 while one is starting again
        found = re.findall(r"^  (\w+) +RUNNING +pid (\d+)", said, re.MULTILINE)
        return {name: int(pid) for name, pid in found}


def users() -> list[str]:
    return ["self", "nobody"] if os.geteuid() == 0 else ["self"]


@pytest.fixture(params=users())
def clone(request: pytest.FixtureRequest) -> Iterator[Clone]:
    user = this_user()
    if request.param != "self":
        entry = pwd.getpwnam(request.param)
        user = Account(request.param, entry.pw_uid, entry.pw_gid)
    with scratch() as path:
        path.chmod(0o755)
        subprocess.run(["git", "clone", "-q", f"file://{ROOT}", str(path / "assentry")], check=True)
        for each in (path / "assentry", *(path / "assentry").rglob("*")):
            os.chown(each, user.uid, user.gid, follow_symlinks=False)
        made = Clone(path, user)
        try:
            yield made
        finally:
            made.popen("make", "reset").communicate(timeout=120)


def until(condition: object, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_a_fresh_clone_starts_answers_heals_stops_and_starts_again(clone: Clone) -> None:
    if not shutil.which("make"):
        pytest.skip("make is not installed")
    process, said, _ = clone.start()
    url = re.search(r"is ready at (http://127\.0\.0\.1:\d+)", said)
    assert url, said
    assert url[1].endswith(str(clone.port))
    with urlopen(url[1] + "/healthz", timeout=10) as answer:
        assert answer.status == 200
    with urlopen(url[1] + "/", timeout=10) as answer:
        assert "Sign in" in answer.read().decode()
    pids = clone.pids()
    assert pids.keys() == PROCESSES

    os.kill(pids["drain"], signal.SIGKILL)
    until(lambda: clone.pids().get("drain", pids["drain"]) != pids["drain"])

    assert "already running at " + url[1] in clone.run("make", "demo")
    pids = clone.pids()
    os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C in a terminal does
    rest, _ = process.communicate(timeout=120)
    assert "drain died; supervisor starts it again." in rest
    assert "Stopping" in rest
    until(lambda: not [name for name, pid in pids.items() if birth(pid)], 30)
    assert not answers(clone.port)

    process, again, seconds = clone.start()
    passwords = re.findall(r"^  (\w+) +([\w-]{20,})", said, re.MULTILINE)
    assert len(passwords) >= 5
    assert re.findall(r"^  (\w+) +([\w-]{20,})", again, re.MULTILINE) == passwords
    assert seconds < 60  # five times what it takes
    pids = clone.pids()
    assert "Stopped." in clone.run("make", "stop")
    process.communicate(timeout=60)
    until(lambda: not [name for name, pid in pids.items() if birth(pid)], 30)
    clone.run("make", "reset")
    assert not (clone.path / "assentry" / ".assentry").exists()
    assert clone.run("git", "status", "--short") == ""


def test_what_a_machine_lacks_is_named(tmp_path: Path) -> None:
    """No Python that is new enough: one sentence, with the package to install."""
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "dirname", "cksum", "cut", "id", "sed", "cat", "tr", "rm"):
        (tools / name).symlink_to(shutil.which(name) or "/bin/false")
    old = tools / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    done = subprocess.run(
        ["sh", str(ROOT / ".ci" / "venv"), "make", str(tmp_path / "venv"), "requirements.txt"],
        env={"PATH": str(tools)}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "Assentry needs Python 3.11 or newer" in done.stderr
    assert not (tmp_path / "venv").exists()


@pytest.mark.skipif(sys.platform == "darwin", reason="apt is Debian's")
def test_a_python_without_venv_is_told_what_to_install(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("sh", "dirname", "cksum", "cut", "id", "sed", "cat", "tr", "rm"):
        (tools / name).symlink_to(shutil.which(name) or "/bin/false")
    half = tools / "python3"
    half.write_text('#!/bin/sh\ncase "$2" in *ensurepip*) exit 1;; esac\nexit 0\n')
    half.chmod(0o755)
    done = subprocess.run(
        ["sh", str(ROOT / ".ci" / "venv"), "make", str(tmp_path / "venv"), "requirements.txt"],
        env={"PATH": str(tools)}, cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "apt install python3-venv" in done.stderr
