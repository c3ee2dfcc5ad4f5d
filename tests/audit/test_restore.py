"""A restore from an old backup on a real database: the careless way is caught, the lawful one makes good."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from audit.notes import Signer
from audit.reopen import reopen
from audit.restoring import NotRestored, lost_events
from audit.sequencer import Refused, Sequencer
from config import roles
from reviews.models import Action, Stop
from reviews.states import Status
from tests import build, cluster
from tests.audit.customers import SECRET, erase, lying, of_8812
from tests.audit.world import World, judge, sql
from tests.logins import as_role

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
NOTE = {"customer": "8812", "amount": 100, "note": f"to {SECRET}"}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setattr(settings, "LOG_ORIGIN", "desk.example.org/log")
    monkeypatch.setattr(settings, "SECRETS_DIR", tmp_path)  # keys of receipts are of one log
    made = World(tmp_path, tables=False)
    monkeypatch.setattr(settings, "ANCHOR_DIR", made.anchor)
    return made


def copied(source: str, target: str) -> None:
    """The database as it is now, under another name: what a backup keeps."""
    connection.close()
    with psycopg.connect(cluster.server().superuser_url(), autocommit=True) as place:
        place.execute(f'DROP DATABASE IF EXISTS "{target}" WITH (FORCE)')
        place.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [source])
        owner = f"{cluster.PREFIX}owner"
        place.execute(f'CREATE DATABASE "{target}" TEMPLATE "{source}" OWNER "{owner}" STRATEGY FILE_COPY')
        roles.open_database(place, prefix=cluster.PREFIX, database=target)


def test_an_old_backup_is_caught_and_the_lawful_way_makes_good(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live, backup = cluster.database_name(), f"{cluster.database_name()}_backup"
    house = build.house()
    build.wait_for_release(build.rejected(house, "refund.issue", payload=NOTE).id)
    waiting = build.released(house, "mail.send")
    world.sequence()
    copied(live, backup)
    lease = build.take()
    with as_role("executor"):
        from reviews import services

        services.begin(lease=lease)
        services.finish(lease=lease, end=build.AttemptEnd.SUCCEEDED, result=b'"done"')
    assert erase(house, of_8812()).texts
    world.sequence()
    copied(backup, live)
    assert lying(SECRET) > 0

    # Careless: the next sequencer on the restored database.
    with as_role("sequencer"):
        hasty = Sequencer(world.signer, world.anchor)
        assert hasty.lead()
        with pytest.raises(Refused):
            hasty.prepare()
    connection.close()

    # Lawful: a new log that names the old one, then making good.
    monkeypatch.setattr(settings, "LOG_ORIGIN", "desk.example.org/log/2")
    with as_role("web"), pytest.raises(NotRestored, match="log_reopen"):
        lost_events(world.anchor)
    signer = Signer.generate(settings.LOG_ORIGIN)
    with as_role("sequencer"):
        old, restored = reopen(signer=signer, previous=world.anchor, reason="disk lost")
    assert old.size > restored
    again = World(tmp_path / "second", tables=False)
    again.signer, again.sequencer = signer, Sequencer(signer, again.anchor)
    again.sequence()
    said = io.StringIO()
    with as_role("web"), pytest.raises(CommandError, match="no open account"):
        call_command("after_restore", str(world.anchor), by="nobody", stdout=said)
    with as_role("web"):
        call_command("after_restore", str(world.anchor), by="lin", stdout=said)
    told = said.getvalue()
    assert lying(SECRET) == 0
    assert "Everything is stopped." in told and "EFFECT MAY HAVE HAPPENED" in told
    assert f"action:{waiting.id}: here approved" in told
    assert Stop.objects.get(lifted_at=None).scope == "all"
    with as_role("executor"):
        from reviews import services

        assert services.lease(queue="default", types=build.types(), worker="w") is None
    assert Action.objects.get(pk=waiting.pk).state == Status.APPROVED
    again.sequence()
    monkeypatch.setattr(settings, "ANCHOR_DIR", again.anchor)
    assert judge(again.export())[:2] == (0, {})
    assert sql("SELECT count(*) FROM reviews_revisionbody b JOIN reviews_revision r ON r.id = b.revision_id"
               " JOIN reviews_action a ON a.id = r.action_id WHERE a.type_id = 'refund.issue'") == [(0,)]  # fmt: skip
    bundle = next((world.anchor / "tile" / "entries").rglob("*"))
    while bundle.is_dir():
        bundle = next(bundle.iterdir())
    bundle.write_bytes(bundle.read_bytes().replace(b"attempt.begun", b"attempt.begum"))
    with as_role("web"), pytest.raises(NotRestored, match="not those"):
        lost_events(world.anchor)
    cluster.drop_database(backup)


def test_nothing_to_make_good_is_said(world: World, monkeypatch: Any) -> None:
    build.house()
    world.sequence()
    with as_role("web"), pytest.raises(NotRestored, match="open the new log first"):
        lost_events(world.anchor)
