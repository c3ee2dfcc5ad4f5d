"""What the desk expects of its database, beyond logins, rights and function bodies, which config/guard.py compares.

`findings` yields one sentence per thing that is not as the migrations leave it. The
table of edges is data, so no digest of a function would show that somebody added one.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import DatabaseError, connections
from django.db.backends.utils import CursorWrapper

from reviews.states import EDGES

# Constraint or unique index, and what nobody would notice the absence of.
CONSTRAINTS: dict[str, str] = {
    "action_state": "an action is in a state that exists",
    "action_confidence": "confidence is between 0 and 1, or unknown",
    "action_needed": "one to five votes",
    "action_dedup": "a program proposes a key once",
    "action_dedup_person": "a person proposes a key once",
    "action_one_reversal": "one live reversal of an action",
    "action_digest": "a digest has 32 bytes",
    "action_case": "a case has a head",
    "action_lease": "what executes has a lease, and nothing else",
    "action_approved_dates": "an approval has its dates",
    "action_pending_routed": "what is pending was routed",
    "decision_once": "one live vote for each reviewer and revision",
    "decision_via": "people vote as people, policy as policy",
    "decision_batch_risk": "high risk is not approved in batches",
    "attempt_fence": "a fence has one attempt",
    "attempt_one_open": "one open attempt",
    "attempt_intent": "success follows the intent",
    "attempt_ended": "an attempt ends with its end",
    "attempt_result_size": "a result has at most 64 KiB",
    "revision_number": "a revision has one text",
    "revision_size": "a body has at most 256 KiB",
    "revision_salt": "a salt has 32 bytes",
    "message_number": "a thread has no gaps",
    "evidence_size": "an artefact has at most 1 MiB",
    "item_one_open_gate": "one open visit of an action",
    "action_type_risk_floor": "a type stays above its floor of risk",
    "action_type_reversibility_floor": "a type stays above its floor of reversibility",
    "level_expires": "levels set by hand end",
    "stop_scope": "a stop names what it stops",
}

NAMES = """
SELECT conname FROM pg_constraint WHERE conname = ANY (%s) AND convalidated
UNION SELECT c.relname FROM pg_class c JOIN pg_index i ON i.indexrelid = c.oid
WHERE c.relname = ANY (%s) AND i.indisunique AND i.indisvalid
"""


def findings(cursor: CursorWrapper) -> Iterator[str]:
    """Edges and constraints that differ from what the code says; nothing when all is well."""
    yield from _edges(cursor)
    yield from _constraints(cursor)


def _edges(cursor: CursorWrapper) -> Iterator[str]:
    cursor.execute("SELECT before, after, roles FROM reviews_action_edge")
    found = {(before, after): frozenset(roles) for before, after, roles in cursor.fetchall()}
    wanted = {(e.before.value if e.before else None, e.after.value): e.roles for e in EDGES}
    for edge in sorted(found.keys() | wanted.keys(), key=str):
        if found.get(edge) != wanted.get(edge):
            yield f"the way from {edge[0] or 'nothing'} to {edge[1]} is not the one in reviews/states.py"


def _constraints(cursor: CursorWrapper) -> Iterator[str]:
    names = list(CONSTRAINTS)
    cursor.execute(NAMES, [names, names])
    there = {name for (name,) in cursor.fetchall()}
    yield from (f"constraint {name} is missing: {CONSTRAINTS[name]}" for name in names if name not in there)


@register(Tags.database)
def gate(
    app_configs: Sequence[AppConfig] | None = None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """`manage.py check --database default`: the same findings as the start-up check."""
    found: list[CheckMessage] = []
    for alias in databases or ():
        try:
            with connections[alias].cursor() as cursor:
                found += [Error(text, id="reviews.E001") for text in findings(cursor)]
        except DatabaseError as error:
            found.append(Error(f"the gate cannot be read: {error}", id="reviews.E002"))
    return found
