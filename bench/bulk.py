"""Rows at volume, loaded with the desk's triggers off, as only their owner could; then they are on again, ALWAYS."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

TABLES = (
    "reviews_action",
    "reviews_revision",
    "reviews_revisionbody",
    "reviews_decision",
    "reviews_item",
    "audit.event",
)


@contextmanager
def triggers_off(tables: tuple[str, ...] = TABLES) -> Iterator[None]:
    """Own triggers of these tables off inside; afterwards exactly those that were on are on again."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger"
            " WHERE NOT tgisinternal AND tgrelid = ANY(%s::regclass[])",
            [list(tables)],
        )
        found = cursor.fetchall()
        for table, name, _ in found:
            cursor.execute(f'ALTER TABLE {table} DISABLE TRIGGER "{name}"')
    yield
    with connection.cursor() as cursor:
        for table, name, enabled in found:
            mode = {"A": "ENABLE ALWAYS", "O": "ENABLE"}.get(_text(enabled))
            if mode:
                cursor.execute(f'ALTER TABLE {table} {mode} TRIGGER "{name}"')


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else value


def ready_actions(count: int, *, type_name: str, principal: object, queue: str = "default") -> None:
    """`count` actions that policy approved, released and ready to be leased, each with an event to go on from."""
    salt, body = bytes(32), b'{"text":"x"}'
    with triggers_off(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO reviews_action (id, type_id, type_version, proposer_id, owner_id, agent_version, dedup_key,"
            " confidence, risk, reversibility, effect_mode, effect_queue, needed, state, revision, digest, outcome,"
            " floors, policy_version, created_at, routed_at, valid_until, release_at, fence, failures, case_seq,"
            " case_head)"
            " SELECT gen_random_uuid(), t.name, t.version, p.id, p.owner_id, p.version, 'bulk/' || n, 0.99, t.risk,"
            " t.reversibility, t.effect_mode, %s, 1, 'approved', 1, sha256(%s::bytea || %s::bytea), 'auto_execute',"
            " '[]', 0, now(), now(), now() + interval '1 day', now() - interval '1 hour' + n * interval '1 ms', 0, 0,"
            " 1, sha256('\\x00'::bytea)"
            " FROM generate_series(1, %s) AS n, reviews_actiontype t, reviews_principal p"
            " WHERE t.name = %s AND p.id = %s",
            [queue, salt, body, count, type_name, principal],
        )
        cursor.execute(
            "INSERT INTO reviews_revision (id, action_id, number, digest, self_edit, event_id, created_at)"
            " SELECT gen_random_uuid(), id, 1, digest, false, gen_random_uuid(), now() FROM reviews_action"
            " WHERE dedup_key LIKE 'bulk/%%'"
        )
        cursor.execute(
            "INSERT INTO reviews_revisionbody (revision_id, salt, scheme, body)"
            " SELECT r.id, %s, 0, %s FROM reviews_revision r JOIN reviews_action a ON a.id = r.action_id"
            " WHERE a.dedup_key LIKE 'bulk/%%'",
            [salt, body],
        )
        cursor.execute(
            "INSERT INTO reviews_decision (id, action_id, revision, digest, verdict, purpose, via, risk, reason_code,"
            " round, seen_evidence, seen_message, event_id, created_at)"
            " SELECT gen_random_uuid(), id, 1, digest, 'approve', 'gate', 'policy', risk, 'policy', 0, 0, 0,"
            " gen_random_uuid(), now() FROM reviews_action WHERE dedup_key LIKE 'bulk/%%'"
        )
        cursor.execute(
            "INSERT INTO audit.event (leaf, id, name, at, case_id, case_seq, actor_ref, writer, leaf_hash)"
            " SELECT '', gen_random_uuid(), 'action.proposed', now(), 'action:' || id, 1, 'bench', 'router', case_head"
            " FROM reviews_action WHERE dedup_key LIKE 'bulk/%%'"
        )
        cursor.execute("ANALYZE")
