"""A new master key: ordered by one login, carried out by another, broken off and gone on with, and nothing is lost."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, transaction

from audit import keys, rekeying, seal
from tests import build
from tests.audit.customers import SECRET
from tests.audit.test_sealing import NOTE, sealed  # noqa: F401  a desk that seals
from tests.audit.world import World, judge, sql
from tests.logins import as_role
from tests.web.pages import Browser

pytestmark = pytest.mark.django_db


def run(role: str, command: str, *options: str) -> str:
    out = io.StringIO()
    with as_role(role):
        call_command(command, *options, stdout=out)
    return out.getvalue()


def opened(house: build.House, item: Any) -> bool:
    return SECRET in Browser(house.ada).open(item).text


def told() -> list[dict[str, Any]]:
    rows = sql(
        "SELECT convert_from(leaf, 'UTF8') FROM audit.event WHERE name = 'privacy.master_changed' ORDER BY n"
    )  # fmt: skip
    return [json.loads(row[0])["data"] for row in rows]


@pytest.fixture
def house(sealed: build.House, monkeypatch: pytest.MonkeyPatch) -> build.House:  # noqa: F811
    monkeypatch.setattr(rekeying, "BATCH", 7)
    return sealed


def test_every_key_goes_to_the_new_master_key_and_every_text_stays_readable(
    house: build.House, desk: World, tmp_path: Path
) -> None:
    item = build.pending(house, "refund.issue", payload=NOTE)
    before = (tmp_path / "seal.key").read_text()
    old = seal.newest_master()
    count = sql("SELECT count(*) FROM audit.seal_key WHERE kind = 'subject'")[0][0]
    assert f"{count} keys lie under the old one" in run("web", "seal_keys", "--rotate")
    assert opened(house, item)
    said = run("owner", "rewrap")
    assert f"7 of {count} keys" in said and f"{count} of {count} keys" in said
    assert opened(house, item)  # both files lie there
    run("web", "seal_keys", "--finish")
    new = seal.newest_master()
    assert old is not None and new is not None and old.id != new.id
    assert rekeying.sealed_by() == {new.id: count}
    assert opened(house, item)
    assert (tmp_path / f"seal-{old.id}.key.old").read_text() == before
    assert not (tmp_path / "seal.key.next").exists()
    assert [(data["state"], data["keys"], data["old"], data["new"]) for data in told()] == [
        ("begun", count, str(old.id), str(new.id)), ("over", 0, str(old.id), str(new.id)),
    ]  # fmt: skip
    desk.sequence()
    assert judge(desk.export())[:2] == (0, {})
    assert run("web", "seal_keys") == "the keys are there\n"


def test_broken_off_it_goes_on_and_what_comes_meanwhile_is_under_the_new_key(
    house: build.House, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("web", "seal_keys", "--rotate")
    wrap, calls = seal.wrap, iter(range(10))

    def failing(*given: Any) -> bytes:
        if next(calls) == 9:
            raise KeyboardInterrupt
        return wrap(*given)

    with monkeypatch.context() as short, pytest.raises(KeyboardInterrupt):
        short.setattr(seal, "wrap", failing)
        run("owner", "rewrap")
    assert sorted(rekeying.sealed_by().values()) == [7, 23]  # whole batches
    assert "7 keys" not in run("web", "seal_keys", "--rotate")  # again: the same order
    with pytest.raises(CommandError, match="23 keys are still sealed to the old one"):
        run("web", "seal_keys", "--finish")
    sql("UPDATE audit.seal_key SET lookup = sha256(public) WHERE kind = 'subject' AND lookup IS NULL")
    with as_role("router"):
        assert keys.refill() == 30
    item = build.pending(house, "refund.issue", payload=NOTE)
    assert opened(house, item)
    assert "23 of 23 keys" in run("owner", "rewrap")
    assert "0 keys are sealed" in run("owner", "rewrap")
    run("web", "seal_keys", "--finish")
    assert opened(house, item)
    assert [data["state"] for data in told()] == ["begun", "over"]


def test_without_the_old_key_or_an_order_nothing_is_changed(house: build.House, tmp_path: Path) -> None:
    before = rekeying.sealed_by()
    with pytest.raises(CommandError, match=r"no seal\.key\.next"):
        run("owner", "rewrap")
    keys.write_key(tmp_path / "seal.key.next", seal.Private(keys.uuid7(), bytes(range(32))))
    with pytest.raises(CommandError, match="no event orders this"):
        run("owner", "rewrap")
    (tmp_path / "seal.key").rename(tmp_path / "away")
    for role, command, option in (("web", "seal_keys", "--rotate"), ("owner", "rewrap", "")):
        with pytest.raises(CommandError, match=r"there is no seal\.key in the secrets folder"):
            run(role, command, *([option] if option else []))
    keys.write_key(tmp_path / "seal.key", seal.Private(keys.uuid7(), bytes(32)))
    with pytest.raises(CommandError, match="whose file is not here"):
        run("web", "seal_keys", "--rotate")
    assert rekeying.sealed_by() == before
    assert told() == []


def test_a_key_that_the_old_one_does_not_open_is_named(house: build.House) -> None:
    run("web", "seal_keys", "--rotate")
    [(spoilt,)] = sql("SELECT id FROM audit.seal_key WHERE kind = 'subject' ORDER BY id DESC LIMIT 1")
    sql("ALTER TABLE audit.seal_key DISABLE TRIGGER ALL")
    sql("UPDATE audit.seal_key SET wrapped = substr(wrapped, 1, 95) || '\\x00' WHERE id = %s", spoilt)
    sql("ALTER TABLE audit.seal_key ENABLE ALWAYS TRIGGER assigned_once")
    with pytest.raises(CommandError, match=f"does not open the key {spoilt}"):
        run("owner", "rewrap")


@pytest.mark.parametrize("role", ["web", "router", "agent", "executor", "sequencer", "auditor", "owner"])
def test_nobody_changes_a_key_but_as_ordered(house: build.House, role: str) -> None:
    change = "UPDATE audit.seal_key SET wrapped = set_byte(wrapped, %s, 7) WHERE kind = 'subject'"
    for place in (3, 90):  # another master key, noise under the same one
        with as_role(role), pytest.raises(DatabaseError) as refused, transaction.atomic():
            sql(change, place)
        assert getattr(refused.value.__cause__, "sqlstate", "") == ("AU001" if role == "owner" else "42501")
