"""What lists and search read of a revision: derived from its bytes, and erased with them."""

from __future__ import annotations

import json
from typing import Any

from django.db import connection

from audit import seal
from audit.words import hidden
from reviews.masking import marked, redacted
from reviews.models import Action, ActionType
from reviews.registry import title
from reviews.searchable import fields, words
from reviews.visible import all_texts

MOST_SEARCHED = 20_000  # characters
_WRITE = """
INSERT INTO reviews_searchtext (action_id, revision, title, text, words, fields)
VALUES (%s, %s, %s, %s, array_to_tsvector(%s::text[]), %s)
"""


def write_search_text(action: Action, kind: ActionType, payload: dict[str, Any]) -> None:
    """The ask in words, and what search reads, for the action's current revision."""
    said, found = title(kind, payload), redacted(payload, marked(kind.schema))
    text = f"{said} {all_texts(found)}"[:MOST_SEARCHED]
    derived = _hidden(kind, text, fields(found)) if seal.is_on() else (said, text, words(text), fields(found))
    with connection.cursor() as cursor:
        cursor.execute(_WRITE, (action.id, action.revision, *derived[:3], json.dumps(derived[3])))


def _hidden(kind: ActionType, text: str, found: dict[str, Any]) -> tuple[str, str, list[str], dict[str, Any]]:
    """Where texts lie sealed, a list says only what kind of thing waits, and search compares keyed hashes."""
    said = f"{kind.label} (sealed)"
    sealed = {path: [hidden(str(value)) for value in values] for path, values in found.items()}
    return said, said, [hidden(word) for word in words(text)], sealed
