"""Keys of actions that are their own subject."""

from pathlib import Path

from django.db import migrations

SQL = (Path(__file__).parent.parent / "sql" / "0016_own_keys.sql").read_text(encoding="utf-8")


class Migration(migrations.Migration):
    dependencies = [("reviews", "0015_absences"), ("audit", "0011_own_keys")]

    operations = [migrations.RunSQL([SQL])]
