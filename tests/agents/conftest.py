from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.agents.kit import Crew, crewed


@pytest.fixture
def crew(db: None) -> Iterator[Crew]:
    """A desk without the shipped types, and a world that effects write to."""
    with crewed() as found:
        yield found
