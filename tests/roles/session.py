"""A small desk built with plain SQL through the real logins, so that cheats have something to attack.

Nothing here uses the services: this is what a process could do with its password and psycopg. Each
step is one statement or two and its event; a cheat is a step done wrong.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
from django.test import override_settings
from psycopg.rows import dict_row

from audit import events
from audit.entries import Actor, Chain, Entry, prepare
from audit.events import EventName
from tests import cluster


def digest(salt: bytes, body: bytes) -> bytes:
    return hashlib.sha256(salt + body).digest()


@dataclass
class Session:
    """One login's open transaction."""

    connection: psycopg.Connection[Any]
    role: str
    entries: list[Entry] = field(default_factory=list)
    actor: Actor = Actor("system", "tests")  # noqa: RUF009  frozen

    def run(self, query: str, *values: object) -> list[dict[str, Any]]:
        cursor = self.connection.execute(query, values)
        return cursor.fetchall() if cursor.description else []

    def one(self, query: str, *values: object) -> dict[str, Any]:
        (row,) = self.run(query, *values)
        return row

    def changed(self, query: str, *values: object) -> int:
        return self.connection.execute(query, values).rowcount

    def action(self, action: UUID) -> dict[str, Any]:
        return self.one("SELECT * FROM reviews_action WHERE id = %s FOR NO KEY UPDATE", action)

    def event(
        self,
        name: EventName,
        data: events.EventData,
        action: UUID,
        *,
        seq: int,
        head: bytes,
        change: tuple[str | None, str] | None = None,
        commit: Mapping[str, bytes] | None = None,
        content: Mapping[str, str] | None = None,
    ) -> Entry:
        """Prepares the next event of an action's case and writes it at once."""
        return self.tell(
            name, data, f"action:{action}", seq=seq, head=head, change=change, commit=commit, content=content
        )

    def tell(self, name: EventName, data: events.EventData, case: str, *, seq: int, head: bytes, **more: Any) -> Entry:
        """The next event of any case."""
        at = self.one("SELECT clock_timestamp() AS at")["at"]
        with override_settings(DATABASE_ROLE=self.role, ONE_ROLE=self.role == "one"):
            chain = Chain(case, seq, head, at)
            entry = prepare(name=name, data=data, chain=chain, actor=self.actor, **more)
        self.run("INSERT INTO audit.event (leaf) VALUES (%s)", entry.leaf)
        return entry

    def step(self, name: EventName, data: events.EventData, action: UUID, to: str | None = None, **more: Any) -> Entry:
        """The next event of an existing action, read from its row."""
        row = self.action(action)
        change = (row["state"], to) if to and to != row["state"] else None
        return self.event(name, data, action, seq=row["case_seq"], head=bytes(row["case_head"]), change=change, **more)

    def move(self, action: UUID, entry: Entry, sets: str = "", *values: object) -> None:
        """Takes the action one event further, with whatever else changes (SQL of a SET list)."""
        more = f", {sets}" if sets else ""
        count = self.changed(
            f"UPDATE reviews_action SET case_seq = %s, case_head = %s{more} WHERE id = %s",
            entry.seq, entry.hash, *values, action,
        )  # fmt: skip
        assert count == 1


@dataclass
class World:
    """People, types and actions in every state that a cheat may want; in a database of its own."""

    database: str
    ids: dict[str, Any] = field(default_factory=dict)
    kept: dict[str, psycopg.Connection[Any]] = field(default_factory=dict)

    @contextmanager
    def session(self, role: str) -> Iterator[Session]:
        """A transaction of this login, committed at the end; rolled back when the block raises."""
        url = cluster.login_url("owner" if role == "one" else role, self.database)
        with closing(psycopg.connect(url, row_factory=dict_row)) as connection:  # a failed COMMIT closes it too
            yield Session(connection, role, actor=self.speaker(role))
            connection.commit()

    def speaker(self, role: str) -> Actor:
        """Who its events name: agents speak as themselves, the log refuses anything else."""
        return Actor("agent", str(self.ids.get("robot"))) if role == "agent" else Actor("system", "tests")

    def signed_in(self, role: str) -> Session:
        """A connection of this login that is kept: signing in takes longer than a cheat."""
        if role not in self.kept:
            self.kept[role] = psycopg.connect(cluster.login_url(role, self.database), row_factory=dict_row)
        return Session(self.kept[role], role, actor=self.speaker(role))

    def close(self) -> None:
        for connection in self.kept.values():
            connection.close()

    def __getitem__(self, name: str) -> Any:
        return self.ids[name]
