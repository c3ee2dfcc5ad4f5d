"""Reason codes: what reviewers pick instead of typing, per action type and verdict. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from reviews.errors import InvalidDecision, ReasonNeeded
from reviews.schemas import MAX_NOTE
from reviews.states import Risk, Verdict

OTHER = "other"
SHORTEST_OTHER = 10
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


class Preset(NamedTuple):
    code: str
    text: str


DEFAULTS: Mapping[str, tuple[Preset, ...]] = {
    "approve": (
        Preset("checked", "Checked against the evidence; it is right."),
        Preset("policy", "Within policy."),
        Preset("customer", "The customer asked for exactly this."),
    ),
    "reject": (
        Preset("wrong_facts", "The facts do not support it."),
        Preset("against_policy", "Against policy."),
        Preset("wrong_target", "Wrong customer, order or recipient."),
        Preset("wrong_amount", "Wrong amount."),
        Preset("not_needed", "Not needed."),
        Preset("unclear", "Cannot be judged from what is shown."),
    ),
    "escalate": (
        Preset("above_me", "Above what I may decide."),
        Preset("specialist", "Needs a specialist."),
        Preset("unsure", "I am not sure enough."),
    ),
    "edit": (
        Preset("corrected", "Corrected a mistake of the agent."),
        Preset("reworded", "Same thing, better words."),
    ),
}


_ALWAYS = {Verdict.REJECT: "a rejection says why", Verdict.ESCALATE: "an escalation says why"}


class HasPresets(Protocol):
    @property
    def presets(self) -> Any: ...


def presets(kind: HasPresets, verb: str) -> tuple[Preset, ...]:
    """The reasons on offer, at most nine; a type's own replace the usual ones."""
    own = (kind.presets or {}).get(verb) or ()
    found = tuple(Preset(p["code"], p["text"]) for p in own if "code" in p and "text" in p)
    return (found or DEFAULTS.get(verb, ()))[:9]


def worded(kind: HasPresets, verb: str, code: str, rationale: str, *, required: bool | str) -> str:
    """The rationale to record. InvalidDecision where one is missing (`required` may say why) or cannot be kept."""
    words = rationale.strip()
    if _CONTROL.search(words) or len(words) > MAX_NOTE:
        raise InvalidDecision(f"the note holds control characters or is longer than {MAX_NOTE}")
    known = {p.code: p.text for p in presets(kind, verb)}
    if code and code != OTHER and code not in known:
        raise InvalidDecision(f"{code!r} is no reason code for this")
    if code == OTHER and len(words) < SHORTEST_OTHER:
        raise InvalidDecision(f"say what the other reason is, in {SHORTEST_OTHER} letters or more")
    words = words or known.get(code, "")
    if required and not words:
        raise ReasonNeeded(f"a reason is needed: {required}" if isinstance(required, str) else "a reason is needed")
    return words


def why_required(verdict: Verdict, risk: Risk, *, doubted: str = "", against: str = "") -> str:
    """Why a reason must be given, in words; empty where none must.

    None must for approving something harmless that nothing speaks against.
    `doubted`: the agent itself was unsure of it. `against`: most of the
    precedents that are shown went the other way.
    """
    if verdict is not Verdict.APPROVE:
        return _ALWAYS.get(verdict, "")
    if risk.rank >= Risk.HIGH.rank:
        return f"approving {risk} risk says why"
    return doubted or against


def doubt_of(confidence: float | None, low_mark: float) -> str:
    """The agent's own flag: it put its confidence below the low mark of the type."""
    if confidence is None or confidence >= low_mark:
        return ""
    return f"the agent itself was unsure: {confidence:.2f}"


def by_use(offered: Sequence[Preset], used: Mapping[str, int]) -> tuple[Preset, ...]:
    """Those picked most come first; the others keep their order."""
    return tuple(sorted(offered, key=lambda preset: -used.get(preset.code, 0)))
