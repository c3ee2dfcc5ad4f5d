"""The journal of a run that is over can be erased."""

from django.db import migrations

from agents.migrations._sql import run


class Migration(migrations.Migration):
    dependencies = [("agents", "0101_receipts"), ("audit", "0003_privacy")]

    operations = [run("0102_erasure")]
