"""The team, for its lead: open work, authority and pace of everybody together. Never a ranking of people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from audit.tabular import Column
from reviews.figures import Figure
from reviews.models import User
from reviews.queries.numbers import Window, team

FEWEST = 3  # people behind a figure that is shown


def figures(window: Window, people: Sequence[User], away: Mapping[int, str], cover: list[team.Cover]) -> list[Figure]:
    return [load(window, people, away), coverage(cover), pace(window)]


def load(window: Window, people: Sequence[User], away: Mapping[int, str]) -> Figure:
    found = team.load(window, people)
    rows = [(str(user), found[user.pk].assigned, found[user.pk].claimed, away.get(user.pk, "")) for user in people]
    columns = (
        Column("person", "by name"),
        Column("assigned", "open items given to them", "int"),
        Column("claimed", "they are on it now, among the most urgent of each queue", "int"),
        Column("absent", "until when, and who stands in"),
    )
    says = "Who has what in hand now, in your queues. Work that waits, not work that was done."
    alarms = tuple(
        f"{user} is absent and still has {found[user.pk].assigned} open items: hand them over."
        for user in people
        if user.pk in away and found[user.pk].assigned
    )
    return Figure("load", "In hand", says, columns, rows, alarms=alarms, empty="Nobody sees these queues.")


def coverage(cover: list[team.Cover]) -> Figure:
    rows = [(row.queue, row.type, row.risk, row.needed, row.seeing, row.deciding, row.here) for row in cover]
    alarms = tuple(
        f"{row.type}: {row.needed} needed at {row.risk} risk, {row.here} here with authority."
        for row in cover
        if row.here < row.needed
    )
    columns = (
        Column("queue"),
        Column("type", "action type"),
        Column("risk"),
        Column("votes_needed", "by the risk table, without amounts", "int"),
        Column("see_it", "people who see the queue", "int"),
        Column("may_decide", "of these, with authority to that risk", "int"),
        Column("here", "of these, not absent", "int"),
    )
    says = "Whether enough people may decide each type. Limits of amount are not counted in."
    return Figure("coverage", "Authority", says, columns, rows, alarms=alarms)


def pace(window: Window) -> Figure:
    """Together, and only where enough people are behind a figure."""
    rows = []
    for row in team.work(window):
        enough = row.people >= FEWEST
        rows.append((row.queue, row.people, row.decisions if enough else None, row.median if enough else None))
    columns = (
        Column("queue"),
        Column("people", "who decided in this time", "int"),
        Column("decisions", "of all of them", "int"),
        Column("median_seconds", "from opening to verdict, of all of them", "seconds"),
    )
    says = f"What was decided together; left out where fewer than {FEWEST} people are behind a figure."
    return Figure("pace", "Together", says, columns, rows)
