"""The gate: defaults, checks, triggers and functions, from frozen SQL files."""

from pathlib import Path

from django.db import migrations

FOLDER = Path(__file__).parent.parent / "sql"
FILES = (
    "shape", "edges", "votes", "conditions", "action", "bytes", "attempts", "items", "agent",
    "events", "guards", "seal",
)  # fmt: skip


def run(name: str) -> migrations.RunSQL:
    """One file as one script, whole. There is no way back: the gate is never unmade."""
    return migrations.RunSQL([(FOLDER / f"0002_{name}.sql").read_text(encoding="utf-8")])


class Migration(migrations.Migration):
    dependencies = [("reviews", "0001_initial"), ("audit", "0001_the_record")]

    operations = [run(name) for name in FILES]
