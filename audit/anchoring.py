"""Carries signed checkpoints outside on a schedule, collects cosignatures, and says in the log what is wrong.

A process of its own with the sequencer's login and without its key: whoever speaks to mail servers, git and
strangers' HTTP should hold nothing worth stealing, and what hangs here holds up no signature.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from audit import events, queries, services
from audit.anchors import Anchor, AnchorFailed, Copy
from audit.cosigning import Cosigner, ForkSeen
from audit.leading import CARRIER, lead, serve
from audit.notes import BadNote, Checkpoint, note, open_checkpoint
from audit.tree import range_root

logger = logging.getLogger(__name__)

TICK, RETRY, WATCH = 5.0, 60.0, 10.0
NEWEST = """
    SELECT c.size, c.root, c.body, c.signature, clock_timestamp() FROM audit.checkpoint c
    WHERE c.signature IS NOT NULL ORDER BY c.size DESC LIMIT 1
"""
TOLD = """
    INSERT INTO audit.anchor (name, kind, size, root, at, tried, error, forked)
    VALUES (%(name)s, %(kind)s, %(size)s, %(root)s, %(at)s, clock_timestamp(), %(error)s, %(forked)s)
    ON CONFLICT (name) DO UPDATE SET
        size = coalesce(excluded.size, anchor.size), root = coalesce(excluded.root, anchor.root),
        at = coalesce(excluded.at, anchor.at), tried = excluded.tried, error = excluded.error,
        forked = excluded.forked
"""
LAST_ALARMS = """
    SELECT DISTINCT ON (alarm) alarm, state FROM (
        SELECT n, j #>> '{data,alarm}' AS alarm, j #>> '{data,values,state}' AS state
        FROM audit.event e, LATERAL (SELECT convert_from(e.leaf, 'UTF8')::jsonb AS j) AS parsed
        WHERE e.name = 'log.alarm' AND e.case_id = %s) AS told
    ORDER BY alarm, n DESC
"""


@dataclass(frozen=True)
class Standing:
    """What is known of a place from earlier tries."""

    size: int
    at: datetime | None
    tried: datetime


def newest_copy() -> Copy | None:
    """The newest signed checkpoint with every signature there is under it; None before the first."""
    with connection.cursor() as cursor:
        cursor.execute(NEWEST)
        row = cursor.fetchone()
    if row is None:
        return None
    size, root, body, signature, now = row
    text = note(body, signature + "".join(queries.cosignatures(size).get(size, ())))
    return Copy(settings.LOG_ORIGIN, size, bytes(root), text, now)


class Carrier:
    """Brings each place its copy when it is due. One leader; others stand by."""

    def __init__(self, places: Sequence[Anchor], witnesses: Sequence[Cosigner]) -> None:
        self.places = [*witnesses, *places]  # witnesses first, so that the other copies carry their lines
        self.watched_at = 0.0

    def run(self, stop: threading.Event) -> None:
        """Until `stop` is set; a lost database costs the leadership and nothing else."""
        serve("anchor", lead=lambda: lead(CARRIER), term=lambda: self._serve(stop), stop=stop, every=TICK)

    def _serve(self, stop: threading.Event) -> None:
        _forget_others([place.name for place in self.places])
        waited = WATCH
        while not stop.is_set():
            self.carry(stop=stop)
            if waited >= WATCH:
                watch()
                waited = 0.0
            stop.wait(TICK)
            waited += TICK

    def carry(self, *, now: bool = False, stop: threading.Event | None = None) -> list[str]:
        """One round over all places; with `now` whether due or not. What failed, in words."""
        failed = []
        for place in self.places:
            copy = newest_copy()
            if copy is None or (stop is not None and stop.is_set()):
                break
            if (now or _due(place, copy, _standing(place.name))) and (words := self._bring(place, copy)):
                failed.append(f"{place.name}: {words}")
        return failed

    def _bring(self, place: Anchor, copy: Copy) -> str:
        """Compare with what lies there, then leave a copy. What is wrong, or ""."""
        try:
            demand_same_history(place, copy)
            place.keep(copy)
        except ForkSeen as error:
            logger.error("anchor: fork seen: %s", error)
            _tell(place, error=str(error), forked=True)
            return str(error)
        except AnchorFailed as error:
            logger.warning("anchor: %s: %s", place.name, error)
            _tell(place, error=str(error))
            return str(error)
        _tell(place, copy)
        return ""


def demand_same_history(place: Anchor, copy: Copy) -> None:
    """Raises ForkSeen if the place's last note, signed by the log, is longer than the log or has another root."""
    found = read_back(place)
    if found is None:
        return
    if found.size > copy.size:
        raise ForkSeen(f"{place.name} has {found.size} entries, this log {copy.size}: it was restored or cut")
    if root_at(found.size) != found.root:
        raise ForkSeen(f"{place.name} has another history of the first {found.size} entries")


def read_back(place: Anchor) -> Checkpoint | None:
    """The newest checkpoint of this log that lies there; what the log did not sign is said and does not count."""
    text = place.newest()
    if text is None:
        return None
    try:
        found = open_checkpoint(text, queries.vkeys(queries.EVERY_EVENT))
    except BadNote as error:
        if place.kind != "http":  # a GET may give anything
            raise AnchorFailed(f"what lies there is no checkpoint of this log: {error}") from error
        return None
    return found if found.origin == settings.LOG_ORIGIN else None


def root_at(size: int) -> bytes:
    """The root over the first `size` leaves, from the rows of the leaves themselves."""
    return range_root(queries.nodes(size, published=False), 0, size)


def _due(place: Anchor, copy: Copy, standing: Standing | None) -> bool:
    if standing is None:
        return True
    if copy.at - standing.tried < timedelta(seconds=min(RETRY, place.growing)):
        return False
    if standing.at is None:
        return True
    grown = copy.size > standing.size
    return copy.at - standing.at >= timedelta(seconds=place.growing if grown else place.resting)


def _standing(name: str) -> Standing | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(size, 0), at, tried FROM audit.anchor WHERE name = %s", [name])
        row = cursor.fetchone()
    return None if row is None else Standing(*row)


def _tell(place: Anchor, copy: Copy | None = None, *, error: str = "", forked: bool = False) -> None:
    told: dict[str, Any] = {"name": place.name, "kind": place.kind, "error": error[:500], "forked": forked}
    told |= {"size": None, "root": None, "at": None} if copy is None else vars(copy)
    with connection.cursor() as cursor:
        cursor.execute(TOLD, told)


def _forget_others(names: Sequence[str]) -> None:
    """Places that are no longer named raise no alarm about their age."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM audit.anchor WHERE name <> ALL (%s)", [list(names)])


def watch() -> list[str]:
    """Write into the log which alarms began and which are over; the codes that changed."""
    found = {alarm.code: alarm for alarm in queries.alarms()}
    with transaction.atomic():
        chain = services.load_chain(f"log:{settings.LOG_ORIGIN}")
        changed = list(_changes(set(found), _standing_alarms(chain.case)))
        for code, state in changed:
            numbers = found[code].values if code in found else {}
            data = events.LogAlarm(alarm=code, values={"state": state, **numbers})
            actor = services.Actor("system", "anchor")
            entry = services.prepare(name=events.EventName.LOG_ALARM, data=data, chain=chain, actor=actor)
            services.record([entry])
            chain = entry.next
    for code, state in changed:
        logger.warning("anchor: alarm %s %s", code, state)
    return [f"{code} {state}" for code, state in changed]


def _changes(now: set[str], before: set[str]) -> Iterator[tuple[str, str]]:
    yield from ((code, "raised") for code in sorted(now - before))
    yield from ((code, "cleared") for code in sorted(before - now))


def _standing_alarms(case: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(LAST_ALARMS, [case])
        return {alarm for alarm, state in cursor.fetchall() if state == "raised"}
