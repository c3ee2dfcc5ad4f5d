"""Agents and versions: what they propose, what becomes of it, and how far their own confidence can be read."""

from __future__ import annotations

from collections import Counter

from audit.tabular import Column
from reviews import plots
from reviews.figures import Figure, cells, shares
from reviews.intervals import Share, labels_needed, share
from reviews.queries.numbers import Window, agents
from reviews.queries.numbers.decided import verdicts
from reviews.queries.stats import HandSet

MOST_CHECKPOINTS = 3  # on one path of a workflow; one to three is the aim
WHO = (Column("agent"), Column("version"), Column("type", "action type"))


def figures(window: Window, hand_set: list[HandSet]) -> tuple[list[Figure], bool]:
    return [proposals(window), reliability(window), checkpoints(window), thresholds(hand_set)], agents.capped(window)


def proposals(window: Window) -> Figure:
    """Proposed, approved, edited, rejected, and how much ran without a person."""
    found = verdicts(window).of(lambda group: not group.taken_back)
    sums: Counter[tuple[str, str, str, str]] = Counter()
    for group in found.groups:
        what = (
            "policy" if group.by_policy else "edited" if group.edited and group.verdict == "approve" else group.verdict
        )
        sums[group.agent, group.version, group.type, what] += group.n
    made = {(row.agent, row.version, row.type): row.n for row in agents.proposed(window)}
    rows, drawn = [], []
    for key in sorted(made.keys() | {(agent, version, kind) for agent, version, kind, _ in sums}):
        alone, approved, edited, rejected = (sums[(*key, what)] for what in ("policy", "approve", "edited", "reject"))
        automatic = share(alone, alone + approved + edited + rejected)
        rows.append((*key, made.get(key, 0), alone, approved, edited, rejected, *cells(automatic)))
        drawn.append((f"{key[0]} {key[1]} {key[2]}", automatic, None))
    columns = (
        *WHO,
        Column("proposed", "in this time", "int"),
        Column("by_policy", "decided without a person", "int"),
        Column("approved", "by people, unchanged", "int"),
        Column("edited", "by people, changed", "int"),
        Column("rejected", "by people", "int"),
        *shares("automation", "decided by policy, of all decided"),
    )
    says = "What each agent version proposed and what became of it. Automation says nothing about being right."
    return Figure("proposals", "Proposals and verdicts", says, columns, rows, plots.whiskers(drawn, whole=True))


def reliability(window: Window) -> Figure:
    """Stated confidence against what people let pass: raw, and biased towards what was sent to them."""
    bins = agents.confidence(window)
    rows = [
        (row.agent, row.version, row.type, row.bin / 10, (row.bin + 1) / 10, row.stated, row.n, row.right,
         *cells(share(row.right, row.n)))
        for row in bins
    ]  # fmt: skip
    columns = (
        *WHO,
        Column("confidence_from", "", "share"),
        Column("confidence_to", "", "share"),
        Column("stated", "mean confidence that the agent stated", "share"),
        Column("decided", "by people", "int"),
        Column("passed", "approved unchanged", "int"),
        *shares("passed_share", "passed, of decided"),
    )
    says = (
        "Raw reliability: of what people decided, how much passed unchanged, by the confidence the agent stated. "
        "The open mark is what the agent claimed, the dot what people said, the line its 95 % interval."
    )
    return Figure("confidence", "Stated confidence and verdicts", says, columns, rows,
                  plots.whiskers(_by_confidence(bins), whole=True), _labels(bins))  # fmt: skip


def _by_confidence(bins: list[agents.Bin]) -> list[tuple[str, Share, float | None]]:
    """Each tenth of stated confidence over all agents: what passed, and what was claimed on average."""
    by_bin: dict[int, list[agents.Bin]] = {}
    for row in bins:
        by_bin.setdefault(row.bin, []).append(row)
    return [_tenth(number, group) for number, group in sorted(by_bin.items())]


def _tenth(number: int, group: list[agents.Bin]) -> tuple[str, Share, float | None]:
    n = sum(row.n for row in group)
    stated = sum(row.stated * row.n for row in group) / n
    return f"{number / 10:.1f} to {(number + 1) / 10:.1f}", share(sum(row.right for row in group), n), stated


def _labels(bins: list[agents.Bin]) -> str:
    need, counts = labels_needed(), Counter[tuple[str, str, str]]()
    for row in bins:
        counts[row.agent, row.version, row.type] += row.n
    if not counts:
        return f"Not calibrated: no labels yet, {need} to go for each agent version and type."
    key, most = counts.most_common(1)[0]
    rest = f"{max(0, need - most)} labels to go" if most < need else "enough labels, but certificates are not built"
    return (
        f"Not calibrated. Cases sent to people are no fair sample of all. Nearest: {key[0]} {key[1]}, {key[2]}, "
        f"{most} labels, {rest} (at least {need})."
    )


def checkpoints(window: Window) -> Figure:
    """How often one run stops for people; more than three on a path is a design worth another look."""
    found = agents.stopovers(window, MOST_CHECKPOINTS)
    rows = [(row.agent, row.runs, row.median, row.many, row.longest, row.path, str(row.run)) for row in found]
    alarms = tuple(
        f"{row.agent}: {row.many} of {row.runs} runs had more than {MOST_CHECKPOINTS} checkpoints; "
        f"the longest had {row.longest}: {row.path}."
        for row in found
        if row.many
    )
    columns = (
        Column("agent"),
        Column("runs", "that people had to look at", "int"),
        Column("median_checkpoints", "for each such run"),
        Column("runs_above_three", "", "int"),
        Column("most_checkpoints", "", "int"),
        Column("path", "of the run with the most: > after an answer, + together"),
        Column("run", "its id"),
    )
    says = "How often one run stopped for people; what it proposed together (+) is one stop. One to three is the aim."
    return Figure("checkpoints", "Checkpoints for each run", says, columns, rows, alarms=alarms)


def thresholds(hand_set: list[HandSet]) -> Figure:
    rows = [(row.agent, row.type, row.level, row.tau, row.by, row.expires, "none: set by hand") for row in hand_set]
    columns = (
        Column("agent"),
        Column("type", "action type"),
        Column("level"),
        Column("from_confidence", "", "share"),
        Column("set_by"),
        Column("until", "", "time"),
        Column("guarantee"),
    )
    says = "Levels in force now that a person set: hand-set, no guarantee, and no samples are drawn."
    empty = "None. What is not low and reversible by policy waits for a person."
    return Figure("thresholds", "Thresholds set by hand", says, columns, rows, empty=empty)
