"""Sealed bodies and their erasure."""

from pathlib import Path

from django.db import migrations, models

SQL = (Path(__file__).parent.parent / "sql" / "0009_privacy.sql").read_text(encoding="utf-8")


class Migration(migrations.Migration):
    dependencies = [("reviews", "0008_insights"), ("audit", "0004_search")]

    operations = [
        migrations.AddField(
            "actiontype",
            "subject_path",
            models.CharField(blank=True, db_default="", default="", max_length=120),
        ),
        migrations.RunSQL([SQL]),
    ]
