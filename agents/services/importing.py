"""Bringing a file of conversations in: types for the tools that act, and one run for each conversation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from agents import tools, transcripts
from agents.services.starting import start_run
from agents.tools import Tool
from agents.transcripts import Conversation, Refusal
from reviews.errors import InvalidPayload
from reviews.models import ActionType
from reviews.registry import DeskType
from reviews.services.base import By
from reviews.services.imported import import_types

MOST_CONVERSATIONS = 2_000
AGENT = "replay"


@dataclass(frozen=True, slots=True)
class Opened:
    """A file that was read: what can be replayed, what cannot and why, and its tools."""

    name: str
    conversations: list[Conversation]
    refusals: list[Refusal]
    tools: list[Tool]


def open_file(data: bytes, *, name: str, prefix: str = "") -> Opened:
    """Reads a file and guesses what its tools are. `prefix` names the family of the types."""
    conversations: list[Conversation] = []
    refusals: list[Refusal] = []
    for found in transcripts.read(data, name=name):
        if isinstance(found, Refusal):
            refusals.append(found)
        else:
            conversations.append(found)
    found_tools = tools.inventory(conversations, prefix=prefix or tools.prefix_of(name))
    return Opened(name, conversations, refusals, found_tools)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import started, and what it refused beside what the file itself refused."""

    runs: list[UUID]
    refusals: list[Refusal]
    types: list[str]


def bring_in(*, opened: Opened, chosen: Mapping[str, Mapping[str, Any]], by: By) -> Imported:
    """Starts a run for each conversation. `chosen`: tool -> what the person set for its type.

    Tools that are not chosen only looked, so their calls are context and nothing more. The same file
    brought in twice is replayed twice: a replay is a trial, not an order.
    """
    if len(opened.conversations) > MOST_CONVERSATIONS:
        raise InvalidPayload(
            f"{len(opened.conversations):,} conversations; bring in {MOST_CONVERSATIONS:,} at most at a time"
        )
    by_name = {tool.name: tool for tool in opened.tools}
    kinds = {name: _with_row(by_name[name].desk_type(**set_)) for name, set_ in chosen.items() if name in by_name}
    good, refusals = _fitting(opened.conversations, kinds)
    reason = f"Imported with the transcripts of {opened.name[:200]}."
    import_types(types=list(kinds.values()), reason=reason, by=by)
    types = {tool: kind.name for tool, kind in kinds.items()}
    return Imported([_start(talk, types, by) for talk in good], refusals, sorted(types.values()))


def _start(talk: Conversation, types: Mapping[str, str], by: By) -> UUID:
    used = {tool: type_ for tool, type_ in types.items() if any(call.tool == tool for call in talk.calls)}
    return start_run(agent=AGENT, args={"conversation": talk.raw, "types": used}, title=talk.id, by=by)


def _fitting(
    conversations: Iterable[Conversation], kinds: Mapping[str, DeskType]
) -> tuple[list[Conversation], list[Refusal]]:
    judged = [(talk, tools.unfit(talk, kinds)) for talk in conversations]
    return [talk for talk, refusal in judged if not refusal], [refusal for _, refusal in judged if refusal]


def _with_row(kind: DeskType) -> DeskType:
    """The type with a schema that also fits what an earlier import taught us of the same tool."""
    row = ActionType.objects.filter(name=kind.name).first()
    return kind if row is None else replace(kind, schema=tools.merged(row.schema, kind.schema))
