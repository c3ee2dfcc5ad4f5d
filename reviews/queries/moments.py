"""Times in a query: how long ago or how much longer, or a day as a calendar has it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from reviews.queries.grammar import BadQuery

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([0-9]{1,6})(s|m|h|d|w)")
LONGEST = 20 * 365 * 86_400


@dataclass(frozen=True, slots=True)
class _How:
    """How the times of one value are read: its parameters' name, which way durations count, where days begin."""

    name: str
    ahead: bool
    zone: tzinfo

    def at(self, end: str) -> str:
        """A moment so far away, in SQL."""
        return f"now() {'+' if self.ahead else '-'} %({self.name}{end})s * interval '1 second'"


def clause(column: str, values: Iterable[str], name: str, *, ahead: bool, zone: tzinfo) -> tuple[str, dict[str, Any]]:
    """Any of the values as a condition that an index on `column` serves. `ahead`: durations count into the future."""
    parts: list[str] = []
    given: dict[str, Any] = {}
    for number, value in enumerate(values):
        sql, more = _one(column, value, f"{name}v{number}", ahead=ahead, zone=zone)
        parts.append(sql)
        given |= more
    return f"({' OR '.join(parts)})", given


def _one(column: str, value: str, name: str, *, ahead: bool, zone: tzinfo) -> tuple[str, dict[str, Any]]:
    if value.lower() == "none":
        return f"{column} IS NULL", {}
    sign, text = split_sign(value)
    low, dots, high = text.partition("..")
    if dots and sign:
        raise BadQuery(f"`{value}` is both a comparison and a range. Write {low}..{high} or {sign}{low}.")
    ends = (low, high) if dots else (text, text)
    read = _lengths if _DURATION.fullmatch(ends[0].lower()) else _days
    return read(column, sign if not dots else "..", ends, _How(name, ahead, zone))


def split_sign(value: str) -> tuple[str, str]:
    """The comparison in front of a value, and the rest."""
    sign = next((sign for sign in (">=", "<=", ">", "<") if value.startswith(sign)), "")
    return sign, value[len(sign) :]


def _lengths(column: str, sign: str, ends: tuple[str, str], how: _How) -> tuple[str, dict[str, Any]]:
    name, ahead = how.name, how.ahead
    low, high = seconds(ends[0]), seconds(ends[1])
    turn = {">": "<", "<": ">", ">=": "<=", "<=": ">="}
    if sign == "..":
        first, last = (">=", "<") if ahead else ("<=", ">")
        sql = f"({column} {first} {how.at('a')} AND {column} {last} {how.at('b')})"
        return sql, {f"{name}a": low, f"{name}b": high}
    if not sign:
        raise BadQuery(f"Write <{ends[0]} for less than that, or >{ends[0]} for more.")
    return f"{column} {sign if ahead else turn[sign]} {how.at('a')}", {f"{name}a": low}


def seconds(text: str) -> int:
    """A duration such as 30m, 4h, 2d or 1w."""
    match = _DURATION.fullmatch(text.lower())
    if match is None:
        raise BadQuery(f"`{text}` is no duration and no date. Write 30m, 4h, 2d or 2026-12-01.")
    found = int(match.group(1)) * _UNITS[match.group(2)]
    if found > LONGEST:
        raise BadQuery(f"`{text}` is longer than anything here has lasted.")
    return found


_DAY_SQL: dict[str, Callable[[str, str], str]] = {
    "": lambda c, n: f"({c} >= %({n}a)s AND {c} < %({n}d)s)",
    "..": lambda c, n: f"({c} >= %({n}a)s AND {c} < %({n}d)s)",
    ">=": lambda c, n: f"{c} >= %({n}a)s",
    ">": lambda c, n: f"{c} >= %({n}b)s",
    "<": lambda c, n: f"{c} < %({n}a)s",
    "<=": lambda c, n: f"{c} < %({n}b)s",
}


def _days(column: str, sign: str, ends: tuple[str, str], how: _How) -> tuple[str, dict[str, Any]]:
    """A day, or a stretch from the beginning of one to the end of another."""
    name, zone = how.name, how.zone
    (first, first_end), (_, last_end) = day(ends[0], zone), day(ends[1], zone)
    sql = _DAY_SQL[sign](column, name)
    given = {f"{name}a": first, f"{name}b": first_end, f"{name}d": last_end}
    return sql, {key: value for key, value in given.items() if f"%({key})s" in sql}


def day(text: str, zone: tzinfo) -> tuple[datetime, datetime]:
    """From when to when a date lasts where the reader is; a time of day lasts a minute."""
    try:
        start = datetime.fromisoformat(text)
        length = timedelta(days=1) if len(text) == 10 else timedelta(minutes=1)
        start = start if start.tzinfo else start.replace(tzinfo=zone)
        return start.astimezone(UTC), (start + length).astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadQuery(f"`{text}` is no duration and no date. Write 30m, 4h, 2d or 2026-12-01.") from None
