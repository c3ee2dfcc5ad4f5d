"""Telling people by mail: a row in the transaction of what it tells; sent later, at most once, by the keeper.

Who is told is asked here, so that nothing is kept for those who do not want it; whether they may still be told is
asked again when it is sent.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import connection
from django.db.models import Max
from django.utils import timezone

from reviews.models import Decision, Follow, Notice, User
from reviews.notices import UNASKED, Kind, Posted, choice
from reviews.queries.notices import span_of, zone_of

NEAR = timedelta(hours=1)  # as the view "Near SLA" has it
MOST_DAYS = 7  # of digests that are made up for
DELAYS = (60, 300, 1800, 7200, 21600)  # seconds until the next try, where the mail server did not take it
_WANTS = """u.is_active AND u.email <> ''
   AND coalesce(u.preferences -> %(choice)s::text = 'true'::jsonb, %(unasked)s)"""
_TELL = """
INSERT INTO reviews_notice (user_id, kind, item_id, mark)
SELECT u.id, %(kind)s, x.item, x.mark
  FROM reviews_user u CROSS JOIN unnest(%(items)s::uuid[], %(marks)s::text[]) AS x (item, mark)
 WHERE u.id = ANY(%(people)s) AND u.pseudonym <> %(but)s AND {wants}
ON CONFLICT DO NOTHING
"""
_NEAR = """
INSERT INTO reviews_notice (user_id, kind, item_id, mark)
SELECT u.id, %(kind)s, i.id, x.mark
  FROM reviews_item i JOIN reviews_user u ON u.id = i.assignee_id
 CROSS JOIN LATERAL (SELECT extract(epoch FROM i.due)::bigint::text AS mark) x
 WHERE i.waiting AND NOT i.breached AND i.assignee_id IS NOT NULL AND i.closed_at IS NULL
   AND i.due > statement_timestamp() AND i.due <= statement_timestamp() + %(near)s AND {wants}
   AND NOT EXISTS (SELECT FROM reviews_notice n
                    WHERE n.user_id = u.id AND n.kind = %(kind)s AND n.item_id = i.id AND n.mark = x.mark)
ON CONFLICT DO NOTHING
"""


def _about(kind: Kind) -> dict[str, Any]:
    return {"kind": kind.value, "choice": choice(kind), "unasked": kind in UNASKED}


def _written(sql: str, values: dict[str, Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(sql.format(wants=_WANTS), values)
        return int(cursor.rowcount)


def tell(kind: Kind, people: Collection[int], about: Sequence[tuple[UUID, str]], *, but: str = "") -> None:
    """Tell these people of these items, each with the mark of what happened; all in one statement.

    `but`: the pseudonym of whoever did it and knows.
    """
    if not settings.NOTICES or not people or not about:
        return
    values = {
        "people": list(people), "but": but, "items": [item for item, _ in about], "marks": [mark for _, mark in about],
    }  # fmt: skip
    _written(_TELL, _about(kind) | values)


def tell_team(team: Group, about: Sequence[tuple[UUID, str]], *, but: str = "") -> None:
    """Everybody in a team: these items were escalated to it."""
    tell(Kind.ESCALATED, list(team.user_set.values_list("pk", flat=True)), about, but=but)


def tell_followers(action: UUID, item: UUID, number: int, *, but: str = "", besides: Iterable[int] = ()) -> None:
    """Whoever follows a case: its thread has a message more. `besides`: people who are told of it otherwise."""
    people = set(Follow.objects.filter(action=action, active=True).values_list("user_id", flat=True))
    tell(Kind.ANSWERED, people - set(besides), [(item, str(number))], but=but)


def tell_near() -> int:
    """Router: whoever has an item on their desk that is late within the hour, once for each due date. How many."""
    return _written(_NEAR, _about(Kind.NEAR) | {"near": NEAR}) if settings.NOTICES else 0


def tell_digests() -> int:
    """Router: the days of their own that ended for whoever wants a digest and decided something. How many."""
    if not settings.NOTICES:
        return 0
    wanting = User.objects.filter(is_active=True, preferences__mail_digest=True).exclude(email="")
    latest = dict(
        Notice.objects.filter(kind=Kind.DIGEST, user__in=wanting).values_list("user").annotate(last=Max("mark"))
    )
    return sum(_digests(user, latest.get(user.pk, "")) for user in wanting)


def _digests(user: User, last: str) -> int:
    zone = zone_of(user)
    yesterday = timezone.now().astimezone(zone).date() - timedelta(days=1)
    first = date.fromisoformat(last) + timedelta(days=1) if last else yesterday
    first = max(first, yesterday - timedelta(days=MOST_DAYS - 1))
    days = [first + timedelta(days=n) for n in range((yesterday - first).days + 1)]
    worked = [Notice(user=user, kind=Kind.DIGEST, mark=day.isoformat()) for day in days if _decided(user, day, zone)]
    return len(Notice.objects.bulk_create(worked, ignore_conflicts=True))


def _decided(user: User, day: date, zone: ZoneInfo) -> bool:
    start, end = span_of(day, zone)
    return Decision.objects.filter(reviewer=user, created_at__gte=start, created_at__lt=end).exists()


# Sending: taken and committed before it is tried, so that a crash in between costs a letter and never sends two.

_TAKE = """
UPDATE reviews_posting p SET state = 'taken', tries = p.tries + 1
 WHERE p.notice_id IN (SELECT q.notice_id FROM reviews_posting q
                        WHERE q.state = 'waiting' AND q.next_at <= statement_timestamp()
                        ORDER BY q.next_at, q.notice_id LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING p.notice_id
"""
_AGAIN = """
UPDATE reviews_posting SET why = %(why)s,
       state = CASE WHEN tries > cardinality(%(delays)s::int[]) THEN 'given_up' ELSE 'waiting' END,
       next_at = clock_timestamp() + make_interval(secs => coalesce((%(delays)s::int[])[tries], 0))
 WHERE notice_id = ANY(%(notices)s) AND state = 'taken'
"""
_OVER = "UPDATE reviews_posting SET state = %s, why = %s WHERE notice_id = ANY(%s) AND state = 'taken'"


def take_notices(*, limit: int) -> list[int]:
    """Router: notices that nobody else sends now. Call it outside a transaction: it commits."""
    with connection.cursor() as cursor:
        cursor.execute(_TAKE, [limit])
        return sorted(notice for (notice,) in cursor.fetchall())


def end_notices(notices: Sequence[int], became: Posted, why: str = "") -> None:
    """Router: taken notices are sent, dropped, or nobody knows."""
    if notices:
        with connection.cursor() as cursor:
            cursor.execute(_OVER, [became.value, why[:120], list(notices)])


def put_off_notices(notices: Sequence[int], why: str) -> None:
    """Router: taken notices were surely not sent. They are tried again, later each time, and then given up."""
    if notices:
        with connection.cursor() as cursor:
            cursor.execute(_AGAIN, {"why": why[:120], "delays": list(DELAYS), "notices": list(notices)})
