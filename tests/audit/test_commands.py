"""What an operator types, and writers of one case at the same moment."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, connections, transaction

from audit import events as ev
from audit.entries import Actor, prepare
from audit.events import EventName as Name
from audit.notes import Signer
from audit.services import load_chain, record
from tests.audit.world import World, judge, sql
from tests.logins import as_role


@pytest.mark.django_db
def test_an_export_is_written_once_and_says_how_to_check_it(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world.live(1)
    place = tmp_path / "out"
    with as_role("auditor"):
        call_command("audit_export", str(place))
        assert f"check: python {place / 'verify.py'} {place}" in capsys.readouterr().out
        with pytest.raises(CommandError, match="is not empty"):
            call_command("audit_export", str(place))
        call_command("audit_export", str(tmp_path / "closed"), "--closed")
    assert judge(place)[:2] == (0, {})
    assert b"salt" not in (tmp_path / "closed" / "content.jsonl").read_bytes()


@pytest.mark.django_db
def test_a_case_cannot_be_exported_before_anything_is_signed(world: World, tmp_path: Path) -> None:
    case, _ = world.propose()
    with as_role("auditor"), pytest.raises(CommandError, match="nothing is signed yet"):
        call_command("audit_export", str(tmp_path / "out"), "--case", case)


@pytest.mark.django_db
def test_reconciliation_says_what_differs(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    world.live(1)
    with as_role("auditor"):
        call_command("audit_reconcile")
    assert "agree" in capsys.readouterr().out
    with world.unguarded():
        sql("UPDATE audit.event SET writer = 'router' WHERE name = 'decision.recorded'")
    with as_role("auditor"), pytest.raises(CommandError, match="disagree"):
        call_command("audit_reconcile")
    assert "COLUMNS (1 in all)" in capsys.readouterr().err
    with as_role("auditor"):
        call_command("audit_export", str(tmp_path / "out"))  # made all the same: others judge by it
    assert "COLUMNS (1 in all)" in capsys.readouterr().err
    assert (tmp_path / "out" / "manifest.json").is_file()


def test_a_key_is_made_once_and_its_public_line_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "secrets" / "log.key"
    call_command("log_key", str(path))
    line = capsys.readouterr().out.strip()
    assert line == Signer.read(path).vkey
    assert line.startswith(f"{settings.LOG_ORIGIN}+")
    with pytest.raises(CommandError, match="never overwritten"):
        call_command("log_key", str(path))
    call_command("log_key", str(path), "--if-missing")
    assert capsys.readouterr().out.strip() == line


@pytest.mark.django_db(transaction=True)
def test_two_writers_of_one_long_lived_case_follow_each_other(alone: None) -> None:
    met, seen = threading.Barrier(2), []

    def write(number: int) -> None:
        try:
            with as_role_of_thread():
                met.wait(20)
                with transaction.atomic():
                    chain = load_chain("policy:default")
                    seen.append(chain.seq)
                    data = ev.StopPlaced(stop=str(number), scope="all")
                    record([prepare(name=Name.STOP_PLACED, data=data, chain=chain, actor=Actor("human", "psn_x"))])
        finally:
            connections.close_all()

    with as_role("web"):
        threads = [threading.Thread(target=write, args=(n,)) for n in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert sorted(seen) == [0, 1]
    assert sql("SELECT case_seq FROM audit.event WHERE case_id = 'policy:default' ORDER BY n") == [(1,), (2,)]


class as_role_of_thread:  # noqa: N801  reads like as_role
    """The thread's own connection as web; the setting is its parent's already."""

    def __enter__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET SESSION AUTHORIZATION assentry_web")

    def __exit__(self, *_: object) -> None:
        return None


@pytest.mark.django_db(transaction=True)
def test_one_chain_end_used_twice_is_refused_the_second_time(alone: None) -> None:
    with as_role("web"):
        with transaction.atomic():
            chain = load_chain("policy:default")
            data = ev.StopPlaced(stop="s", scope="all")
            entries = [
                prepare(name=Name.STOP_PLACED, data=data, chain=chain, actor=Actor("human", "psn_x")) for _ in range(2)
            ]
            record(entries[:1])
        with pytest.raises(DatabaseError) as caught, transaction.atomic():
            record(entries[1:])
    assert caught.value.__cause__.sqlstate == "23505"  # type: ignore[union-attr]
    assert sql("SELECT count(*) FROM audit.event") == [(1,)]
