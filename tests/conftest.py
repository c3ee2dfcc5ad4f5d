"""One private PostgreSQL per run, one database per worker, the right login for each verb."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from django.test import TransactionTestCase
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis
from pytest_django.plugin import DjangoDbBlocker

from audit import receipts
from tests import cluster, spread
from tests.logins import as_role as as_role_

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright runs an event loop of its own


# A busy machine is no counterexample: no example has a deadline, slow drawing is no failure.
hypothesis.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis.load_profile("shared")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> spread.ByStage:
    return spread.ByStage(config, log)


def _rebuild(case: TransactionTestCase) -> None:
    """After a test that really committed: the database as the migrations leave it.

    Django would TRUNCATE, which the guards refuse (that is their purpose), which would miss the
    audit schema, and which would take the rows that migrations made with it.
    """
    for connection in connections.all(initialized_only=True):
        connection.close()
    cluster.fresh_database(cluster.database_name())


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Starts the cluster for whoever comes first and makes this worker's database."""
    cluster.ensure_started()
    name = cluster.database_name()
    with django_db_blocker.unblock():
        cluster.fresh_database(name)
        patch = pytest.MonkeyPatch()
        patch.setattr(TransactionTestCase, "_fixture_teardown", _rebuild)
        yield
        patch.undo()
        for connection in connections.all(initialized_only=True):
            connection.close()
        cluster.drop_database(name)


@pytest.fixture
def as_role() -> Callable[[str], Any]:
    """`with as_role("web"):` see tests/logins.py."""
    return as_role_


@pytest.fixture
def office(db: None) -> Any:
    """People with and without rights, a queue, types and an agent: see tests/governance.py."""
    from tests.governance import build

    return build()


@pytest.fixture(autouse=True)
def _own_state(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that a test makes are its own."""
    for name in ("LEDGER", "ANCHOR_DIR", "OUTBOX_DIR", "STATE_DIR"):
        where = tmp_path / "state" / name.lower()
        monkeypatch.setattr(settings, name, where)


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A secrets folder of the test's own, so that keys are made."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    monkeypatch.setattr(settings, "SECRETS_DIR", folder)
    monkeypatch.setattr(receipts, "_waiting", set())
    return folder
