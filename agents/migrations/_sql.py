"""Reads the frozen SQL files of `agents/sql/`. A file that has shipped never changes."""

from pathlib import Path

from django.db import migrations

FOLDER = Path(__file__).parent.parent / "sql"


def run(name: str) -> migrations.RunSQL:
    return migrations.RunSQL((FOLDER / f"{name}.sql").read_text(encoding="utf-8"))
