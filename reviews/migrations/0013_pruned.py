"""Texts go with the entries of the record that brought them."""

from pathlib import Path

from django.db import migrations

SQL = (Path(__file__).parent.parent / "sql" / "0013_pruned.sql").read_text(encoding="utf-8")


class Migration(migrations.Migration):
    dependencies = [("reviews", "0012_amounts"), ("audit", "0007_pruning")]

    operations = [migrations.RunSQL([SQL])]
