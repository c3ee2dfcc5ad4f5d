"""Decision quality, as far as the data reaches: what people changed, took back, agreed on, and what happened after."""

from __future__ import annotations

from collections import defaultdict

from audit.tabular import Column
from reviews import plots
from reviews.figures import Figure, cells, shares
from reviews.intervals import Day, labels_needed, laney, quantile, share, time_signal
from reviews.queries.numbers import Window
from reviews.queries.numbers.decided import Group, Verdicts, looks, pairs, verdicts

TYPE = Column("type", "action type")


def figures(window: Window) -> tuple[list[Figure], bool]:
    """The page, and whether more was decided than it reads."""
    found = verdicts(window)
    people = found.of(lambda group: not group.by_policy)
    return [
        overrides(people),
        approval_share(people, window),
        taken_back(people),
        after_approval(found),
        agreement(window),
        reading(window),
        not_yet(people),
    ], found.capped


def _stood(group: Group) -> bool:
    return not group.taken_back


def overrides(people: Verdicts) -> Figure:
    """Rejected or edited: how often people did not let pass what the agent wanted."""
    rows, drawn = [], []
    for kind, found in people.of(_stood).each(lambda group: group.type):
        n = found.count(lambda group: True)
        rejected = found.count(lambda group: group.verdict == "reject")
        edited = found.count(lambda group: group.verdict == "approve" and group.edited)
        over = share(rejected + edited, n)
        rows.append((kind, n, rejected, edited, *cells(over), *cells(share(rejected, n)), *cells(share(edited, n))))
        drawn.append((kind, over, None))
    columns = (
        TYPE,
        Column("decided", "verdicts by people that stood", "int"),
        Column("rejected", "", "int"),
        Column("edited", "approved after a person changed it", "int"),
        *shares("overridden", "rejected or edited, of decided"),
        *shares("rejected_share", "rejected, of decided"),
        *shares("edited_share", "edited, of decided"),
    )
    says = "How often people changed or refused what the agent proposed, with 95 % intervals (Wilson)."
    return Figure("overrides", "Overrides by type", says, columns, rows, plots.whiskers(drawn))


def approval_share(people: Verdicts, window: Window) -> Figure:
    """Whether the share of approvals moves more than chance and the mix of types explain."""
    days: dict[str, dict[str, tuple[int, int]]] = {day: {} for day in window.days()}
    for group in people.of(_stood).groups:
        k, n = days.setdefault(group.day, {}).get(group.type, (0, 0))
        days[group.day][group.type] = (k + group.n * (group.verdict == "approve"), n + group.n)
    chart = laney({day: _typed(counts) for day, counts in days.items()})
    points = chart.points if chart else ()
    rows = [(point.label, point.n, point.value, point.low, point.high, point.out) for point in points]
    columns = (
        Column("day", "", "day"),
        Column("decided", "", "int"),
        Column(
            "approval_share", "standardised: above 100 % are more approvals than the mix of types explains", "share"
        ),
        Column("lower_limit", "", "share"),
        Column("upper_limit", "", "share"),
        Column("outside", "beyond the limits"),
    )
    out = [point.label for point in points if point.out]
    alarms = (f"Outside the limits: {', '.join(out)}. Look at what came in on such a day before asking who decided.",)
    missing = "" if chart else "A control chart needs decisions on at least three days."
    says = "Laney's p' chart of the approval share a day, standardised by type: inside the limits it is noise."
    return Figure(
        "approvals", "Approval share", says, columns, rows, plots.control(chart), missing, alarms if out else ()
    )


def _typed(counts: dict[str, tuple[int, int]]) -> Day:
    return counts


def taken_back(people: Verdicts) -> Figure:
    rows, drawn = [], []
    for kind, found in people.each(lambda group: group.type):
        cast = found.count(lambda group: True)
        undone = share(found.count(lambda group: group.taken_back), cast)
        rows.append((kind, cast, undone.k, *cells(undone)))
        drawn.append((kind, undone, None))
    columns = (TYPE, Column("cast", "verdicts by people", "int"), Column("taken_back", "", "int"),
               *shares("undo_share", "taken back, of cast"))  # fmt: skip
    says = "Verdicts that their voters took back before release."
    return Figure("undo", "Taken back", says, columns, rows, plots.whiskers(drawn))


def after_approval(found: Verdicts) -> Figure:
    """What became of what was approved, by people and by policy."""
    rows = []
    for kind, group in found.of(lambda g: _stood(g) and g.verdict == "approve").each(lambda g: g.type):
        for who, by_policy in (("people", False), ("policy", True)):
            part = group.of(lambda g, by_policy=by_policy: g.by_policy is by_policy)  # type: ignore[misc]
            n = part.count(lambda g: True)
            ends = [part.count(lambda g, end=end: g.end == end) for end in ("reversed", "failed", "in_doubt")]  # type: ignore[misc]
            if n:
                rows.append((kind, who, n, *ends, *cells(share(ends[0], n))))
    columns = (
        TYPE,
        Column("approved_by", ""),
        Column("approved", "", "int"),
        Column("reversed", "undone later by an action of its own", "int"),
        Column("failed", "the effect did not happen", "int"),
        Column("in_doubt", "nobody knows yet whether it happened", "int"),
        *shares("reversed_share", "reversed, of approved"),
    )
    says = "What was approved in this time and came out otherwise. A reversal is the desk's own word that it was wrong."
    return Figure("after", "After approval", says, columns, rows)


def agreement(window: Window) -> Figure:
    rows, drawn = [], []
    for kind, n, same in pairs(window):
        found = share(same, n)
        rows.append((kind, n, same, *cells(found)))
        drawn.append((kind, found, None))
    columns = (TYPE, Column("pairs", "two votes on the same bytes", "int"), Column("agreed", "", "int"),
               *shares("agreement", "agreed, of pairs"))  # fmt: skip
    says = (
        "Of what needs two people. A first rejection closes an item, so pairs that would have begun with one are not "
        "here: this is raw agreement, and too high by what it leaves out."
    )
    return Figure("agreement", "Two people, one item", says, columns, rows, plots.whiskers(drawn, whole=True))


def reading(window: Window) -> Figure:
    """Together, never by person: how often a verdict came faster than the words could be read."""
    by_type: dict[str, list[tuple[float, int]]] = defaultdict(list)
    for kind, seconds, words in looks(window):
        by_type[kind].append((seconds, words))
    rows, drawn = [], []
    for kind, found in sorted(by_type.items()):
        signal = time_signal(found)
        middle = quantile([seconds for seconds, _ in found], 0.5)
        rows.append((kind, signal.n, middle, *cells(signal.fast), signal.correlation))
        drawn.append((kind, signal.fast, None))
    columns = (
        TYPE,
        Column("decided", "one by one; the newest 2,000 of the time", "int"),
        Column("median_seconds", "from opening to verdict", "seconds"),
        *shares("too_fast", "under 2 s and 35 % of the words at 700 words a minute"),
        Column("correlation", "of log seconds with log words; near 0: the time has nothing to do with the length"),
    )
    says = "Whether time follows what there was to read. Everybody together; your own figure is on My day."
    return Figure("reading", "Time to read", says, columns, rows, plots.whiskers(drawn))


def not_yet(people: Verdicts) -> Figure:
    """What a certificate would need: real counts of verdicts by people, for each agent version and type."""
    need = labels_needed()
    rows = []
    for key, found in people.of(_stood).each(lambda g: (g.agent, g.version, g.type)):
        n = found.count(lambda g: True)
        rows.append((*key, n, need, max(0, need - n)))
    columns = (
        Column("agent"),
        Column("version"),
        TYPE,
        Column("labels", "verdicts by people in this time", "int"),
        Column("needed", "at least; alpha 2 %, delta 5 %, one error allowed", "int"),
        Column("to_go", "", "int"),
    )
    missing = (
        "No calibration yet: certificates, blind second reviews, canary scores and agreement beyond chance are not "
        "built. No error rate is shown because none is known."
    )
    says = "How many labelled cases there are, and how many the smallest certificate would need."
    return Figure("labels", "Towards calibration", says, columns, rows, missing=missing)
