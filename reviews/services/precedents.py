"""Precedents: the keeper finds them at routing and after an edit, so that a page only reads.

Like a case are those of its type that people decided and that were released: compared by words (full-text
search of PostgreSQL, words joined by OR), by equal short values and by the amount.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models import BinaryField, Q
from django.db.models.functions import Now, Substr

from audit import seal
from audit.words import hidden, tokens
from reviews.likeness import LONGEST, likeness, normalised, short_values, strings, usual
from reviews.masking import marked, masked, redacted
from reviews.models import (
    Action,
    Decision,
    Evidence,
    Item,
    Precedent,
    PrecedentDue,
    PrecedentSearch,
    PrecedentText,
)
from reviews.registry import amount
from reviews.services.routing import read_revision
from reviews.states import Purpose, Status, Verdict

log = logging.getLogger(__name__)

KEPT = 20
NEWEST_COMPARED = 2_000
RAREST = 12  # words that cases are sought by
RANKED = 100  # of each verdict, before values and amounts are compared
MOST_WORDS = 120
USUAL_OF = 200
_CONTEXT = 3  # artefacts whose beginning is compared
_OVER = (Status.PROPOSED, Status.PENDING, Status.EXPIRED, Status.WITHDRAWN)


def tend_precedents(*, limit: int = 50, seconds: float = 0.25) -> int:
    """Router: keep released cases as precedents, and find precedents for what came to people. How many.

    Takes no longer than about `seconds`, since the keeper has more urgent duties; the rest waits for the next sweep.
    """
    began = time.monotonic()
    ready = Q(action__release_at__lte=Now()) | Q(action__state__in=_OVER)
    find = PrecedentDue.objects.filter(what="find").order_by("at")[:limit]
    keep = PrecedentDue.objects.filter(ready, what="keep").order_by("at")[:limit]
    return _through(keep, _keep, began + seconds / 2) + _through(find, _find, began + seconds)


def _through(due: Any, verb: Callable[[Action], None], until: float) -> int:
    done = 0
    for row in due:
        if time.monotonic() > until:
            break
        _treated(row, verb)
        done += 1
    return done


def _treated(row: PrecedentDue, verb: Callable[[Action], None]) -> None:
    """One piece of work in a transaction of its own; what cannot be treated is said once and left out."""
    try:
        with transaction.atomic():
            verb(Action.objects.select_related("type").get(id=row.action_id))
            _off_the_list(row)
    except Exception:
        log.exception("no precedents for action %s", row.action_id)
        _off_the_list(row)


def _off_the_list(row: PrecedentDue) -> None:
    """Unless it was asked for again meanwhile."""
    PrecedentDue.objects.filter(id=row.id, at=row.at).delete()


@dataclass(frozen=True, slots=True)
class _Case:
    """What is compared of a case."""

    words: str
    context: str
    fields: Mapping[str, Any]
    amount: int | None
    currency: str


def _case(action: Action) -> _Case | None:
    """None where the bytes are erased, sealed or no JSON."""
    read = read_revision(action, action.type)
    if not read.payload:
        return None
    found, currency = amount(action.type, read.payload)
    shown = redacted(read.payload, marked(action.type.schema))
    return _kept_secret(
        _Case(
            words=normalised(list(strings(shown))),
            context=normalised([masked(text) for text in _told(action)]),
            fields=short_values(shown),
            amount=found,
            currency=currency,
        )
    )


def _kept_secret(case: _Case) -> _Case:
    """Where texts lie sealed, cases are compared by keyed hashes of their words: no plaintext lies beside the seal."""
    if not seal.is_on():
        return case
    return replace(
        case,
        words=" ".join(tokens(case.words))[:LONGEST],
        context=" ".join(tokens(case.context))[:LONGEST],
        fields={path: hidden(str(value)) for path, value in case.fields.items()},
    )


def _told(action: Action) -> list[str]:
    """The beginning of the first artefacts that are text."""
    plain = Evidence.objects.filter(action=action, body__scheme=0).exclude(kind="file").order_by("number")
    start = Substr("body__body", 1, LONGEST // 2, output_field=BinaryField())
    bodies = plain.annotate(start=start).values_list("start", flat=True)
    return [bytes(one).decode("utf-8", "ignore") for one in bodies[:_CONTEXT]]


def _keep(action: Action) -> None:
    """A released verdict of people becomes a precedent, once. A canary never does."""
    verdict = _verdict(action)
    case = _case(action) if verdict else None
    if verdict is None or case is None or PrecedentText.objects.filter(action=action).exists():
        return
    PrecedentText.objects.create(
        action=action,
        action_type_id=action.type_id,
        revision=action.revision,
        verdict=verdict,
        words=case.words,
        context=case.context,
        fields=dict(case.fields),
        amount=case.amount,
        currency=case.currency,
    )


def _verdict(action: Action) -> str | None:
    if action.state in _OVER or Item.objects.filter(action=action, purpose=Purpose.CANARY).exists():
        return None
    votes = Decision.objects.filter(action=action, revision=action.revision, reviewer__isnull=False, retraction=None)
    closing = votes.filter(verdict__in=(Verdict.APPROVE, Verdict.REJECT)).order_by("-created_at")
    return closing.values_list("verdict", flat=True).first()


def _find(action: Action) -> None:
    """Store the twenty most alike, and the most alike of each verdict."""
    done = PrecedentSearch.objects.filter(action=action, revision=action.revision).exists()
    if action.state != Status.PENDING or done:
        return
    case = _case(action)
    compared = _compared(action, case) if case else []
    search = PrecedentSearch.objects.create(
        action=action,
        revision=action.revision,
        looked_at=len(compared),
        usual=_usual(case, action) if case else {},
    )
    Precedent.objects.bulk_create(
        Precedent(search=search, place=place, action_id=one.action, similarity=one.similarity)
        for place, one in enumerate(_chosen(compared), 1)
    )


def _usual(case: _Case, action: Action) -> dict[str, dict[str, Any]]:
    found = usual(case.fields, _earlier(action))
    return {path: facts | {"common": ""} for path, facts in found.items()} if seal.is_on() else found


@dataclass(frozen=True, slots=True)
class _Like:
    action: UUID
    verdict: str
    similarity: float


def _chosen(compared: Sequence[_Like]) -> list[_Like]:
    best = sorted(compared, key=lambda one: (-one.similarity, -one.action.int))
    chosen = best[:KEPT]
    told = {one.verdict for one in chosen}
    return chosen + [next(o for o in best if o.verdict == v) for v in {o.verdict for o in best} - told]


# Lexemes of the case's own vector, quoted one by one: nothing that anybody typed is read as a query. The rarest of
# them find cases, all of them rank what was found; how rare a word is, the database's own statistics say.
_COMPARE = """
WITH own AS MATERIALIZED (
    SELECT setweight(to_tsvector('pg_catalog.english'::regconfig, %(words)s), 'A')
        || setweight(to_tsvector('pg_catalog.english'::regconfig, %(context)s), 'C') AS vector),
common AS (
    SELECT unnest(s.most_common_elems::text::text[]) AS lexeme, unnest(s.most_common_elem_freqs) AS share
    FROM pg_stats s WHERE s.tablename = 'reviews_precedenttext' AND s.attname = 'lexemes'),
terms AS (
    SELECT '''' || replace(replace(t.lexeme, '\\', '\\\\'), '''', '''''') || '''' AS quoted,
           row_number() OVER (ORDER BY coalesce(c.share, 0), t.weights[1], t.positions[1]) AS place
    FROM own, unnest(own.vector) AS t (lexeme, positions, weights) LEFT JOIN common c USING (lexeme)),
wanted AS MATERIALIZED (
    SELECT string_agg(quoted, ' | ') FILTER (WHERE place <= %(rarest)s) ::tsquery AS rare,
           string_agg(quoted, ' | ') FILTER (WHERE place <= %(most)s) ::tsquery AS query
    FROM terms),
alike AS MATERIALIZED (
    (SELECT p.action_id, p.verdict, p.lexemes FROM reviews_precedenttext p, wanted
     WHERE p.action_type_id = %(type)s AND p.lexemes @@ wanted.rare AND p.action_id <> %(action)s
     ORDER BY p.action_id DESC LIMIT %(newest)s)
    UNION
    (SELECT p.action_id, p.verdict, p.lexemes FROM reviews_precedenttext p
     WHERE p.action_type_id = %(type)s AND p.action_id <> %(action)s
     ORDER BY p.action_id DESC LIMIT %(ranked)s)),
scored AS MATERIALIZED (
    SELECT a.action_id, a.verdict, coalesce(ts_rank_cd(a.lexemes, wanted.query, 1), 0) AS rank FROM alike a, wanted),
ranked AS (
    SELECT s.*, row_number() OVER (PARTITION BY s.verdict ORDER BY s.rank DESC, s.action_id DESC) AS place
    FROM scored s)
SELECT r.action_id, r.verdict, p.fields, p.amount, p.currency,
       r.rank / nullif((SELECT ts_rank_cd(own.vector, wanted.query, 1) FROM own, wanted), 0)
FROM ranked r JOIN reviews_precedenttext p ON p.action_id = r.action_id WHERE r.place <= %(ranked)s
"""


def _compared(action: Action, case: _Case) -> list[_Like]:
    """Those that share rare words, and the newest, which may share values only."""
    values: dict[str, Any] = {
        "words": case.words, "context": case.context, "rarest": RAREST, "most": MOST_WORDS, "type": action.type_id,
        "action": action.id, "newest": NEWEST_COMPARED, "ranked": RANKED,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_COMPARE, values)
        return [_like(case, *row) for row in cursor.fetchall()]


def _like(
    case: _Case, action: UUID, verdict: str, fields: str, its_amount: int | None, currency: str, rank: float | None
) -> _Like:
    comparable = its_amount if currency == case.currency else None
    return _Like(action, verdict, likeness(rank or 0.0, case.fields, json.loads(fields), case.amount, comparable))


def _earlier(action: Action) -> list[dict[str, Any]]:
    """The short values of the last cases of this type that were approved."""
    approved = PrecedentText.objects.filter(action_type=action.type_id, verdict=Verdict.APPROVE).exclude(action=action)
    return list(approved.order_by("-action")[:USUAL_OF].values_list("fields", flat=True))
