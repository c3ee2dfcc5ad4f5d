"""My day: one's own decisions, for oneself alone."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from audit.tabular import Column
from reviews import plots
from reviews.figures import Figure, cells, shares
from reviews.intervals import quantile, share, time_signal
from reviews.queries.numbers import Window
from reviews.queries.numbers.decided import looks
from reviews.queries.numbers.mine import Own, own

PAUSE = timedelta(minutes=5)  # without a decision: a break
VERDICTS = ("approve", "reject", "escalate", "ask")
TONES = {"approve": "good", "reject": "bad", "escalate": "warn", "ask": "note"}
DONE = {"approve": "approved", "reject": "rejected", "escalate": "escalated", "ask": "asked"}


def figures(window: Window, me: int, types: list[str] | None) -> list[Figure]:
    found = own(me, window.since, window.until, types)
    return [summary(found), verdicts(found), pace(found, window), breaks(found), reading(window, me)]


def summary(found: list[Own]) -> Figure:
    """The day in a few figures."""
    closed = [row for row in found if row.verdict in ("approve", "reject")]
    stood = [row for row in closed if not row.taken_back]
    times = [row.dwell_ms / 1000 for row in closed if row.dwell_ms is not None]
    over = share(sum(row.verdict == "reject" or row.edited for row in stood), len(stood))
    nothing = (None, None, None)
    rows = [
        ("decided", len(closed), *nothing),
        ("taken back", sum(row.taken_back for row in closed), *nothing),
        ("rejected or edited", over.k, *cells(over)),
        ("in batches", sum(row.via == "batch" for row in closed), *nothing),
        ("median seconds to a verdict", quantile(times, 0.5), *nothing),
        ("seconds that nine of ten stayed below", quantile(times, 0.9), *nothing),
    ]
    columns = (Column("figure"), Column("value", "", "int"), *shares("share", "of what stood"))
    return Figure("summary", "In short", "Only you see this page.", columns, rows if found else [],
                  empty="You decided nothing in this time.")  # fmt: skip


def verdicts(found: list[Own]) -> Figure:
    sums = Counter((row.type, row.verdict) for row in found if not row.taken_back)
    rows = []
    for kind in sorted({kind for kind, _ in sums}):
        counts = [sums[kind, verdict] for verdict in VERDICTS]
        edited = sum(row.type == kind and row.edited and not row.taken_back for row in found)
        rows.append((kind, *counts, edited, *cells(share(counts[1] + edited, counts[0] + counts[1]))))
    columns = (
        Column("type", "action type"),
        *(Column(DONE[verdict], "", "int") for verdict in VERDICTS),
        Column("edited", "approved after you changed it", "int"),
        *shares("overridden", "rejected or edited, of approved and rejected"),
    )
    return Figure("verdicts", "By type and verdict", "What stood; what you took back is not in it.", columns, rows)


def pace(found: list[Own], window: Window) -> Figure:
    """Decisions by hour of the day, in the reader's own time zone."""
    zone = ZoneInfo(window.zone)
    sums = Counter((row.at.astimezone(zone).hour, row.verdict) for row in found)
    hours = sorted({hour for hour, _ in sums})
    span = list(range(hours[0], hours[-1] + 1)) if hours else []
    times: dict[int, list[float]] = {hour: [] for hour in span}
    for row in found:
        if row.dwell_ms is not None:
            times[row.at.astimezone(zone).hour].append(row.dwell_ms / 1000)
    rows = [
        (f"{hour:02}:00", *(sums[hour, verdict] for verdict in VERDICTS), quantile(times[hour], 0.5)) for hour in span
    ]
    series = {TONES[verdict]: (DONE[verdict], [sums[hour, verdict] for hour in span]) for verdict in VERDICTS}
    columns = (
        Column("hour", f"of the day, {window.zone}"),
        *(Column(DONE[verdict], "", "int") for verdict in VERDICTS),
        Column("median_seconds", "to a verdict", "seconds"),
    )
    drawn = plots.bars([f"{hour:02}:00" for hour in span], series)
    return Figure("pace", "By hour", "Your pace through the day.", columns, rows, drawn)


def breaks(found: list[Own]) -> Figure:
    """Stretches of work and the pauses between them."""
    rows, start, n = [], None, 0
    for row, after in pairwise([*found, None]):
        if row is None:
            break
        start, n = start or row.at, n + 1
        gap = None if after is None else after.at - row.at
        if gap is None or gap >= PAUSE:
            rows.append(
                (start, row.at, (row.at - start).total_seconds(), n, None if gap is None else gap.total_seconds())
            )
            start, n = None, 0
    columns = (
        Column("from", "", "time"),
        Column("to", "", "time"),
        Column("worked_seconds", "", "seconds"),
        Column("decisions", "", "int"),
        Column("break_seconds", "until the next decision", "seconds"),
    )
    says = "Stretches of deciding; five minutes without a decision count as a break."
    return Figure("breaks", "Stretches and breaks", says, columns, rows)


def reading(window: Window, me: int) -> Figure:
    """The reader's own time signal, over at most their newest hundred."""
    signal = time_signal([(seconds, words) for _, seconds, words in looks(window, me=me, newest=100)])
    rows = [(signal.n, *cells(signal.fast), signal.correlation)] if signal.n else []
    columns = (
        Column("decided", "one by one, the newest hundred", "int"),
        *shares("too_fast", "under 2 s and 35 % of the words at 700 words a minute"),
        Column("correlation", "of log seconds with log words"),
    )
    missing = "" if signal.n >= 100 else f"{signal.n} of 100 decisions: too few to say anything."
    alarms = (
        ("Many verdicts came faster than the words could be read, and the time did not follow the length. Slow down?",)
        if signal.alarming
        else ()
    )
    says = "Whether your time follows what there was to read. It is for you; it never blocks."
    return Figure("reading", "Time to read", says, columns, rows, missing=missing, alarms=alarms)
