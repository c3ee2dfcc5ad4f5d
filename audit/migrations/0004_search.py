"""Search by word, person, type and time."""

from django.db import migrations

from audit.migrations._sql import run


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_privacy")]

    operations = [run("0004_search")]
