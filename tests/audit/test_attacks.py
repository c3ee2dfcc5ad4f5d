"""What every runtime login tries on the record, and how each is refused. Rows before and after are compared."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from django.db import DatabaseError, connection, transaction

from audit import events as ev
from audit.canonical import b64, encode, stamp
from audit.entries import Actor, Chain, Entry, prepare
from audit.events import EventName as Name
from audit.services import NotAtomic, fresh, now, record
from tests.audit.world import sql, stand_alone
from tests.logins import as_role, connected

pytestmark = pytest.mark.django_db
ROLES = ("web", "router", "agent", "executor", "sequencer", "auditor")
FIRST: dict[str, tuple[Name, ev.EventData]] = {
    "web": (Name.STOP_PLACED, ev.StopPlaced(stop="s", scope="all")),
    "router": (Name.ACTION_EXPIRED, ev.ActionExpired()),
    "agent": (Name.ACTION_WITHDRAWN, ev.ActionWithdrawn()),
    "executor": (Name.ACTION_REVERSED, ev.ActionReversed(by="a")),
    "sequencer": (Name.LOG_ALARM, ev.LogAlarm(alarm="a")),
}
DENIED = {"42501"}
TAMPERING = {
    "update": "UPDATE audit.event SET leaf = leaf",
    "delete": "DELETE FROM audit.event",
    "truncate": "TRUNCATE audit.event",
    "upsert": "INSERT INTO audit.event (leaf) VALUES ('x') ON CONFLICT (id) DO UPDATE SET leaf = 'x'",
    "replication role": "SET session_replication_role = replica",
    "disabled trigger": "ALTER TABLE audit.event DISABLE TRIGGER ALL",
    "drop": "DROP TABLE audit.event CASCADE",
    "alter using": "ALTER TABLE audit.event ALTER COLUMN leaf TYPE bytea USING 'x'::bytea",
    "rule": "CREATE RULE nothing AS ON INSERT TO audit.event DO INSTEAD NOTHING",
    "forged n": "INSERT INTO audit.event (n, leaf) OVERRIDING SYSTEM VALUE VALUES (1, 'x')",
    "own columns": "INSERT INTO audit.event (leaf, writer) VALUES ('x', 'web')",
    "set role": "SET ROLE assentry_owner",
    "new function": "CREATE OR REPLACE FUNCTION audit.stamp() RETURNS trigger LANGUAGE sql AS 'SELECT 1'",
    "shadow": "CREATE FUNCTION pg_temp.sha256(bytea) RETURNS bytea LANGUAGE sql AS 'SELECT $1'",
    "shadow table": "CREATE TEMP TABLE event_name (name text, writers text[])",
    "vocabulary": "UPDATE audit.event_name SET writers = '{agent}'",
    "a login more": "INSERT INTO audit.login VALUES ('mallory', 'web')",
    "text deleted": "DELETE FROM audit.content",
    "text changed": "UPDATE audit.content SET body = 'x'",
    "job deleted": "DELETE FROM audit.job",
    "the queue": "INSERT INTO audit.pending VALUES (1, 'x')",
    "the queue changed": "UPDATE audit.pending SET n = 0",
    "a leaf changed": "UPDATE audit.leaf SET leaf_hash = leaf_hash",
    "a leaf deleted": "DELETE FROM audit.leaf",
    "a checkpoint's root": "UPDATE audit.checkpoint SET root = root",
    "a checkpoint deleted": "DELETE FROM audit.checkpoint",
    "the head deleted": "DELETE FROM audit.head",
    "the content's check": "SELECT audit.check_content()",
    "the view": "UPDATE audit.event_web SET leaf = 'x'",
}
SEQUENCERS_OWN = {
    "a leaf": "INSERT INTO audit.leaf VALUES (7, 7, sha256('x'))",
    "a checkpoint": "INSERT INTO audit.checkpoint (size, root, body) VALUES (7, sha256('x'), 'x')",
    "a signature": "UPDATE audit.checkpoint SET signature = 'x'",
    "the head": "UPDATE audit.head SET size = 7",
    "the queue": "DELETE FROM audit.pending",
}


@pytest.fixture(autouse=True)
def _record_alone(db: None) -> None:
    stand_alone()


def event(role: str = "web", **envelope: Any) -> Entry:
    """The first event of a new case, as this role writes it; `envelope` lies about parts of it."""
    name, data = FIRST[role]
    with as_role(role), transaction.atomic():
        who = Actor("agent" if role == "agent" else "system", role)
        entry = prepare(name=name, data=data, chain=fresh(f"x:{uuid4()}"), actor=who)
    leaf = json.loads(entry.leaf) | envelope
    return Entry(entry.id, encode(leaf), entry.hash, entry.case, entry.seq, entry.at)


def write(role: str, entry: Entry) -> None:
    with as_role(role), transaction.atomic():
        record([entry])


def refused(role: str, action: Callable[[], object]) -> str:
    """The SQLSTATE with which the login's attempt fails; an attempt that succeeds is an error."""
    with as_role(role), pytest.raises(DatabaseError) as caught, transaction.atomic():
        action()
    return str(getattr(caught.value.__cause__, "sqlstate", None))


def rows() -> list[Any]:
    return sql(
        "SELECT (SELECT json_agg(e ORDER BY n)::text FROM audit.event e), (SELECT count(*) FROM audit.pending),"
        " (SELECT json_agg(l)::text FROM audit.leaf l), (SELECT json_agg(c)::text FROM audit.checkpoint c),"
        " (SELECT json_agg(h)::text FROM audit.head h), (SELECT json_agg(c)::text FROM audit.content c),"
        " (SELECT json_agg(w ORDER BY w.name)::text FROM audit.event_name w), (SELECT count(*) FROM audit.login)"
    )


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("attack", TAMPERING)
def test_no_login_can_tamper(role: str, attack: str) -> None:
    write("web", event())
    before = rows()
    assert refused(role, lambda: sql(TAMPERING[attack])) in DENIED
    assert rows() == before


@pytest.mark.parametrize("role", [role for role in ROLES if role != "sequencer"])
@pytest.mark.parametrize("attack", SEQUENCERS_OWN)
def test_only_the_sequencer_touches_the_tree(role: str, attack: str) -> None:
    write("web", event())
    before = rows()
    assert refused(role, lambda: sql(SEQUENCERS_OWN[attack])) in DENIED
    assert rows() == before


@pytest.mark.parametrize("role", FIRST)
def test_an_event_of_ones_own_is_taken(role: str) -> None:
    entry = event(role)
    write(role, entry)
    found = sql(
        "SELECT name, writer, case_seq, leaf_hash = sha256('\\x00'::bytea || leaf) FROM audit.event WHERE id = %s",
        entry.id,
    )
    assert found == [(str(FIRST[role][0]), role, 1, True)]


def test_the_auditor_writes_nothing() -> None:
    entry = event("web", writer="auditor")
    assert refused("auditor", lambda: record([entry])) in DENIED


@pytest.mark.parametrize("role", FIRST)
def test_a_back_dated_event_is_refused(role: str) -> None:
    for wrong in (timedelta(seconds=-30), timedelta(days=-400), timedelta(seconds=5)):
        entry = event(role, at=stamp(now() + wrong))
        assert refused(role, lambda entry=entry: record([entry])) == "AU002"


@pytest.mark.parametrize("role", FIRST)
def test_nobody_writes_as_another(role: str) -> None:
    other = "web" if role != "web" else "router"
    for writer in (other, "superuser", "one", "owner", ""):
        entry = event(role, writer=writer)
        assert refused(role, lambda entry=entry: record([entry])) == "AU003"


@pytest.mark.parametrize("role", FIRST)
def test_only_web_writes_in_a_persons_name_and_only_agents_in_an_agents(role: str) -> None:
    kinds = {"web": {"human", "agent"}, "router": {"agent"}, "agent": {"agent"}}.get(role, set())
    for kind in ("human", "agent"):
        entry = event(role, actor={"auth": "", "kind": kind, "ref": "x", "role": "", "session": ""})
        if kind in kinds:
            write(role, entry)
        else:
            assert refused(role, lambda entry=entry: record([entry])) == "AU003"


@pytest.mark.parametrize("role", FIRST)
def test_nobody_writes_a_name_that_is_not_his(role: str) -> None:
    foreign = next(name for name in Name if role not in ev.WRITERS[name])
    for name in (str(foreign), "decision.made_up", ""):
        entry = event(role, name=name)
        assert refused(role, lambda entry=entry: record([entry])) == "AU004"


@pytest.mark.parametrize("role", FIRST)
def test_a_broken_chain_is_refused(role: str) -> None:
    good = event(role)
    write(role, good)
    zero = b64(bytes(32))
    for chain in ({"id": good.case, "seq": 2, "prev": zero}, {"id": good.case, "seq": 3, "prev": b64(good.hash)}):
        entry = event(role, case=chain)
        assert refused(role, lambda entry=entry: record([entry])) == "AU005"
    twice = event(role, case={"id": good.case, "seq": 1, "prev": zero})
    assert refused(role, lambda: record([twice])) == "23505"


ODD: list[tuple[str, bytes | dict[str, Any]]] = [
    ("no JSON", b"hello"),
    ("not UTF-8", b"\xff\xfe"),
    ("empty", b""),
    ("an array", b"[]"),
    ("a number", b"1"),
    ("null", b"null"),
    ("deep", b"[" * 60_000),
    ("oversize", {"request": "x" * 66_000}),
    ("no such time", {"at": "2026-13-45T00:00:00.000000Z"}),
    ("a time of another form", {"at": "now"}),
    ("no id", {"id": "x"}),
    ("no case", {"case": None}),
    ("an odd case", {"case": {"id": "Case", "seq": 1, "prev": "A" * 43}}),
    ("a fraction", {"case": {"id": "x:1", "seq": "1.5", "prev": "A" * 43}}),
    ("no actor", {"actor": None}),
    ("a stranger", {"actor": {"kind": "god", "ref": "x"}}),
    ("no data", {"data": None}),
    ("a key more", {"zzz": 1}),
    ("a wrong batch", {"batch": "x"}),
]


@pytest.mark.parametrize(("odd", "leaf"), ODD, ids=[odd for odd, _ in ODD])
def test_a_leaf_of_another_shape_is_refused(odd: str, leaf: bytes | dict[str, Any]) -> None:
    good = event()
    body = leaf if isinstance(leaf, bytes) else encode(json.loads(good.leaf) | leaf)
    before = rows()
    entry = Entry(good.id, body, good.hash, good.case, 1, good.at)
    assert refused("web", lambda: record([entry])) == "AU006"
    assert rows() == before


def test_a_key_written_twice_is_refused() -> None:
    good = event()
    twice = good.leaf[:-1] + b',"writer":"web"}'
    assert refused("web", lambda: record([Entry(good.id, twice, good.hash, good.case, 1, good.at)])) == "AU006"


def test_the_same_event_twice_is_refused() -> None:
    entry = event()
    write("web", entry)
    again = event(id=str(entry.id))
    assert refused("web", lambda: record([again])) == "23505"


def test_even_the_owner_cannot_change_rows_while_the_triggers_stand() -> None:
    write("web", event())
    for table in ("event", "leaf", "checkpoint", "head", "content"):
        for attack in ("DELETE FROM audit.{}", "TRUNCATE audit.{}"):
            if (table, attack[:6]) != ("content", "DELETE"):
                assert refused("owner", lambda t=table, a=attack: sql(a.format(t))) == "AU001"
    assert refused("owner", lambda: sql("UPDATE audit.event SET leaf = leaf")) == "AU001"


def test_the_guards_stand_for_a_replica_session_too() -> None:
    write("web", event())
    with pytest.raises(DatabaseError) as caught, transaction.atomic():
        sql("SET LOCAL session_replication_role = replica")
        sql("DELETE FROM audit.event")
    assert caught.value.__cause__.sqlstate == "AU001"  # type: ignore[union-attr]
    off = sql(
        "SELECT c.relname, t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid"
        " WHERE c.relnamespace = 'audit'::regnamespace AND NOT t.tgisinternal AND t.tgenabled <> 'A'"
    )
    assert off == []


def test_the_sequencer_cannot_change_what_it_has_signed() -> None:
    sql("INSERT INTO audit.checkpoint (size, root, body, signature) VALUES (1, sha256('x'), 'x', 'signed')")
    again = "UPDATE audit.checkpoint SET signature = 'another'"
    assert refused("sequencer", lambda: sql(again)) == "AU001"
    sql("UPDATE audit.head SET size = 3, frontier = sha256('x') || sha256('y')")
    assert refused("sequencer", lambda: sql("UPDATE audit.head SET size = 1, frontier = sha256('x')")) == "AU001"


def test_the_superuser_of_the_tests_is_in_no_list_of_writers() -> None:
    entry = event("web", writer="superuser")
    with pytest.raises(DatabaseError) as caught, transaction.atomic():
        record([entry])
    assert caught.value.__cause__.sqlstate == "AU004"  # type: ignore[union-attr]
    assert sql("SELECT audit.role()") == [("superuser",)]


def test_agents_and_executors_cannot_read_back_even_their_own_events() -> None:
    for role in ("agent", "executor"):
        for table in ("event", "event_web", "leaf", "content", "pending", "checkpoint", "job"):
            assert refused(role, lambda t=table: sql(f"SELECT 1 FROM audit.{t}")) in DENIED


def test_web_does_not_see_an_open_canary() -> None:
    case = f"canary:{uuid4()}"
    with as_role("router"), transaction.atomic():
        seeded = prepare(
            name=Name.CANARY_SEEDED, data=ev.CanarySeeded(canary="c"), chain=fresh(case), actor=Actor("system", "k")
        )
        record([seeded])
    with as_role("web"):
        assert sql("SELECT name FROM audit.event_web WHERE case_id = %s", case) == []
        assert sql("SELECT name FROM audit.event WHERE case_id = %s", case) == []
    with as_role("router"), transaction.atomic():
        scored = ev.CanaryScored(canary="c", caught=True)
        record([prepare(name=Name.CANARY_SCORED, data=scored, chain=seeded.next, actor=Actor("system", "k"))])
    with as_role("web"):
        found = sql("SELECT name FROM audit.event_web WHERE case_id = %s ORDER BY n", case)
    assert found == [("canary.seeded",), ("canary.scored",)]


def test_a_text_must_be_what_its_event_committed_to() -> None:
    with as_role("web"), transaction.atomic():
        name, data = FIRST["web"]
        chain = fresh(f"x:{uuid4()}")
        entry = prepare(name=name, data=data, chain=chain, actor=Actor("human", "p"), content={"reason": "why"})
        record([Entry(entry.id, entry.leaf, entry.hash, entry.case, 1, entry.at)])  # the event alone
    put = "INSERT INTO audit.content VALUES (%s, %s, %s, 0, %s)"
    secret = entry.contents[0]
    assert refused("web", lambda: sql(put, entry.id, "reason", secret.salt, b'["reason","else"]')) == "AU006"
    assert refused("web", lambda: sql(put, entry.id, "other", secret.salt, secret.body)) == "AU006"
    assert refused("web", lambda: sql(put, uuid4(), "reason", secret.salt, secret.body)) == "AU006"
    with as_role("web"):
        sql(put, entry.id, "reason", secret.salt, secret.body)
    assert hashlib.sha256(secret.salt + secret.body).digest() == bytes(
        sql("SELECT audit.committed(%s, 'reason')", entry.id)[0][0]
    )


def test_a_text_deleted_outside_the_erase_function_fails_at_commit() -> None:
    with as_role("web"), transaction.atomic():
        name, data = FIRST["web"]
        chain = fresh(f"x:{uuid4()}")
        entry = prepare(name=name, data=data, chain=chain, actor=Actor("human", "p"), content={"reason": "why"})
        record([entry])
    with pytest.raises(DatabaseError) as caught, transaction.atomic():
        sql("DELETE FROM audit.content WHERE event_id = %s", entry.id)
        sql("SET CONSTRAINTS ALL IMMEDIATE")
    assert caught.value.__cause__.sqlstate == "AU007"  # type: ignore[union-attr]

    def erased_in_silence() -> None:
        sql("SELECT audit.erase(%s, 'reason')", entry.id)
        sql("SET CONSTRAINTS ALL IMMEDIATE")

    assert refused("web", erased_in_silence) == "AU007"
    assert sql("SELECT count(*) FROM audit.content WHERE event_id = %s", entry.id) == [(1,)]


def test_attests_knows_exactly_what_happened() -> None:
    case = f"action:{uuid4()}"
    with as_role("router"), transaction.atomic():
        routed = ev.ActionRouted(outcome="review", mode="HITL", floors=[], policy_version=1, needed=1)
        actor = Actor("policy", "1")
        one = prepare(name=Name.ACTION_ROUTED, data=routed, chain=fresh(case), actor=actor, change=(None, "pending"))
        two = prepare(
            name=Name.ACTION_EXPIRED,
            data=ev.ActionExpired(),
            chain=one.next,
            actor=actor,
            change=("pending", "expired"),
        )
        record([one, two])
    attests = "SELECT audit.attests(%s, %s, %s, %s, %s, %s)"
    for role in ("agent", "executor"):  # they would learn what became of a case
        assert refused(role, lambda: sql(attests, case, 2, two.hash, "pending", "expired", None)) in DENIED
        assert refused(role, lambda: sql("SELECT seq FROM audit.tip(%s)", case)) in DENIED
    for role in ("web", "router", "sequencer", "auditor"):
        with as_role(role):
            assert sql(attests, case, 2, two.hash, "pending", "expired", None) == [(True,)]
            assert sql(attests, case, 2, two.hash, None, "pending", 0) == [(True,)]
            assert sql(attests, case, 2, two.hash, None, "pending", None) == [(False,)]
            assert sql(attests, case, 2, one.hash, "pending", "expired", None) == [(False,)]
            assert sql(attests, case, 3, two.hash, None, None, None) == [(False,)]
            assert sql("SELECT audit.has_event(%s, 'action.expired', %s)", two.id, case) == [(True,)]
            assert sql("SELECT audit.has_event(%s, 'action.expired', 'action:other')", two.id) == [(False,)]
            assert sql("SELECT seq FROM audit.tip(%s)", case) == [(2,)]


@pytest.mark.parametrize("role", ROLES)
def test_a_signed_in_login_cannot_become_another(role: str) -> None:
    with connected(role) as raw:
        assert raw.execute("SELECT audit.role()").fetchone() == (role,)
        for attack in ("SET SESSION AUTHORIZATION assentry_owner", "SET ROLE assentry_owner", "SET ROLE postgres"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                raw.execute(attack)
            raw.rollback()


def test_record_wants_a_transaction() -> None:
    connection.in_atomic_block, kept = False, connection.in_atomic_block
    try:
        with pytest.raises(NotAtomic):
            record([])
    finally:
        connection.in_atomic_block = kept


def test_a_wrong_model_never_reaches_the_database() -> None:
    chain = Chain("x:1", 0, bytes(32), now())
    with pytest.raises(TypeError, match="carries StopPlaced"):
        prepare(name=Name.STOP_PLACED, data=ev.StopLifted(stop="s"), chain=chain, actor=Actor("human", "p"))
