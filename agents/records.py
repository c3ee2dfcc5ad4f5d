"""What an agent may read of its own past, through functions that look at its login. Login: agent."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection


def known_sources(run: str, sources: Sequence[str]) -> list[str]:
    """Which of these sources earlier runs of the same agent have proposed something for."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT agents_known_sources(%s::uuid, %s::text[])", [run, list(sources)])
        return sorted(source for (source,) in cursor.fetchall())


def rule_records(run: str, rules: Sequence[str]) -> dict[str, tuple[int, int]]:
    """For each rule (approved unchanged, decided by people) among this agent's earlier proposals."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM agents_rule_records(%s::uuid, %s::text[])", [run, list(rules)])
        return {rule: (approved, decided) for rule, approved, decided in cursor.fetchall()}
