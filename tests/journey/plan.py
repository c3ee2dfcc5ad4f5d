"""Who does what to which call: one is edited, one asked about, one expires, one undone; the truth decides the rest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.journey.truth import Material

REST = 1.5  # seconds that an item rests which somebody gave back
SHORT_DEADLINE = 20  # seconds that the rarest type may wait
ONLY_DEADLINE = 60  # the same where it is the only type, so that everything must be decided by then


def deadline(material: Material) -> int:
    return SHORT_DEADLINE if len(material.acting) > 1 else ONLY_DEADLINE


class Row(NamedTuple):
    """A line of the queue as a reviewer sees it."""

    ref: str
    action: str
    type: str


@dataclass(frozen=True)
class Special:
    """The calls that get something else than a plain verdict; None where the material has no such call."""

    expire: str | None
    edit: str | None
    ask: str | None
    undo: frozenset[str]  # right calls, of which the first that can be is approved, taken back and approved again
    correction: dict[str, Any] | None  # the payload that the edited call gets


def choose(material: Material) -> Special:
    """Picks the special calls: what expires has the short deadline, what is edited gets a right call's payload."""
    calls = {f"{t.id}/{c.key}": c for t in material.conversations for c in t.calls}
    rare = [key for key in material.keys if calls[key].tool == material.rarest]
    expire = next((key for key in rare if not material.right(key)), rare[0] if len(material.keys) > 1 else None)
    common = [key for key in material.keys if key not in rare] or [key for key in rare if key != expire]
    wrong = [key for key in common if not material.right(key)]
    right = [key for key in common if material.right(key)]
    sources = {calls[key].tool: key for key in right}
    edit = next((key for key in wrong if calls[key].tool in sources), None)
    ask = next(iter(right), None)
    undo = frozenset(right[1:] or right)
    correction = calls[sources[calls[edit].tool]].arguments if edit else None
    return Special(expire, edit, ask, undo, correction)


@dataclass
class Done:
    """What was really done to the special calls, for the account at the end."""

    edited: str = ""
    asked: str = ""
    undone: str = ""
    answered: str = ""
    settled: dict[str, bool] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)


class Board:
    """What the three reviewers agree on among themselves: who has which item. Safe for threads."""

    def __init__(self, material: Material, special: Special, key_of: Callable[[str], str | None]) -> None:
        self.material, self.special, self.key_of = material, special, key_of
        self.done = Done()
        self._lock = threading.Lock()
        self._taken: dict[str, str] = {}
        self._finished: set[str] = set()
        self._declined: set[tuple[str, str]] = set()
        self._not_before: dict[str, float] = {}

    def take(self, rows: list[Row], who: str) -> tuple[Row, str] | None:
        """An item of these that nobody has and that this person may decide, with the name of its call."""
        with self._lock:
            for row in rows:
                if self._is_out(row.action, who):
                    continue
                key = self.key_of(row.action)
                if key is None or (key == self.special.expire):
                    continue
                self._taken[row.action] = who
                return row, key
        return None

    def _is_out(self, action: str, who: str) -> bool:
        if action in self._taken or action in self._finished or (action, who) in self._declined:
            return True
        return time.monotonic() < self._not_before.get(action, 0.0)

    def give_back(self, row: Row) -> None:
        """It will be there again after a while: asked about, taken back, or refused for the moment."""
        with self._lock:
            self._not_before[row.action] = time.monotonic() + REST
            self._taken.pop(row.action, None)

    def decline(self, row: Row, who: str) -> None:
        """Not for this person; somebody else takes it."""
        with self._lock:
            self._declined.add((row.action, who))
            self._taken.pop(row.action, None)

    def finish(self, row: Row) -> None:
        with self._lock:
            self._finished.add(row.action)
            self._taken.pop(row.action, None)

    def open_again(self, row: Row) -> None:
        """Its decision was taken back: it waits once more."""
        with self._lock:
            self._finished.discard(row.action)

    def deed(self, key: str) -> str:
        """What is to be done with this call now."""
        if key == self.special.edit and not self.done.edited:
            return "edit"
        if key == self.special.ask and not self.done.asked:
            return "ask"
        if key in self.special.undo and not self.done.undone:
            return "undo"
        if key == self.special.edit:
            return "approve"
        return "approve" if self.material.right(key) else "reject"
