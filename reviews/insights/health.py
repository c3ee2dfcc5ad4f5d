"""Queue health: what comes and goes, what waits and since when, deadlines, and queues that nobody mans."""

from __future__ import annotations

from collections import Counter

from audit.tabular import Column
from reviews import plots
from reviews.durations import span
from reviews.figures import Figure, cells, shares
from reviews.intervals import share
from reviews.queries import cube
from reviews.queries.numbers import Window, visits
from reviews.queries.numbers.team import Cover

QUEUE, TYPE, DAY = Column("queue"), Column("type", "action type"), Column("day", "", "day")


def figures(window: Window, cover: list[Cover]) -> tuple[list[Figure], bool]:
    came, went = visits.entered(window), visits.closed(window)
    return [
        manned(window, cover),
        flow(window, came, went),
        ages(window),
        deadlines(went),
        times(window, went),
    ], visits.capped(came, went)


def manned(window: Window, cover: list[Cover]) -> Figure:
    """Waiting items beside the people who could decide them now."""
    waiting: Counter[str] = Counter()
    for cell in cube.cells(window.queues):
        waiting[cell.queue] += cell.n
    rows, alarms = [], []
    for queue in window.queues:
        mine = [row for row in cover if row.queue == queue]
        seeing = max((row.seeing for row in mine), default=0)
        short = [row for row in mine if row.here < row.needed]
        rows.append((queue, waiting[queue], seeing, ", ".join(f"{row.type} ({row.here})" for row in short)))
        if waiting[queue] and (short or not seeing):
            alarms.append(_unmanned(queue, waiting[queue], [row.type for row in short]))
    columns = (
        QUEUE,
        Column("waiting", "now, of every type", "int"),
        Column("people_who_see_it", "active accounts", "int"),
        Column("types_short_of_people", "fewer people here with authority than votes needed"),
    )
    says = "Whether somebody is there who may decide. An unmanned queue is an alarm: what waits there only expires."
    return Figure("manned", "Queues and people", says, columns, rows, alarms=tuple(alarms))


def _unmanned(queue: str, waiting: int, short: list[str]) -> str:
    if not short:
        return f"{queue} is unmanned: {waiting} wait and no active account sees it."
    return f"{queue}: {waiting} wait, and too few people are here who may decide {', '.join(short)}."


def flow(window: Window, came: list[visits.Flow], went: list[visits.Closed]) -> Figure:
    sums_in: Counter[tuple[str, str]] = Counter()
    sums_out: Counter[tuple[str, str]] = Counter()
    for row in came:
        sums_in[row.day, row.queue] += row.n
    for each in went:
        sums_out[each.day, each.queue] += each.n
    days = window.days()
    rows = [
        (day, queue, sums_in[day, queue], sums_out[day, queue], sums_in[day, queue] - sums_out[day, queue])
        for day in days
        for queue in window.queues
        if sums_in[day, queue] or sums_out[day, queue]
    ]
    totals = [[sum(sums[day, queue] for queue in window.queues) for day in days] for sums in (sums_in, sums_out)]
    labels = [label for day in days for label in (f"{day} came in", f"{day} went out")]
    spread_in = [n for value in totals[0] for n in (value, 0)]
    spread_out = [n for value in totals[1] for n in (0, value)]
    drawn = plots.bars(labels, {"note": ("came in", spread_in), "good": ("went out", spread_out)})
    columns = (DAY, QUEUE, Column("came_in", "", "int"), Column("went_out", "decided, expired or withdrawn", "int"),
               Column("net", "came in less went out", "int"))  # fmt: skip
    says = "Items that entered and left, a day and queue. More in than out for days on end: the queue grows."
    return Figure("flow", "In and out", says, columns, rows, drawn)


def ages(window: Window) -> Figure:
    found = visits.waiting(window)
    rows = [(row.queue, row.oldest, *row.ages) for row in found]
    labels = [label for label, _, _ in visits.AGES]
    drawn = plots.bars(labels, {"note": ("waiting", [sum(row.ages[i] for row in found) for i in range(len(labels))])})
    columns = (
        QUEUE,
        Column("oldest_seconds", "how long the oldest has waited", "seconds"),
        *(Column(_name(label), f"waiting {label}", "int") for label in labels),
    )
    old = [row for row in found if row.ages[-1]]
    alarms = tuple(
        f"{row.queue}: {row.ages[-1]} wait for more than 7 days, the oldest {span(row.oldest or 0)}." for row in old
    )
    says = f"What waits now, by age. A count stops at {visits.MANY:,}."
    return Figure("ages", "Waiting, by age", says, columns, rows, drawn, alarms=alarms, empty="Nothing waits.")


def _name(label: str) -> str:
    return "waiting_" + label.replace(" ", "_")


def deadlines(went: list[visits.Closed]) -> Figure:
    """Kept and missed due times of what ended in this time."""
    sums: Counter[tuple[str, str, bool]] = Counter()
    for row in went:
        if row.due:
            sums[row.queue, row.type, row.met] += row.n
    rows, drawn = [], []
    for queue, kind in sorted({(queue, kind) for queue, kind, _ in sums}):
        met, late = sums[queue, kind, True], sums[queue, kind, False]
        found = share(late, met + late)
        rows.append((queue, kind, met, late, *cells(found)))
        drawn.append((kind, found, None))
    columns = (
        QUEUE,
        TYPE,
        Column("kept", "", "int"),
        Column("missed", "", "int"),
        *shares("missed_share", "missed, of both"),
    )
    says = "Of items that had a due time and ended in this time: kept and missed."
    return Figure("deadlines", "Deadlines", says, columns, rows, plots.whiskers(drawn))


def times(window: Window, went: list[visits.Closed]) -> Figure:
    sums: Counter[tuple[str, int]] = Counter()
    for row in went:
        sums[row.type, row.bucket] += row.n
    labels = [label for label, _ in visits.TIMES]
    middles = {kind: (n, middle, high) for kind, n, middle, high in visits.time_to_close(window)}
    rows = [
        (kind, *middles[kind], *(sums[kind, i] for i in range(len(labels))))
        for kind in sorted({kind for kind, _ in sums})
        if kind in middles
    ]
    counts = [sum(n for (_, bucket), n in sums.items() if bucket == i) for i in range(len(labels))]
    columns = (
        TYPE,
        Column("ended", "", "int"),
        Column("median_seconds", "", "seconds"),
        Column("p90_seconds", "nine of ten were quicker", "seconds"),
        *(Column(label.replace(" ", "_"), "", "int") for label in labels),
    )
    says = "From entering the queue to the end of the visit, waiting for answers included."
    return Figure("times", "Time to decision", says, columns, rows, plots.bars(labels, {"note": ("items", counts)}))
