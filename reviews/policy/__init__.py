"""What policy says, as pure functions: routing, authority, pace, batches.

Nothing here reads a clock, a row or a setting. Callers hand in the facts;
`services` writes down what comes out.
"""

from reviews.policy.authority import (
    Case,
    Grant,
    Parties,
    Permission,
    may_approve,
    may_decide,
)
from reviews.policy.batch import BatchItem, BatchLimits, batch_block_reason
from reviews.policy.pace import batch_dwell, minimum_dwell, undo_window
from reviews.policy.routing import (
    FLOOR_NAMES,
    HAND_SET_LONGEST,
    LEVEL_FLOOR,
    NO_GUARANTEE,
    ROUTINE,
    TABLE,
    Drift,
    Facts,
    Floor,
    Limits,
    Override,
    Plan,
    Routing,
    Rules,
    chip,
    exponent,
    loosest_allowed,
    money,
    route,
    standing,
    strictest,
    usable,
    with_floors,
)

__all__ = [
    "FLOOR_NAMES",
    "HAND_SET_LONGEST",
    "LEVEL_FLOOR",
    "NO_GUARANTEE",
    "ROUTINE",
    "TABLE",
    "BatchItem",
    "BatchLimits",
    "Case",
    "Drift",
    "Facts",
    "Floor",
    "Grant",
    "Limits",
    "Override",
    "Parties",
    "Permission",
    "Plan",
    "Routing",
    "Rules",
    "batch_block_reason",
    "batch_dwell",
    "chip",
    "exponent",
    "loosest_allowed",
    "may_approve",
    "may_decide",
    "minimum_dwell",
    "money",
    "route",
    "standing",
    "strictest",
    "undo_window",
    "usable",
    "with_floors",
]
