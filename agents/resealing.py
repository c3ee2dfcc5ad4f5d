"""Seals what was stored before sealing was switched on, batch by batch. Login: owner, who alone may change such rows.

No verb of the desk changes a text once it lies there, and no runtime login may. Digests, votes and leaves stay.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from agents import sealed
from audit import seal
from audit.words import hidden

BATCH = 200


class Table(NamedTuple):
    """Rows that lie plain: `find` gives key columns last, `put` takes new values and the key."""

    name: str
    guards: str
    find: str
    put: str
    sealed: Callable[[Sequence[Any]], Sequence[Any]]


def reseal(say: Callable[[str], None] = lambda text: None) -> int:
    """All of it; can be broken off and started again. Each batch commits by itself. How many rows."""
    done = 0
    for table in TABLES:
        while some := _batch(table):
            done += some
            say(f"{table.name}: {done} rows so far")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit.search")  # derived: the keeper files it again, under keyed hashes
    return done


@transaction.atomic
def _batch(table: Table) -> int:
    with connection.cursor() as cursor, _unguarded(cursor, table):
        cursor.execute(table.find, [BATCH])
        rows = cursor.fetchall()
        if rows:
            cursor.executemany(table.put, [table.sealed(row) for row in rows])
    return len(rows)


@contextmanager
def _unguarded(cursor: Any, table: Table) -> Iterator[None]:
    """The guards are off for this transaction alone: others wait for it, and a broken one puts them back."""
    for guard in table.guards.split():
        cursor.execute(f"ALTER TABLE {table.name} DISABLE TRIGGER {guard}")
    yield
    cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # no table with checks outstanding can be altered
    for guard in table.guards.split():
        cursor.execute(f"ALTER TABLE {table.name} ENABLE ALWAYS TRIGGER {guard}")


def _content(row: Sequence[Any]) -> Sequence[Any]:
    case, actor, salt, body, event, field = row
    subject = seal.person(actor) if field == "identity" else None
    lies = seal.Sealer(case, subject).lying(bytes(salt), bytes(body), to_agents=field == "rationale")
    return *lies, event, field


def _revision(row: Sequence[Any]) -> Sequence[Any]:
    case, kind, dedup, number, salt, body, key = row
    mark = seal.proposal_mark(kind, dedup, bytes(body)) if number == 1 else seal.NO_SALT
    return *seal.Sealer(case).lying(bytes(salt), bytes(body), to_agents=True, mark=mark), key


def _message(row: Sequence[Any]) -> Sequence[Any]:
    case, kind, salt, body, key = row
    return *seal.Sealer(case).lying(bytes(salt), bytes(body), to_agents=kind == "question"), key


def _evidence(row: Sequence[Any]) -> Sequence[Any]:
    case, salt, body, key = row
    return *seal.Sealer(case).lying(bytes(salt), bytes(body)), key


def _journal(row: Sequence[Any]) -> Sequence[Any]:
    case, result, key = row
    return seal.seal(seal.readers(case, to_agents=True), seal.NO_SALT, bytes(result)), key


def _attempt(row: Sequence[Any]) -> Sequence[Any]:
    case, result, note, key = row
    to = seal.Sealer(case)
    return _raw(to, result), _text(to, note), key


def _run(row: Sequence[Any]) -> Sequence[Any]:
    run, title, args, result, error, blocked, key = row
    to = sealed.sealer(run)
    given, sides = _json(to, args), _json(to, blocked, plain=("seq", "cause"))
    return _text(to, title), given, _raw(to, result), _text(to, error), sides, key


def _text(to: seal.Sealer, words: str) -> str:
    return words if seal.is_sealed_text(words) else to.text(words)


def _raw(to: seal.Sealer, result: bytes | None) -> bytes | None:
    return result if result is None or bytes(result[:1]) == seal.MARK else to.raw(bytes(result))


def _json(to: seal.Sealer, text: str | None, *, plain: Sequence[str] = ()) -> Jsonb | None:
    value = None if text is None else json.loads(text)
    return None if value is None else Jsonb(value if sealed.HIDDEN in value else sealed.put(to, value, plain=plain))


def _search_text(row: Sequence[Any]) -> Sequence[Any]:
    label, words, fields, key = row
    said = f"{label} (sealed)"
    known = {path: [hidden(str(value)) for value in values] for path, values in (json.loads(fields or "{}")).items()}
    return said, said, [hidden(word) for word in words or ()], json.dumps(known), key


PUT = "UPDATE {} SET salt = %s, scheme = %s, body = %s WHERE {}"
TABLES = (
    Table(
        "audit.content", "no_change",
        "SELECT e.case_id, e.actor_ref, c.salt, c.body, c.event_id, c.field FROM audit.content c"
        " JOIN audit.event e ON e.id = c.event_id WHERE c.scheme = 0 LIMIT %s",
        PUT.format("audit.content", "event_id = %s AND field = %s"), _content,
    ),
    Table(
        "reviews_revisionbody", "reviews_revisionbody_kept",
        "SELECT 'action:' || a.id, a.type_id, a.dedup_key, r.number, b.salt, b.body, b.revision_id"
        " FROM reviews_revisionbody b JOIN reviews_revision r ON r.id = b.revision_id"
        " JOIN reviews_action a ON a.id = r.action_id WHERE b.scheme = 0 LIMIT %s",
        PUT.format("reviews_revisionbody", "revision_id = %s"), _revision,
    ),
    Table(
        "reviews_messagebody", "reviews_messagebody_kept",
        "SELECT 'action:' || m.action_id, m.kind, b.salt, b.body, b.message_id FROM reviews_messagebody b"
        " JOIN reviews_message m ON m.id = b.message_id WHERE b.scheme = 0 LIMIT %s",
        PUT.format("reviews_messagebody", "message_id = %s"), _message,
    ),
    Table(
        "reviews_evidencebody", "reviews_evidencebody_kept",
        "SELECT 'action:' || e.action_id, b.salt, b.body, b.evidence_id FROM reviews_evidencebody b"
        " JOIN reviews_evidence e ON e.id = b.evidence_id WHERE b.scheme = 0 LIMIT %s",
        PUT.format("reviews_evidencebody", "evidence_id = %s"), _evidence,
    ),
    Table(
        "agents_journal", "agents_no_change_journal",
        "SELECT 'run:' || j.run_id, j.result, j.id FROM agents_journal j"
        " WHERE j.kind IN ('step', 'wait') AND get_byte(j.result, 0) <> 1 LIMIT %s",
        "UPDATE agents_journal SET result = %s WHERE id = %s", _journal,
    ),
    Table(
        "reviews_attempt", "reviews_attempt_changes",
        "SELECT 'action:' || t.action_id, t.result, t.note, t.id FROM reviews_attempt t"
        " WHERE t.ended_at IS NOT NULL AND (get_byte(t.result, 0) <> 1 OR t.note !~ E'^(\\x01|$)') LIMIT %s",
        "UPDATE reviews_attempt SET result = %s, note = %s WHERE id = %s", _attempt,
    ),
    Table(
        "agents_run", "agents_guard_run agents_run_told",
        "SELECT r.id, r.title, r.args::text, r.result, r.error, r.blocked::text, r.id FROM agents_run r WHERE"
        " get_byte(r.result, 0) <> 1 OR r.error !~ E'^(\\x01|$)' OR r.title !~ E'^(\\x01|$)'"
        " OR (r.args <> '{}' AND NOT r.args ? E'\\x01') OR r.blocked ? 'recorded' LIMIT %s",
        "UPDATE agents_run SET title = %s, args = %s, result = %s, error = %s, blocked = %s WHERE id = %s", _run,
    ),
    Table(
        "reviews_searchtext", "reviews_searchtext_kept",
        "SELECT t.label, tsvector_to_array(s.words), s.fields::text, s.id FROM reviews_searchtext s"
        " JOIN reviews_action a ON a.id = s.action_id JOIN reviews_actiontype t ON t.name = a.type_id"
        " WHERE s.title <> t.label || ' (sealed)' LIMIT %s",
        "UPDATE reviews_searchtext SET title = %s, text = %s, words = array_to_tsvector(%s::text[]), fields = %s"
        " WHERE id = %s", _search_text,
    ),
)  # fmt: skip
