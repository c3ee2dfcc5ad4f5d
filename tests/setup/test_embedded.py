"""The embedded servers admit nobody without a password, and end when they are told to."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from config.embedded import ACL, Postgres, Valkey
from config.machine import HOST, ServerError, account, answers, folder, free_port, keep_secret
from tests.cluster import scratch


@pytest.fixture(scope="module")
def base() -> Iterator[Path]:
    with scratch() as path:
        yield path


@pytest.fixture(scope="module")
def postgres(base: Path) -> Iterator[Postgres]:
    server = Postgres(base, free_port(), fsync=False)
    assert server.prepare() is True
    server.start()
    yield server
    server.stop()
    assert not answers(server.port)


@pytest.fixture(scope="module")
def valkey(base: Path) -> Iterator[Valkey]:
    server = Valkey(base, free_port(), {name: f"pw-{name}" for name in ACL})
    server.prepare()
    server.start()
    yield server
    server.stop()
    assert not answers(server.port)


def test_postgres_demands_the_password_it_was_made_with(postgres: Postgres) -> None:
    with psycopg.connect(postgres.superuser_url()) as connection:
        assert connection.execute("SHOW password_encryption").fetchone() == ("scram-sha-256",)
        rules = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        assert rules == [("scram-sha-256",)]
        assert connection.execute("SHOW listen_addresses").fetchone() == (HOST,)
        assert connection.execute("SHOW unix_socket_directories").fetchone() == ("",)
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://postgres:wrong@{HOST}:{postgres.port}/postgres")
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(f"postgresql://postgres@{HOST}:{postgres.port}/postgres")


def test_postgres_never_runs_as_root_and_shows_nobody_its_files(postgres: Postgres) -> None:
    pid = int((postgres.data / "postmaster.pid").read_text().splitlines()[0])
    assert Path(f"/proc/{pid}").stat().st_uid == account().uid != 0
    assert stat.S_IMODE(postgres.data.stat().st_mode) == 0o700
    assert stat.S_IMODE(postgres.password_file.stat().st_mode) == 0o600
    assert not (postgres.base / "initdb.password").exists()


def test_a_second_start_keeps_the_data(postgres: Postgres) -> None:
    with psycopg.connect(postgres.superuser_url(), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 7 AS n")
    postgres.stop()
    assert not postgres.running()
    assert postgres.prepare() is False
    postgres.start()
    with psycopg.connect(postgres.superuser_url()) as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def client(valkey: Valkey, user: str, password: str | None = None) -> redis.Redis:
    return redis.Redis(host=HOST, port=valkey.port, username=user, password=password or valkey.passwords[user])


def test_valkey_without_a_user_only_answers_ping(valkey: Valkey) -> None:
    with redis.Redis(host=HOST, port=valkey.port) as nobody:
        assert nobody.ping() is True
        for attempt in (lambda: nobody.get("desk:x"), lambda: nobody.set("desk:x", 1), nobody.flushall):
            with pytest.raises(redis.exceptions.NoPermissionError):
                attempt()


@pytest.mark.parametrize(
    ("user", "own", "foreign"), [("executor", "desk:x", "agent:x"), ("agent", "agent:x", "desk:x")]
)
def test_workers_reach_their_own_keys_only(valkey: Valkey, user: str, own: str, foreign: str) -> None:
    with client(valkey, user) as worker:
        assert worker.lpush(own, "x") >= 1
        for attempt in (
            lambda: worker.lpush(foreign, "x"),
            worker.flushall,
            lambda: worker.config_get("*"),
            worker.shutdown,
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                attempt()
        assert worker.delete(own) == 1


def test_the_keeper_may_ring_and_nothing_else(valkey: Valkey) -> None:
    with client(valkey, "router") as keeper:
        assert keeper.lpush("desk:desk.doorbell", "ring") == 1
        for attempt in (
            lambda: keeper.rpop("desk:desk.doorbell"),
            lambda: keeper.get("desk:other"),
            lambda: keeper.lpush("desk:other", 1),
        ):
            with pytest.raises(redis.exceptions.NoPermissionError):
                attempt()
    with client(valkey, "executor") as worker:
        assert worker.rpop("desk:desk.doorbell") == b"ring"


def test_valkey_keeps_only_hashes_of_passwords(valkey: Valkey) -> None:
    text = (valkey.data / "users.acl").read_text() + (valkey.data / "valkey.conf").read_text()
    assert "pw-" not in text
    with pytest.raises(redis.exceptions.AuthenticationError):
        client(valkey, "agent", "wrong").ping()


def test_a_secret_is_made_once_and_private(tmp_path: Path) -> None:
    first = keep_secret(tmp_path / "word")
    assert keep_secret(tmp_path / "word") == first
    assert len(first) >= 40
    assert stat.S_IMODE((tmp_path / "word").stat().st_mode) == 0o600


def test_a_data_folder_of_somebody_else_is_refused(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make a folder of somebody else")
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 12_345, 12_345)
    with pytest.raises(ServerError, match="belongs to another user"):
        folder(tmp_path / "theirs", account())


def test_a_taken_port_is_not_chosen(postgres: Postgres) -> None:
    assert free_port([postgres.port]) != postgres.port
