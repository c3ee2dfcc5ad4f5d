"""Reads what the checker judges out of the database and the sink."""

from __future__ import annotations

import hashlib
import json
from datetime import datetime
from pathlib import Path

from django.conf import settings
from django.db import connection

from audit.models import Event
from reviews.models import Action, Attempt, RevisionBody
from tests.faults.checker import Effect, History, Tried, read


def history(sink: Path | None = None, effects: list[Effect] | None = None) -> History:
    """Everything that happened on this database, and in this sink."""
    return read(
        [bytes(leaf) for leaf in Event.objects.order_by("n").values_list("leaf", flat=True)],
        [(str(a.action_id), _tried(a)) for a in Attempt.objects.all()],
        effects if effects is not None else sink_lines(sink),
        {str(pk): state for pk, state in Action.objects.values_list("id", "state")},
        {bytes(b.revision.digest): hashlib.sha256(bytes(b.body)).digest() for b in _bodies()},
        settings.TIMINGS.undo_low,
    )


def _bodies() -> list[RevisionBody]:
    return list(RevisionBody.objects.select_related("revision"))


def _tried(row: Attempt) -> Tried:
    return Tried(
        row.fence, row.key, row.leased_at.timestamp(), _seconds(row.effect_at), _seconds(row.ended_at), row.end
    )


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else moment.timestamp()


def sink_lines(sink: Path | None) -> list[Effect]:
    lines = sink.read_text().splitlines() if sink is not None and sink.exists() else []
    return [
        Effect(said["action"], said["key"], bytes.fromhex(said["sha256"]), said["at"])
        for said in map(json.loads, lines)
    ]


def unsettled() -> int:
    """How many actions are still on their way to an end."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM reviews_action WHERE state IN ('proposed', 'approved', 'executing')")
        return int(cursor.fetchone()[0])
