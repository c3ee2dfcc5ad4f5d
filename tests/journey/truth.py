"""The files that a journey is given: conversations, and which of their calls are right."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from agents import tools, transcripts
from agents.transcripts import Conversation, Refusal


class Unusable(Exception):
    """A file that no journey can be made of; the text says why."""


@dataclass(frozen=True)
class Material:
    """What there is to replay, and what a perfect reviewer knows about it."""

    name: str
    data: bytes
    conversations: list[Conversation]
    refusals: list[Refusal]
    truth: dict[str, bool]

    @property
    def acting(self) -> Counter[str]:
        """How often each tool that acts on the world was called."""
        return Counter(call.tool for talk in self.conversations for call in talk.calls if tools.acts(call.tool))

    @property
    def keys(self) -> list[str]:
        """The consequential calls: conversation/message_index/tool_call_id."""
        return [f"{talk.id}/{call.key}" for talk in self.conversations for call in talk.calls if tools.acts(call.tool)]

    @property
    def rarest(self) -> str:
        """The tool that gets the short deadline: the one with the fewest calls."""
        return min(self.acting.items(), key=lambda item: (item[1], item[0]))[0]

    def right(self, key: str) -> bool:
        """Whether the call is right; one that the truth does not name is not known to be, so it is not."""
        return self.truth.get(key, False)


def read(transcripts_file: Path, truth_file: Path) -> Material:
    """Both files; raises Unusable where nothing could be replayed."""
    data = _bytes(transcripts_file)
    found = list(transcripts.read(data, name=transcripts_file.name))
    material = Material(
        transcripts_file.name,
        data,
        [each for each in found if isinstance(each, Conversation)],
        [each for each in found if isinstance(each, Refusal)],
        _truth(truth_file),
    )
    if not material.keys:
        raise Unusable(f"{transcripts_file} holds no call that acts on the world")
    return material


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise Unusable(
            f"{path} cannot be read: {error.strerror}. Set ASSENTRY_SAMPLE_DATA, or name the files."
        ) from error


def _truth(path: Path) -> dict[str, bool]:
    try:
        found = json.loads(_bytes(path))
    except ValueError as error:
        raise Unusable(f"{path} is not JSON: {error}") from error
    if not isinstance(found, dict) or not all(isinstance(value, bool) for value in found.values()):
        raise Unusable(f"{path} must map conversation_id/message_index/tool_call_id to true or false")
    return found
