"""make demo's machinery: what each process is given, what a broken server is told, what stops."""

from __future__ import annotations

import configparser
import os
import shlex
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from supervisor.options import ServerOptions

from config.desk import DEATHS, Desk, Failed
from config.env import BadSettings, load
from config.installation import Installation, without_login
from config.machine import HOST, answers, data_root, free_port
from config.processes import birth, is_supervisor, recorded
from config.programs import configuration, programs
from config.state import ROOT, own_state
from tests.cluster import scratch

ROLE_OF = {
    "sequencer": "sequencer",
    "anchor": "sequencer",
    "keeper": "router",
    "drain": "executor",
    "executors": "executor",
    "agents": "agent",
    "web": "web",
}


@pytest.fixture
def place(tmp_path: Path) -> Installation:
    ports = {"web": 1, "postgres": 2, "valkey": 3}
    environ = {"ASSENTRY_MAIL_FROM": '"A 100% sender" <desk@example.org>'}
    return Installation(tmp_path / "state", ports=ports, environ=environ)


def sections(place: Installation) -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser()
    parser.read_string(configuration(place, Path("/run/s.sock")))
    return parser


def test_each_process_runs_under_its_own_login(place: Installation) -> None:
    assert {p.name: p.role for p in programs(place) if not p.server} == ROLE_OF
    for name, role in ROLE_OF.items():
        assert f'ASSENTRY_ROLE="{role}"' in sections(place)[f"program:{name}"]["environment"]


def test_web_is_not_told_where_redis_is(place: Installation) -> None:
    assert 'REDIS_URL=""' in sections(place)["program:web"]["environment"]
    environ = place.environment("web") | {"ASSENTRY_STATE": str(place.state), "ASSENTRY_SECRET_KEY": "x" * 50}
    assert load(environ).redis_url is None
    assert load(place.environment("executor")).redis_url == f"redis://{HOST}:3/0"


def test_no_password_stands_in_the_configuration_or_in_an_environment(tmp_path: Path) -> None:
    with scratch() as state:
        place = Installation(state / "state")
        place.prepare()
        secrets = [file.read_text().strip() for file in place.secrets.iterdir()]
        text = configuration(place, Path("/run/s.sock")) + (place.state / "demo.env").read_text()
        assert len(secrets) >= 11
        assert not [secret for secret in secrets if secret in text]
        modes = {stat.S_IMODE(file.stat().st_mode) for file in place.secrets.iterdir()}
        assert modes == {0o600}
        assert stat.S_IMODE(place.state.stat().st_mode) == 0o700
        if place.base != place.state:
            subprocess.run(["rm", "-rf", str(place.base)], check=True)


def test_odd_characters_in_paths_and_settings_reach_the_process_as_they_are(tmp_path: Path) -> None:
    odd = tmp_path / "a b'c"
    sender = '"A b 100%" <desk@example.org>'
    place = Installation(odd, ports={"web": 1, "postgres": 2, "valkey": 3}, environ={"ASSENTRY_MAIL_FROM": sender})
    for name in ("run", "log"):
        (odd / name).mkdir(parents=True)
    (odd / "run" / "supervisor.conf").write_text(configuration(place, odd / "s.sock"))
    options = ServerOptions()
    options.realize(["-c", str(odd / "run" / "supervisor.conf")])
    found = {config.name: config for group in options.process_group_configs for config in group.process_configs}
    assert shlex.split(found["postgres"].command)[-1] == str(place.base)
    assert found["web"].stdout_logfile == str(odd / "log" / "web.log")
    assert shlex.split(found["executors"].command)[-3] == "executors@%h"
    assert load(place.environment("web") | {"ASSENTRY_SECRET_KEY": "x" * 50}).mail_from == sender


def test_servers_of_ones_own_replace_the_embedded_ones(tmp_path: Path) -> None:
    given = {"DATABASE_URL": "postgresql://admin:pw@db:5432/desk", "REDIS_URL": "redis://cache:6379/0"}
    place = Installation(tmp_path, ports={"web": 1, "postgres": 2, "valkey": 3}, environ=given)
    assert [p.name for p in programs(place) if p.server] == []
    assert place.settings()["DATABASE_URL"] == "postgresql://db:5432/desk"
    one = Installation(tmp_path, ports=place.ports, environ=given | {"ASSENTRY_ONE_ROLE": "1"})
    assert one.settings()["DATABASE_URL"] == given["DATABASE_URL"]


def test_a_url_without_a_login_stays_as_it_is() -> None:
    assert without_login("postgresql://db:5432/desk?sslmode=require") == "postgresql://db:5432/desk?sslmode=require"


def test_a_state_folder_of_somebody_else_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSENTRY_STATE", raising=False)
    monkeypatch.setattr("config.state.ROOT", tmp_path)
    assert own_state() == tmp_path / ".assentry"
    (tmp_path / ".assentry").mkdir()
    assert own_state() == tmp_path / ".assentry"
    monkeypatch.setattr("os.geteuid", lambda: 54_321)
    assert own_state() != tmp_path / ".assentry"


def test_a_folder_that_cannot_be_made_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadSettings):
        Installation(tmp_path / "file" / "state").prepare()
    assert "Set ASSENTRY_STATE to a folder that this user may write to" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        (
            "DATABASE_URL",
            f"postgresql://admin:s3cret@{HOST}:{{port}}/desk",
            "PostgreSQL does not answer at 127.0.0.1:{port}",
        ),
        ("REDIS_URL", f"redis://u:s3cret@{HOST}:{{port}}/0", "Redis does not answer at 127.0.0.1:{port}/0"),
    ],
)
def test_a_broken_server_is_named_and_nothing_is_left_running(name: str, value: str, says: str) -> None:
    port = str(free_port())
    with scratch() as folder:
        desk = Desk(folder / "state", environ={name: value.replace("{port}", port)}, tell=lambda text: None)
        with pytest.raises(Failed) as failed:
            desk.start()
        assert says.replace("{port}", port) in str(failed.value)
        assert f"Check {name}, or unset it" in str(failed.value)
        assert "s3cret" not in str(failed.value)
        assert desk.process is not None
        desk.process.wait(timeout=60)  # it was told to end; how soon is the machine's
        assert not answers(desk.place.ports["postgres"])
        assert not answers(desk.place.ports["valkey"])
        subprocess.run(["rm", "-rf", str(data_root(folder / "state"))], check=True)


class Watched(Desk):
    """A desk whose processes are a list in the test."""

    listed: list[dict[str, object]]

    def info(self) -> list[dict[str, object]]:
        return self.listed


@pytest.fixture
def watched(tmp_path: Path) -> tuple[Watched, list[str]]:
    told: list[str] = []
    desk = Watched(tmp_path, tell=told.append)
    (tmp_path / "run").mkdir()
    (tmp_path / "log").mkdir()
    desk.ready = True
    return desk, told


def deaths(desk: Watched, name: str, count: int) -> None:
    for number in range(count + 1):
        desk.listed = [{"name": name, "pid": 900_000_000 + number}]
        desk.watch()


def test_one_death_is_told_in_a_line(watched: tuple[Watched, list[str]]) -> None:
    desk, told = watched
    deaths(desk, "keeper", 1)
    assert told == ["keeper died; supervisor starts it again."]


def test_three_deaths_in_a_minute_are_told_with_the_last_lines(watched: tuple[Watched, list[str]]) -> None:
    desk, told = watched
    (desk.place.logs / "keeper.log").write_text("first\n" * 50 + "the last words\n")
    deaths(desk, "keeper", DEATHS)
    assert told[-1].startswith("keeper died 3 times within a minute")
    assert told[-1].endswith("the last words")
    assert told[-1].count("first") < 15


def test_deaths_far_apart_are_not_an_alarm(watched: tuple[Watched, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    desk, told = watched
    clock = iter(range(0, 1000, 40))
    monkeypatch.setattr("config.desk.time.monotonic", lambda: float(next(clock)))
    deaths(desk, "web", 4)
    assert told == ["web died; supervisor starts it again."] * 4


def test_a_recorded_process_is_known_by_its_birth(tmp_path: Path) -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    born = birth(child.pid)
    assert born
    child.kill()
    child.wait()
    assert birth(child.pid) == ""
    assert recorded(tmp_path) == {}
    assert not is_supervisor(os.getpid())


def test_status_and_stop_of_nothing_say_so(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "ASSENTRY_STATE": str(tmp_path / "none"), "HOME": str(tmp_path)}
    for verb in ("status", "stop"):
        done = subprocess.run(
            [sys.executable, "-m", "config.supervise", verb],
            cwd=ROOT,
            env=environ,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stdout.split(".")[0]) == (0, "Assentry is not running")


def test_servers_stop_in_order_and_leave_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    with scratch() as folder:
        desk = Desk(folder / "state", tell=lambda text: None)
        desk.place.prepare()
        try:
            desk._start_supervisor()
            desk._wait_for_servers()
            deadline = time.monotonic() + 10
            while len(desk.pids()) < 2 and time.monotonic() < deadline:
                time.sleep(0.05)
            started = desk.pids()
            desk.watch()
        finally:
            desk.stop()
        assert set(started) == {"postgres", "valkey"}
        assert [birth(pid) for pid in started.values()] == ["", ""]
        assert recorded(desk.place.state) == {}
        subprocess.run(["rm", "-rf", str(desk.place.base)], check=True)
