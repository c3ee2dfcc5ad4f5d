"""Files sequenced events under their words, so that the search finds them. Login: router."""

import time
from collections.abc import Iterable
from uuid import UUID

from django.db import connection, transaction

from audit import registry, seal
from audit.words import tokens

BATCH = 250
TURN = 0.2  # seconds that a keeper's sweep may spend on it
LONGEST = 4_000  # characters of one text; an artefact may have a million


def index_for(seconds: float = TURN) -> int:
    """As many batches as fit into this time, at least one; how many events."""
    until, done = time.monotonic() + seconds, 0
    while some := index_next():
        done += some
        if time.monotonic() > until:
            break
    return done


def index_next(most: int = BATCH) -> int:
    """Index the next events in tree order; how many there were. Words and rows commit together."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT n, event, case_of FROM audit.index_next(%s)", [most])
        fresh = [(n, event, case) for n, event, case in cursor.fetchall()]
        if not fresh:
            return 0
        said = _texts({event for _, event, _ in fresh}, {case for _, _, case in fresh})
        words = [" ".join(tokens(" ".join(said.get(event, ())))) for _, event, _ in fresh]
        cursor.execute("SELECT audit.index_words(%s, %s)", [[n for n, _, _ in fresh], words])
    return len(fresh)


def _texts(events: set[UUID], cases: Iterable[str]) -> dict[UUID, list[str]]:
    """Every text of these events that can be read here."""
    found: dict[UUID, list[str]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT event_id, salt, scheme, body FROM audit.content WHERE event_id = ANY (%s) AND field <> 'identity'",
            [list(events)],
        )
        for event, salt, scheme, body in cursor.fetchall():
            value = seal.value(seal.Lying(bytes(salt), scheme, bytes(body)))
            found.setdefault(event, []).append((value or "")[:LONGEST])
    for source in registry.texts().values():
        for text in source(sorted(cases)):
            if text.event in events and text.body is not None:
                found.setdefault(text.event, []).append(text.body[:LONGEST].decode("utf-8", "ignore"))
    return found
