"""Subject keys, holds, retention."""

from django.db import migrations

from audit.migrations._sql import run


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_witness")]

    operations = [run("0003_privacy")]
