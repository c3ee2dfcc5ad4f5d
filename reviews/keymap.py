"""The keys a reader may change: action, label, and the key it has otherwise. static/js/bindings.js binds them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple


class Key(NamedTuple):
    """An action of the desk's pages, and the character that does it unless the reader chose another."""

    action: str
    label: str
    usual: str


ACTIONS = (
    Key("next", "Next row or item", "j"),
    Key("previous", "Previous row or item", "k"),
    Key("following", "Next item", "]"),
    Key("preceding", "Previous item", "["),
    Key("open", "Open", "o"),
    Key("back", "Clear the selection, back to the queue", "u"),
    Key("select", "Select or not", "x"),
    Key("approve", "Approve", "a"),
    Key("reject", "Reject", "r"),
    Key("edit", "Edit or answer", "e"),
    Key("ask", "Ask the agent", "q"),
    Key("escalate", "Escalate", "s"),
    Key("defer", "Defer", "d"),
    Key("claim", "Claim or release", "c"),
    Key("undo", "Take the last decision back", "z"),
    Key("payload", "Payload: form, changes, raw bytes", "v"),
    Key("precedents", "Precedents", "h"),
    Key("thread", "Thread", "t"),
    Key("history", "History", "y"),
    Key("preview", "Preview beside the list", "p"),
    Key("search", "Search", "/"),
    Key("filter", "Filters", "f"),
    Key("fresh", "Show what is new", "."),
    Key("help", "Help and keys", "?"),
)
PREFIXES = frozenset("g*")  # they begin sequences, which stay as they are
_USUAL = {key.action: key.usual for key in ACTIONS}


def wrong_keys(chosen: Mapping[str, str]) -> list[str]:
    """What is wrong with a reader's own keys, in words; empty when they can be used.

    Each must be one visible character and belong to one action only, the usual
    keys of the others included.
    """
    found = [f"{action} is no action of the desk" for action in chosen if action not in _USUAL]
    found += [f"{_label(action)}: {_fault(key)}" for action, key in chosen.items() if action in _USUAL and _fault(key)]
    return found + ([] if found else _doubled({**_USUAL, **chosen}))


def _label(action: str) -> str:
    return next(key.label for key in ACTIONS if key.action == action)


def _fault(key: str) -> str:
    if len(key) != 1 or not key.isprintable() or key.isspace():
        return "choose one visible character"
    if key in PREFIXES:
        return f"{key} begins sequences such as {key} a"
    return "" if key == key.lower() else "choose the small letter"


def _doubled(keys: Mapping[str, str]) -> list[str]:
    taken: dict[str, str] = {}
    found = []
    for action, key in keys.items():
        if key in taken:
            found.append(f"{key} would mean both {_label(taken[key])} and {_label(action)}")
        taken.setdefault(key, action)
    return found
