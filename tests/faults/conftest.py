from __future__ import annotations

from collections.abc import Iterator

import pytest
from pytest_django.plugin import DjangoDbBlocker

from tests.faults.show import Show
from tests.stage import furnish, stage


@pytest.fixture(scope="module")
def show(django_db_blocker: DjangoDbBlocker, django_db_setup: None) -> Iterator[Show]:
    """One stage for all faults of a module: each test leaves it working and judges all that was so far."""
    with django_db_blocker.unblock(), stage("faults") as found:
        house = furnish()
        found.started("keeper", "drain", "executors")
        yield Show(found, house)


@pytest.fixture(autouse=True)
def calm(request: pytest.FixtureRequest) -> Iterator[None]:
    """No fault outlives its test."""
    yield
    if "show" in request.fixturenames:
        request.getfixturevalue("show").stage.faults()
