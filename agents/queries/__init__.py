"""Reads of this app."""

from agents.queries.ends import ends_of_actions
from agents.queries.health import SILENT, alarms, backlog, health, processes
from agents.queries.work import (
    HandledType,
    due_soon,
    effect_queues,
    handled_types,
    leasable_queues,
    ready_queues,
    registry_differences,
    runs_to_advance,
)

__all__ = [
    "SILENT",
    "HandledType",
    "alarms",
    "backlog",
    "due_soon",
    "effect_queues",
    "ends_of_actions",
    "handled_types",
    "health",
    "leasable_queues",
    "processes",
    "ready_queues",
    "registry_differences",
    "runs_to_advance",
]
