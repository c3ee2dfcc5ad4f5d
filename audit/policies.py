"""The log's trust policy (C2SP tlog-policy): its keys, its witnesses, and how many of these must have cosigned."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from audit.notes import BadNote, read_vkey
from audit.outgoing import BadAddress, check


class BadPolicy(ValueError):
    """A policy file that cannot be followed; the message names the line."""


@dataclass(frozen=True)
class Witness:
    """One witness: its name within the policy, its key, and where it takes checkpoints ("" if it is not asked)."""

    name: str
    vkey: str
    url: str = ""


@dataclass
class Policy:
    logs: list[str] = field(default_factory=list)
    witnesses: dict[str, Witness] = field(default_factory=dict)
    groups: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    quorum: str = ""

    def lines(self) -> Iterator[str]:
        """Witnesses, groups and quorum, as they go into an export; the log's keys stand in its own events."""
        for one in self.witnesses.values():
            yield f"witness {one.name} {one.vkey}"
        for name, (needed, members) in self.groups.items():
            yield f"group {name} {needed} {' '.join(members)}"
        yield f"quorum {self.quorum or 'none'}"


def read(path: Path | None) -> Policy:
    """The policy in this file; without a file: no witness, no quorum. Raises BadPolicy."""
    if path is None:
        return Policy(quorum="none")
    try:
        return parse(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise BadPolicy(f"{path} cannot be read: {error}") from error
    except BadPolicy as error:
        raise BadPolicy(f"{path}: {error}") from None


def parse(text: str) -> Policy:
    """Raises BadPolicy."""
    found = Policy()
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        try:
            _take(found, words)
        except (BadNote, BadAddress, BadPolicy) as error:
            raise BadPolicy(f"line {number}: {error}") from None
    if not found.quorum:
        raise BadPolicy("there is no quorum line; without witnesses write: quorum none")
    return found


def _take(found: Policy, words: list[str]) -> None:
    verb, rest = words[0], words[1:]
    if verb == "log" and 1 <= len(rest) <= 2:
        read_vkey(rest[0], 1)
        found.logs.append(rest[0])
    elif verb == "witness" and 2 <= len(rest) <= 3:
        _add_witness(found, *rest)
    elif verb == "group" and len(rest) >= 3:
        _add_group(found, rest[0], rest[1], tuple(rest[2:]))
    elif verb == "quorum" and len(rest) == 1 and not found.quorum:
        if rest[0] not in ("none", *found.witnesses, *found.groups):
            raise BadPolicy(f"the quorum names {rest[0]!r}, which no line above defines")
        found.quorum = rest[0]
    else:
        raise BadPolicy(f"cannot read {' '.join(words)[:80]!r}")


def _add_witness(found: Policy, name: str, vkey: str, url: str = "") -> None:
    _demand_new(found, name)
    public = read_vkey(vkey, 4).public
    if any(read_vkey(other.vkey, 4).public == public for other in found.witnesses.values()):
        raise BadPolicy(f"the key of {name!r} stands here twice")
    found.witnesses[name] = Witness(name, vkey, check(url).rstrip("/") if url else "")


def _add_group(found: Policy, name: str, needed: str, members: tuple[str, ...]) -> None:
    _demand_new(found, name)
    taken = {member for _, others in found.groups.values() for member in others}
    for member in members:
        if member not in (*found.witnesses, *found.groups) or member in taken or members.count(member) > 1:
            raise BadPolicy(f"{member!r} is not defined above, or is in a group already")
    counts = {"any": 1, "all": len(members)}
    count = counts.get(needed) or (int(needed) if needed.isdecimal() else 0)
    if not 1 <= count <= len(members):
        raise BadPolicy(f"{needed!r} of {len(members)} members is no threshold")
    found.groups[name] = (count, members)


def _demand_new(found: Policy, name: str) -> None:
    if name == "none" or name in found.witnesses or name in found.groups:
        raise BadPolicy(f"{name!r} is defined twice")
