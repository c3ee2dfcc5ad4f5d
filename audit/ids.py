"""UUIDv7 (RFC 9562, section 5.7): ids that sort by the millisecond they were made in."""

import os
import time
from uuid import UUID


def as_uuid(text: str) -> UUID | None:
    """What somebody may have typed, as an id; None where it is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def id_in(case: str, kind: str) -> UUID | None:
    """The id in a case's name, which a person may have typed; None where it names nothing of this kind."""
    given, _, name = case.partition(":")
    return as_uuid(name) if given == kind else None


def uuid7() -> UUID:
    """48 bits of Unix milliseconds, then version, variant and 74 random bits."""
    stamp = time.time_ns() // 1_000_000
    tail = int.from_bytes(os.urandom(10))
    value = (stamp & (1 << 48) - 1) << 80 | tail
    value = value & ~(0xF << 76) | 0x7 << 76
    return UUID(int=value & ~(0x3 << 62) | 0x2 << 62)
