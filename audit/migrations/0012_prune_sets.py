"""A pruning of a long log is judged in sets."""

from django.db import migrations

from audit.migrations._sql import run


class Migration(migrations.Migration):
    dependencies = [("audit", "0011_own_keys")]

    operations = [run("0012_prune_sets")]
