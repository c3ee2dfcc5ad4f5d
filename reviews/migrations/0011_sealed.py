"""What an effect answered may lie sealed; a type says under which kind its subject is found."""

from pathlib import Path

from django.db import migrations, models

SQL = (Path(__file__).parent.parent / "sql" / "0011_sealed.sql").read_text(encoding="utf-8")


class Migration(migrations.Migration):
    dependencies = [("reviews", "0010_hands")]

    operations = [
        migrations.AddField(
            "actiontype",
            "subject_kind",
            models.CharField(blank=True, db_default="", default="", max_length=63),
        ),
        migrations.AlterField("attempt", "note", models.TextField(blank=True)),
        migrations.RunSQL([SQL]),
    ]
