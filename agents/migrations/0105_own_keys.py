"""Keys of runs stay while the runs remember anything."""

from django.db import migrations

from agents.migrations._sql import run


class Migration(migrations.Migration):
    dependencies = [("agents", "0104_sealed"), ("audit", "0011_own_keys")]

    operations = [run("0105_own_keys")]
