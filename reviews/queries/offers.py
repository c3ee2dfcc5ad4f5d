"""Values that the search field offers where there are too many to send with the page: a few that begin as typed.

Within the reader's reach: colleagues who see one of the same queues, teams that do, tags on what lies in them, fields
of the types that come to them. What a search may name is `Reader.known`; nobody has to be offered to be named.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from reviews.models import ActionType, Level, Principal, User
from reviews.queries.listing import try_run
from reviews.queries.reach import Reader

MOST = 10
PATIENCE = 0.2  # seconds; offering nothing is better than waiting
DEEPEST = 4  # levels of a payload
_ASKED_BY = re.compile(r"[\w.\-]+")  # what a key may be made of

# The names in use, each found by one step along the index; of each only the first rows are held against the reach.
_TAGS = """
WITH RECURSIVE names (name) AS (
    (SELECT name FROM reviews_tag WHERE removed_at IS NULL AND name >= %(begun)s ORDER BY name LIMIT 1)
  UNION ALL
    SELECT (SELECT g.name FROM reviews_tag g WHERE g.removed_at IS NULL AND g.name > n.name ORDER BY g.name LIMIT 1)
      FROM names n WHERE n.name IS NOT NULL
)
SELECT t.name FROM (SELECT name FROM names WHERE starts_with(name, %(begun)s) LIMIT 200) t
 WHERE EXISTS (
    SELECT 1 FROM (SELECT action_id FROM reviews_tag g WHERE g.removed_at IS NULL AND g.name = t.name LIMIT 500) g
      JOIN reviews_item_desk i ON i.action_id = g.action_id WHERE i.queue_id = ANY(%(queues)s))
 LIMIT %(most)s
"""


def offers(key: str, begun: str, reader: Reader) -> list[str]:
    """Up to ten values of `key` that begin so; none for a key whose values nobody lists."""
    find = _OFFERED.get(key)
    return find(begun, reader)[:MOST] if find else []


def _people(begun: str, reader: Reader) -> list[str]:
    found = User.objects.filter(
        is_active=True, groups__reach__queue__in=list(reader.queues), username__istartswith=begun
    )
    return list(found.distinct().order_by("username").values_list("username", flat=True)[:MOST])


def _tags(begun: str, reader: Reader) -> list[str]:
    values = {"begun": begun.lower(), "queues": list(reader.queues), "most": MOST}
    return [name for (name,) in try_run(_TAGS, values, PATIENCE) or []]


def _versions(begun: str, reader: Reader) -> list[str]:
    """Of the agents as they are, and of those that somebody gave a level."""
    now = Principal.objects.filter(version__startswith=begun).values_list("version", flat=True)
    levels = Level.objects.filter(action_type__in=list(reader.types), version__startswith=begun)
    return sorted({*now, *levels.values_list("version", flat=True).distinct()})


def _fields(begun: str, reader: Reader) -> list[str]:
    schemas = ActionType.objects.filter(name__in=list(reader.types)).values_list("schema", flat=True)
    paths = {path for schema in schemas for path in _paths(schema, schema.get("$defs", {}))}
    return _beginning(begun, sorted(path for path in paths if _ASKED_BY.fullmatch(path)))


def _paths(schema: Any, named: Mapping[str, Any], above: str = "", depth: int = 0) -> Iterator[str]:
    """Paths of the values that a schema describes; what lies in a list has no path."""
    if not isinstance(schema, Mapping) or depth >= DEEPEST:
        return
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    inside = named.get(name, {}) if name else schema
    for field, part in (inside.get("properties") or {}).items():
        path = f"{above}{field}"
        below = list(_paths(part, named, f"{path}.", depth + 1))
        yield from below or [path]


def _beginning(begun: str, words: Iterable[str]) -> list[str]:
    return [word for word in words if word.lower().startswith(begun.lower())]


_OFFERED: dict[str, Callable[[str, Reader], list[str]]] = {
    "assignee": _people,
    "claimed": _people,
    "by": _people,
    "escalated": lambda begun, reader: _beginning(begun, reader.teams),
    "tag": _tags,
    "version": _versions,
    "payload": _fields,
    "reason": lambda begun, reader: _beginning(begun, reader.reasons),
    "type": lambda begun, reader: _beginning(begun, reader.types),
    "agent": lambda begun, reader: _beginning(begun, reader.agents),
    "queue": lambda begun, reader: _beginning(begun, reader.queues),
}
ASKED_FOR = frozenset(_OFFERED)  # keys whose values are asked for as one types
