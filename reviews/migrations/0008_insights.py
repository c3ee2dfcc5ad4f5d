"""What the insight pages count: indexes by time."""

from pathlib import Path

from django.db import migrations

FOLDER = Path(__file__).parent.parent / "sql"


class Migration(migrations.Migration):
    dependencies = [("reviews", "0007_people")]

    operations = [migrations.RunSQL([(FOLDER / "0008_insights.sql").read_text(encoding="utf-8")])]
