"""Visits to the queues: what came, what went, what waits and since when."""

from __future__ import annotations

from typing import NamedTuple

from reviews.queries.numbers.window import MOST, Window, read

AGES = (("up to 1 h", 0, 3600), ("1 to 4 h", 3600, 14_400), ("4 to 24 h", 14_400, 86_400),
        ("1 to 3 days", 86_400, 259_200), ("3 to 7 days", 259_200, 604_800), ("over 7 days", 604_800, 0))  # fmt: skip
TIMES = (("up to 1 min", 60), ("1 to 5 min", 300), ("5 to 15 min", 900), ("15 to 60 min", 3600), ("1 to 4 h", 14_400),
         ("4 to 24 h", 86_400), ("1 to 3 days", 259_200), ("over 3 days", 0))  # fmt: skip
MANY = 10_000  # a cell of waiting items is counted to here


class Flow(NamedTuple):
    day: str
    queue: str
    type: str
    n: int


_ENTERED = """
SELECT to_char(x.entered AT TIME ZONE %(zone)s, 'YYYY-MM-DD'), x.queue_id, x.action_type_id, count(*)
  FROM unnest(%(queues)s::text[]) q (name) CROSS JOIN LATERAL (
        SELECT i.entered, i.queue_id, i.action_type_id FROM reviews_item_desk i
         WHERE i.queue_id = q.name AND i.entered >= %(since)s AND i.entered < %(until)s AND NOT i.was_check
         ORDER BY i.entered DESC, i.id DESC LIMIT %(most)s) x
 WHERE x.action_type_id = ANY(%(types)s)
 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""


def entered(window: Window) -> list[Flow]:
    """Inflow by day, queue and type."""
    return [Flow(*row) for row in read(_ENTERED, window.values())]


class Closed(NamedTuple):
    """So many visits that ended alike. `due`: whether they had a due time; `met`: whether it was kept."""

    day: str
    queue: str
    type: str
    due: bool
    met: bool
    bucket: int  # of TIMES
    n: int


_CLOSED = """
SELECT to_char(x.closed_at AT TIME ZONE %(zone)s, 'YYYY-MM-DD'), x.queue_id, x.action_type_id, x.due IS NOT NULL,
       x.due IS NOT NULL AND x.closed_at <= x.due,
       width_bucket(extract(epoch FROM x.closed_at - x.entered), %(limits)s::numeric[]), count(*)
  FROM unnest(%(queues)s::text[]) q (name) CROSS JOIN LATERAL (
        SELECT i.entered, i.closed_at, i.due, i.queue_id, i.action_type_id FROM reviews_item_desk i
         WHERE i.queue_id = q.name AND i.closed_at >= %(since)s AND i.closed_at < %(until)s AND NOT i.was_check
         ORDER BY i.closed_at DESC, i.id DESC LIMIT %(most)s) x
 WHERE x.action_type_id = ANY(%(types)s)
 GROUP BY 1, 2, 3, 4, 5, 6 ORDER BY 1, 2, 3
"""


def closed(window: Window) -> list[Closed]:
    """Outflow: decided, expired, withdrawn, whatever ended the visit."""
    limits = [seconds for _, seconds in TIMES[:-1]]
    return [Closed(*row) for row in read(_CLOSED, window.values(limits=limits))]


_PERCENTILES = """
SELECT x.action_type_id, count(*),
       percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY extract(epoch FROM x.closed_at - x.entered))
  FROM unnest(%(queues)s::text[]) q (name) CROSS JOIN LATERAL (
        SELECT i.entered, i.closed_at, i.action_type_id FROM reviews_item_desk i
         WHERE i.queue_id = q.name AND i.closed_at >= %(since)s AND i.closed_at < %(until)s AND NOT i.was_check
         ORDER BY i.closed_at DESC, i.id DESC LIMIT %(most)s) x
 WHERE x.action_type_id = ANY(%(types)s)
 GROUP BY 1 ORDER BY 1
"""


def time_to_close(window: Window) -> list[tuple[str, int, float, float]]:
    """Type, visits, median and 90th percentile of the seconds from entering to the end."""
    found = read(_PERCENTILES, window.values())
    return [(kind, n, float(middle), float(high)) for kind, n, (middle, high) in found]


class Waiting(NamedTuple):
    queue: str
    oldest: float | None  # seconds
    ages: tuple[int, ...]  # as AGES; MANY means so many or more


_AGES = """
SELECT q.name,
       (SELECT extract(epoch FROM clock_timestamp() - entered)::float FROM reviews_item_desk
         WHERE waiting AND queue_id = q.name ORDER BY entered, id LIMIT 1),
       (SELECT array_agg((SELECT count(*) FROM (SELECT 1 FROM reviews_item_desk
                 WHERE waiting AND queue_id = q.name AND entered <= clock_timestamp() - make_interval(secs => a.young)
                   AND (a.old = 0 OR entered > clock_timestamp() - make_interval(secs => a.old))
                 LIMIT %(many)s) x) ORDER BY a.place)
          FROM unnest(%(young)s::float8[], %(old)s::float8[]) WITH ORDINALITY a (young, old, place))
  FROM unnest(%(queues)s::text[]) q (name) ORDER BY q.name
"""


def waiting(window: Window) -> list[Waiting]:
    """What waits now, by age; each count is exact to MANY."""
    young, old = [float(low) for _, low, _ in AGES], [float(high) for _, _, high in AGES]
    rows = read(_AGES, window.values(many=MANY, young=young, old=old))
    return [Waiting(name, oldest, tuple(ages)) for name, oldest, ages in rows]


def capped(flows: list[Flow], ended: list[Closed]) -> bool:
    """Whether a queue had more of one of the two than a page reads."""
    sums: dict[tuple[str, str], int] = {}
    for kind, rows in (("came", flows), ("went", ended)):
        for row in rows:
            sums[kind, row.queue] = sums.get((kind, row.queue), 0) + row.n
    return max(sums.values(), default=0) > MOST
