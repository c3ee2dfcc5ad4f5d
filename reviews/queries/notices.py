"""What a letter to one person says, and which news is not for them any more.

It names references, kinds of action and times, and no text of any case: whoever reads it has to sign in for more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings
from django.db import connection
from django.utils import timezone

from audit import receipts
from reviews.models import Posting, User
from reviews.notices import SAID, UNASKED, Kind, Posted, choice
from reviews.queries.people import absent_now

MOST_NAMED = 50  # items in one letter
NEWS, DIGESTS = timedelta(days=1), timedelta(days=8)  # older than this it is news no more
_READ = """
SELECT n.id, n.user_id, n.kind, n.mark, n.at, i.ref, t.label, i.due, i.closed_at IS NULL, i.assignee_id = n.user_id,
       EXISTS (SELECT FROM reviews_user_groups g WHERE g.user_id = n.user_id AND g.group_id = i.escalated_to_id),
       EXISTS (SELECT FROM reviews_reach r JOIN reviews_user_groups g ON g.group_id = r.group_id
                WHERE g.user_id = n.user_id AND r.queue_id = i.queue_id)
  FROM reviews_notice n LEFT JOIN reviews_item i ON i.id = n.item_id
  LEFT JOIN reviews_actiontype t ON t.name = i.action_type_id
 WHERE n.id = ANY(%s) ORDER BY n.id
"""
# One's own votes, what one took back, what one wrote; with the newest reference of each, if it is in reach.
_DAY = """
SELECT x.event_id, x.at, x.said, i.ref, t.label
  FROM (SELECT d.event_id, d.created_at AS at, d.verdict AS said, d.action_id FROM reviews_decision d
         WHERE d.reviewer_id = %(me)s AND d.created_at >= %(start)s AND d.created_at < %(end)s
        UNION ALL
        SELECT r.event_id, r.created_at, 'took back', d.action_id
          FROM reviews_retraction r JOIN reviews_decision d ON d.id = r.decision_id
         WHERE r.by_id = %(me)s AND r.created_at >= %(start)s AND r.created_at < %(end)s
        UNION ALL
        SELECT v.event_id, v.created_at, 'edit', v.action_id FROM reviews_revision v
         WHERE v.author_id = %(me)s AND v.number > 1 AND v.created_at >= %(start)s AND v.created_at < %(end)s) x
  LEFT JOIN LATERAL (SELECT i.ref, i.action_type_id FROM reviews_item i
                      WHERE i.action_id = x.action_id AND i.queue_id IN (
                            SELECT r.queue_id FROM reviews_reach r JOIN reviews_user_groups g ON g.group_id = r.group_id
                             WHERE g.user_id = %(me)s)
                      ORDER BY i.ref DESC LIMIT 1) i ON true
  LEFT JOIN reviews_actiontype t ON t.name = i.action_type_id
 ORDER BY x.at
"""
_SAID = {
    "approve": "you approved it", "reject": "you rejected it", "escalate": "you escalated it",
    "ask": "you asked about it", "took back": "you took your verdict back", "edit": "you edited it",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Letter:
    """One letter to one person, with the notices that it brings."""

    notices: tuple[int, ...]
    to: str
    subject: str
    text: str
    files: tuple[tuple[str, str], ...] = ()


class News(NamedTuple):
    """One notice with what is true of its item now."""

    id: int
    user: int
    kind: Kind
    mark: str
    at: datetime
    ref: int
    label: str
    due: datetime | None
    open: bool
    mine: bool
    ours: bool
    seen: bool


def waiting() -> bool:
    """Whether some notice is due. One look at a small index."""
    return Posting.objects.filter(state=Posted.WAITING, next_at__lte=timezone.now()).exists()


def zone_of(user: User) -> ZoneInfo:
    try:
        return ZoneInfo(user.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")


def letters(taken: Sequence[int]) -> tuple[list[Letter], dict[str, list[int]]]:
    """The letters that these notices make; and those that are not sent, by reason."""
    with connection.cursor() as cursor:
        cursor.execute(_READ, [list(taken)])
        found = [News(row[0], row[1], Kind(row[2]), *row[3:]) for row in cursor.fetchall()]
    users = User.objects.in_bulk({one.user for one in found})
    away = absent_now()
    refused: dict[str, list[int]] = defaultdict(list)
    wanted: dict[int, list[News]] = defaultdict(list)
    for one in found:
        why = _why_not(one, users[one.user], away=one.user in away)
        if why:
            refused[why].append(one.id)
        else:
            wanted[one.user].append(one)
    return [letter for user, news in wanted.items() for letter in _letters(users[user], news)], refused


def _why_not(one: News, user: User, *, away: bool) -> str:
    """Why this person is not told, or an empty string: the first reason that holds at this moment."""
    rules = (
        (not settings.NOTICES, "switched off"),
        (not user.is_active, "account closed"),
        (not user.email, "no address"),
        (away, "away"),
        (not user.preferences.get(choice(one.kind), one.kind in UNASKED), "not wanted"),
        (timezone.now() - one.at > (DIGESTS if one.kind is Kind.DIGEST else NEWS), "too late"),
        (one.kind is Kind.DIGEST and not _is_day(one.mark), "no such day"),
        (one.kind is not Kind.DIGEST and not one.seen, "out of reach"),
        (one.kind in (Kind.ASSIGNED, Kind.NEAR) and not (one.open and one.mine), "over"),
        (one.kind is Kind.ESCALATED and not (one.open and one.ours), "over"),
    )
    return next((reason for holds, reason in rules if holds), "")


def _is_day(mark: str) -> bool:
    """Whoever may tell news writes marks; one that is no day must not hold up everybody's letters."""
    try:
        date.fromisoformat(mark)
    except ValueError:
        return False
    return True


def _letters(user: User, news: Sequence[News]) -> list[Letter]:
    days = [one for one in news if one.kind is Kind.DIGEST]
    about = [one for one in news if one.kind is not Kind.DIGEST]
    return [*([_news(user, about)] if about else []), *(_digest(user, one) for one in days)]


def _news(user: User, news: Sequence[News]) -> Letter:
    zone = zone_of(user)
    lines = [_line(one, zone) for one in news[:MOST_NAMED]]
    more = len(news) - len(lines)
    first = news[0]
    subject = f"ACT-{first.ref} {SAID[first.kind]}" if len({one.ref for one in news}) == 1 else f"{len(news)} news"
    text = "\n".join(lines) + (f"\nAnd {more} more: {_address('queue/')}\n" if more else "")
    return Letter(tuple(one.id for one in news), user.email, f"[Assentry] {subject}", text + _foot())


def _line(one: News, zone: ZoneInfo) -> str:
    due = f", due {_clock(one.due, zone)}" if one.kind is Kind.NEAR and one.due else ""
    return f"{_named(one.ref, one.label)} {SAID[one.kind]}{due}.\n{_link(one.ref)}\n"


def _named(ref: int, label: str) -> str:
    return f"ACT-{ref} ({' '.join(label.split())})"


def _link(ref: int) -> str:
    return _address(f"a/ACT-{ref}/")


def _address(path: str) -> str:
    """Of a page of this desk, which asks whoever follows it to sign in."""
    return f"{settings.PUBLIC_URL.rstrip('/')}/{path}"


def _clock(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M} {zone.key}"


def _foot() -> str:
    return f"\nWhat is sent to you, you choose: {_address('settings/#mail')}\n"


def span_of(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """A day from midnight to midnight where somebody is."""
    return datetime.combine(day, time(), zone), datetime.combine(day + timedelta(days=1), time(), zone)


def _digest(user: User, one: News) -> Letter:
    """The person's own acts of one day with their receipts, so that these lie outside the database."""
    zone = zone_of(user)
    start, end = span_of(date.fromisoformat(one.mark), zone)
    with connection.cursor() as cursor:
        cursor.execute(_DAY, {"me": user.pk, "start": start, "end": end})
        rows = cursor.fetchall()
    lines = [
        f"{at.astimezone(zone):%H:%M} {_named(ref, label)}: {_SAID[said]}. {_link(ref)}"
        for _, at, said, ref, label in rows
        if ref is not None
    ]
    unseen = len(rows) - len(lines)
    rest = [f"And {unseen} about what you do not see any more; the receipts are there."] if unseen else []
    kept = _receipts(event for event, *_ in rows)
    told = f"Your decisions on {one.mark}, {zone.key} time, and {len(kept)} receipts for them.\n\n"
    after = (
        "\n\nKeep the file: whoever checks an export of the record with audit/verify.py and --receipt learns from it "
        "whether an entry of yours is missing.\n"
    )
    files = ((f"receipts-{one.mark}.txt", "".join(kept)),) if kept else ()
    return Letter(
        (one.id,), user.email, f"[Assentry] Your decisions on {one.mark}",
        told + "\n".join([*lines, *rest]) + after + _foot(), files,
    )  # fmt: skip


def _receipts(events: Iterable[UUID]) -> list[str]:
    wanted = list(dict.fromkeys(events))
    return receipts.kept(wanted) if wanted else []
