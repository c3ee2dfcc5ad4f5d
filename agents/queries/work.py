"""What there is to do for a worker, and what it can carry out."""

import json
from dataclasses import dataclass

from django.conf import settings
from django.db import connection
from django.db.models import Q
from pydantic import BaseModel

from agents import registry
from agents.effects import Handler
from agents.models import Run
from reviews.models import ActionType
from reviews.services.base import Clock


@dataclass(frozen=True, slots=True)
class HandledType:
    """An action type that this process can carry out."""

    name: str
    version: int
    handler: Handler
    model: type[BaseModel] | None
    timeout: float


def handled_types(queue: str) -> dict[str, HandledType]:
    """The types of an effect queue whose rows this process has the code for, in that version."""
    rows = ActionType.objects.filter(effect_queue=queue, has_handler=True)
    found = {}
    for row in rows:
        handler = registry.handler_of(row.name, row.source)
        declared = registry.find_type(row.name)
        if handler is None or (declared is not None and declared.version != row.version):
            continue
        model = declared.model if declared else None
        timeout = float(row.effect_timeout or settings.TIMINGS.effect_timeout)
        found[row.name] = HandledType(row.name, row.version, handler, model, timeout)
    return found


_READY = """
SELECT q.name FROM unnest(%s::text[]) AS q(name) WHERE EXISTS (
    SELECT FROM reviews_action a WHERE a.state = 'approved' AND a.effect_queue = q.name
      AND a.release_at <= statement_timestamp() {more})
"""
_LEASABLE = """
  AND NOT EXISTS (SELECT FROM reviews_circuit c
                  WHERE c.action_type_id = a.type_id AND c.probe_at > statement_timestamp())
  AND reviews_leasable(a.id)
"""
_DUE = """
SELECT d.effect_queue, extract(epoch FROM d.release_at - clock_timestamp())::float8
FROM unnest(%s::text[]) AS q(name) CROSS JOIN LATERAL (
    SELECT a.effect_queue, a.release_at FROM reviews_action a
    WHERE a.state = 'approved' AND a.effect_queue = q.name
      AND a.release_at > statement_timestamp() AND a.release_at <= statement_timestamp() + make_interval(secs => %s)
    ORDER BY a.release_at LIMIT 50) AS d
ORDER BY 2
"""


def effect_queues() -> list[str]:
    """Every queue that some type's effects go to."""
    names = ActionType.objects.filter(has_handler=True).values_list("effect_queue", flat=True)
    return sorted(set(names))


def ready_queues(queues: list[str]) -> list[str]:
    """Those of these effect queues with a released action. Login: router, executor."""
    return _names(_READY.format(more=""), [queues])


def leasable_queues(queues: list[str]) -> list[str]:
    """Those with an action that could be leased now: no stop, no open circuit. Login: executor."""
    return _names(_READY.format(more=_LEASABLE), [queues])


def _names(query: str, given: list[list[str]]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(query, given)
        return [row[0] for row in cursor.fetchall()]


def due_soon(queues: list[str], seconds: float) -> list[tuple[str, float]]:
    """Releases that fall due within `seconds`: queue, and how many seconds from now; soonest first."""
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [queues, seconds])
        return [(queue, float(left)) for queue, left in cursor.fetchall()]


def runs_to_advance() -> bool:
    """Whether a run could go on now: runnable, or with a runner that went silent."""
    late = Q(state="running", lease_until__lt=Clock())
    return Run.objects.filter(Q(state="runnable") | late).exists()


def registry_differences() -> list[str]:
    """Where the rows and this process's code say different things, in words; a worker then does not start."""
    rows = {row.name: row for row in ActionType.objects.filter(source="code")}
    found = []
    for kind in registry.types():
        row = rows.get(kind.name)
        if row is None:
            found.append(f"the action type {kind.name} is not in the database")
        elif row.version != kind.version:
            found.append(f"{kind.name}: the database knows version {row.version}, this code {kind.version}")
        elif row.schema != json.loads(json.dumps(kind.desk_half().values()["schema"])):
            found.append(f"{kind.name}: the payload's schema differs from the database's")
    return found
