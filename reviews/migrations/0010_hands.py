"""Who edited an item, may not approve it, and has given it out of their hands."""

from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

SQL = (Path(__file__).parent.parent / "sql" / "0010_hands.sql").read_text(encoding="utf-8")


def editor() -> models.ForeignKey:
    return models.ForeignKey(
        db_index=False,
        null=True,
        on_delete=django.db.models.deletion.PROTECT,
        related_name="+",
        to=settings.AUTH_USER_MODEL,
    )


class Migration(migrations.Migration):
    dependencies = [("reviews", "0009_privacy")]

    operations = [
        migrations.AddField("item", "passed_by", editor()),
        migrations.AddField("deskitem", "passed_by", editor()),
        migrations.RunSQL([SQL]),
    ]
