"""Amounts beside confidence in the index of the default order."""

from pathlib import Path

from django.db import migrations

SQL = (Path(__file__).parent.parent / "sql" / "0012_amounts.sql").read_text(encoding="utf-8")


class Migration(migrations.Migration):
    dependencies = [("reviews", "0011_sealed")]

    operations = [migrations.RunSQL([SQL])]
