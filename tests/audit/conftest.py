"""A world with a log; and the tests' own business rows in place of those of the desk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from audit import registry
from tests.audit import world as world_


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The record with no other app registered: what an outsider has who gets the audit tables alone."""
    for name in ("_projections", "_texts", "_erasers", "_guards", "_names"):
        monkeypatch.setattr(registry, name, {})


@pytest.fixture
def world(db: None, alone: None, tmp_path: Path) -> Iterator[world_.World]:
    """A log of its own, in the test's transaction."""
    yield world_.World(tmp_path)
    world_.step_down()


@pytest.fixture
def desk(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[world_.World]:
    """The log of the desk itself, over the desk's own rows, where the desk's pages look for it."""
    made = world_.World(tmp_path, tables=False)
    monkeypatch.setattr(settings, "ANCHOR_DIR", made.anchor)
    yield made
    world_.step_down()
