"""What stands out among items that are about to be decided together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import connection

from reviews.queries.rows import Row
from reviews.searchable import CUSTOMER

# A customer is new where no action before it, outside the batch, names the same one.
_NEW = """
SELECT s.action_id FROM reviews_searchtext s
  JOIN reviews_action a ON a.id = s.action_id AND a.revision = s.revision
  JOIN reviews_actiontype t ON t.name = a.type_id
 CROSS JOIN LATERAL (SELECT CASE WHEN s.fields ? %(customer)s THEN %(customer)s ELSE t.subject_path END AS key) k
 WHERE s.action_id = ANY(%(actions)s) AND s.fields ? k.key
   AND NOT EXISTS (
        SELECT FROM reviews_searchtext o
         WHERE o.fields @> jsonb_build_object(k.key, jsonb_build_array(s.fields -> k.key -> 0))
           AND o.action_id < s.action_id AND o.action_id <> ALL(%(actions)s))
"""


def odd_ones(rows: Sequence[Row]) -> dict[str, list[str]]:
    """By reference: the largest amount, the least confident, and customers that were not seen before."""
    marks: dict[str, list[str]] = {}
    for ref, words in (*_largest(rows), *_least(rows), *_strangers(rows)):
        marks.setdefault(ref, []).append(words)
    return marks


def _largest(rows: Sequence[Row]) -> Iterable[tuple[str, str]]:
    """Of each currency, where the amounts differ at all."""
    for currency in {row.currency for row in rows if row.minor is not None}:
        amounts = {row.ref: abs(row.minor) for row in rows if row.minor is not None and row.currency == currency}
        if len(set(amounts.values())) > 1:
            yield max(amounts, key=lambda ref: amounts[ref]), "largest amount"


def _least(rows: Sequence[Row]) -> Iterable[tuple[str, str]]:
    doubts = {row.ref: float(row.confidence or -1) for row in rows}
    if len(set(doubts.values())) > 1:
        yield min(doubts, key=lambda ref: doubts[ref]), "least confident"


def _strangers(rows: Sequence[Row]) -> Iterable[tuple[str, str]]:
    """Where only some are about a customer who is new: if all are, none stands out."""
    new = _new([row.action for row in rows])
    if len(new) < len(rows):
        yield from ((row.ref, "customer not seen before") for row in rows if row.action in new)


def _new(actions: Sequence[UUID]) -> set[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(_NEW, {"actions": list(actions), "customer": CUSTOMER})
        return {action for (action,) in cursor.fetchall()}
