"""UUIDv7 (RFC 9562, section 5.7): 48 bits of Unix milliseconds, then random."""

import os
import time
from uuid import UUID


def new_id() -> UUID:
    """A fresh UUIDv7; sorts by time of making, to the millisecond."""
    millis = time.time_ns() // 1_000_000
    tail = int.from_bytes(os.urandom(10)) & ~(0xF << 76) & ~(0x3 << 62)
    return UUID(int=(millis << 80) | (0x7 << 76) | tail | (0x2 << 62))
