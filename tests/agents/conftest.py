from __future__ import annotations

from collections.abc import Iterator

import pytest

from agents import registry
from reviews import registry as desk_registry
from tests import build
from tests.agents.kit import Crew, World, declare_types


@pytest.fixture
def crew(db: None) -> Iterator[Crew]:
    """A desk without the shipped types, and a world that effects write to."""
    shipped = dict(desk_registry._loaded)
    with registry.isolated(empty=True):
        desk_registry._loaded.clear()
        world = World()
        declare_types(world)
        found = Crew(build.house(), world)
        found.sync()
        yield found
    desk_registry._loaded.clear()
    desk_registry._loaded.update(shipped)
