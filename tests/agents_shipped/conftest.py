from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings

from tests.agents_shipped.office import Office


@pytest.fixture
def office(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    """A seeded desk with the shipped agents; files lie in this test's own folder."""
    monkeypatch.setattr(settings, "STATE_DIR", tmp_path / "state")
    monkeypatch.setattr(settings, "LEDGER", tmp_path / "state" / "ledger.sqlite")
    monkeypatch.setattr(settings, "INBOX", tmp_path / "state" / "inbox")
    return Office(tmp_path / "secrets")
