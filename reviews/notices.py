"""What people are told of by mail, if they want to be: the kinds, who gets them unasked, and the words. Pure."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    ASSIGNED = "assigned"
    ESCALATED = "escalated"
    MENTIONED = "mentioned"
    ANSWERED = "answered"
    NEAR = "near"
    DIGEST = "digest"


class Posted(StrEnum):
    """What became of a notice. `taken`: somebody began to send it, and it is never sent again unless they say so."""

    WAITING = "waiting"
    TAKEN = "taken"
    SENT = "sent"
    DROPPED = "dropped"
    UNCLEAR = "unclear"
    GIVEN_UP = "given_up"


UNASKED = frozenset({Kind.ASSIGNED, Kind.ESCALATED, Kind.MENTIONED})

SAID = {
    Kind.ASSIGNED: "lies on your desk",
    Kind.ESCALATED: "was escalated to a team of yours",
    Kind.MENTIONED: "has a message that names you",
    Kind.ANSWERED: "has something new in its thread, which you follow",
    Kind.NEAR: "lies on your desk and is late soon",
}


def choice(kind: Kind) -> str:
    """The name of the setting with which a reader wants these or does not."""
    return f"mail_{kind.value}"
