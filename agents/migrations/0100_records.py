"""What an agent may learn of its own past."""

from django.db import migrations

from agents.migrations._sql import run


class Migration(migrations.Migration):
    dependencies = [("agents", "0001_runs")]

    operations = [run("0100_records")]
