"""UUIDv7: version, variant, order."""

from __future__ import annotations

import time
from uuid import RFC_4122

from reviews.ids import new_id


def test_an_id_is_a_version_7_of_now() -> None:
    before = time.time_ns() // 1_000_000
    made = new_id()
    after = time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, RFC_4122)
    assert before <= made.int >> 80 <= after


def test_ids_differ_and_sort_by_their_time() -> None:
    first = new_id()
    time.sleep(0.002)
    second = new_id()
    assert first < second
    assert len({new_id() for _ in range(10_000)}) == 10_000
