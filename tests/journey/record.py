"""What the journey reads of the desk's own database, as auditor: it can see everything and change nothing."""

from __future__ import annotations

from hashlib import sha256
from typing import Any, NamedTuple

import psycopg
from psycopg.rows import namedtuple_row

FINAL = ("rejected", "expired", "withdrawn", "succeeded", "failed", "reversed")


class Case(NamedTuple):
    """One parked call as it stands now."""

    id: str
    key: str  # conversation/message_index/tool_call_id, from the evidence's source
    type: str
    mode: str
    state: str
    revision: int


class Vote(NamedTuple):
    """One decision with what it was bound to. `sha256` is that of the bytes decided on."""

    action: str
    call: str
    type: str
    revision: int
    verdict: str
    reviewer: str
    reason_code: str
    via: str
    at: str
    retracted_at: str | None
    digest: str
    salt: str
    sha256: str
    key: str


class Work(NamedTuple):
    """An effect that has begun and not ended."""

    action: str
    fence: int
    worker: str
    mode: str


class Record:
    """A connection of its own, used by one thread."""

    def __init__(self, url: str) -> None:
        self._wire = psycopg.connect(url, autocommit=True, row_factory=namedtuple_row, connect_timeout=5)

    def close(self) -> None:
        self._wire.close()

    def _rows(self, query: str, *values: Any) -> list[Any]:
        return self._wire.execute(query, values).fetchall()

    def cases(self) -> list[Case]:
        found = self._rows(
            "SELECT a.id::text, coalesce(e.source, '') AS key, a.type_id AS type, a.effect_mode AS mode, a.state,"
            " a.revision FROM reviews_action a LEFT JOIN reviews_evidence e ON e.action_id = a.id AND e.number = 1"
            " WHERE a.run IS NOT NULL ORDER BY a.id"
        )
        return [Case(*row) for row in found]

    def runs(self) -> dict[str, int]:
        """How many runs are in each state."""
        return {row.state: row.n for row in self._rows("SELECT state, count(*) AS n FROM agents_run GROUP BY state")}

    def begun(self) -> list[Work]:
        """Effects under way."""
        found = self._rows(
            "SELECT a.id::text AS action, t.fence, t.worker, a.effect_mode AS mode FROM reviews_attempt t"
            " JOIN reviews_action a ON a.id = t.action_id WHERE t.effect_at IS NOT NULL AND t.ended_at IS NULL"
        )
        return [Work(*row) for row in found]

    def attempt_end(self, work: Work) -> str | None:
        found = self._rows(
            'SELECT "end" FROM reviews_attempt WHERE action_id = %s::uuid AND fence = %s', work.action, work.fence
        )
        return found[0][0] if found else None

    def running(self) -> list[tuple[str, str]]:
        """Runs that a worker holds now, with that worker."""
        return [(r.id, r.worker) for r in self._rows("SELECT id::text, worker FROM agents_run WHERE state = 'running'")]

    def happened(self) -> int:
        """Attempts that began their effect."""
        return int(self._rows("SELECT count(*) AS n FROM reviews_attempt WHERE effect_at IS NOT NULL")[0].n)

    def unfinished(self) -> int:
        """Actions that are not final."""
        return int(self._rows("SELECT count(*) AS n FROM reviews_action WHERE NOT state = ANY (%s)", list(FINAL))[0].n)

    def signed_to_the_end(self) -> bool:
        """Whether every event stands in the tree and under a signature."""
        text = (
            "SELECT NOT EXISTS (SELECT FROM audit.pending) AND (SELECT size FROM audit.head) ="
            " (SELECT coalesce(max(size), 0) FROM audit.checkpoint WHERE signature IS NOT NULL) AS done"
        )
        return bool(self._rows(text)[0].done)

    def edited(self) -> int:
        return int(self._rows("SELECT count(DISTINCT action_id) AS n FROM reviews_revision WHERE number > 1")[0].n)

    def doubted(self) -> set[str]:
        """Actions that were in doubt at some time, settled or not."""
        found = self._rows("SELECT DISTINCT case_id FROM audit.event WHERE name = 'attempt.in_doubt'")
        return {str(row[0]).removeprefix("action:") for row in found}

    def votes(self) -> list[Vote]:
        """Every decision of a person, oldest first, with the bytes it was bound to."""
        found = self._rows(
            "SELECT d.action_id::text, coalesce(e.source, '') AS call, a.type_id, d.revision, d.verdict, u.username,"
            " d.reason_code, d.via, d.created_at, x.created_at AS retracted_at, d.digest, b.salt, b.body"
            " FROM reviews_decision d JOIN reviews_action a ON a.id = d.action_id"
            " JOIN reviews_user u ON u.id = d.reviewer_id"
            " JOIN reviews_revision r ON r.action_id = d.action_id AND r.number = d.revision"
            " JOIN reviews_revisionbody b ON b.revision_id = r.id"
            " LEFT JOIN reviews_evidence e ON e.action_id = a.id AND e.number = 1"
            " LEFT JOIN reviews_retraction x ON x.decision_id = d.id"
            " WHERE a.run IS NOT NULL ORDER BY d.created_at, d.id"
        )
        return [_vote(row) for row in found]

    def policy_approvals(self) -> int:
        text = "SELECT count(*) AS n FROM reviews_decision WHERE reviewer_id IS NULL AND verdict = 'approve'"
        return int(self._rows(text)[0].n)


def _vote(row: Any) -> Vote:

    body, salt = bytes(row.body), bytes(row.salt)
    if sha256(salt + body).digest() != bytes(row.digest):
        raise AssertionError(f"decision on {row.action_id}: the bytes are not those of its digest")
    stamp = row.created_at.isoformat(timespec="microseconds")
    back = row.retracted_at.isoformat(timespec="microseconds") if row.retracted_at else None
    return Vote(
        row.action_id, row.call, row.type_id, row.revision, row.verdict, row.username, row.reason_code, row.via,
        stamp, back, bytes(row.digest).hex(), salt.hex(), sha256(body).hexdigest(),
        f"desk-{row.action_id}-{row.revision}",
    )  # fmt: skip
