"""Periods, pruning and the smallest index."""

from django.db import migrations

from audit.migrations._sql import run


class Migration(migrations.Migration):
    dependencies = [("audit", "0005_names")]

    operations = [run("0006_names"), run("0006_retention")]
