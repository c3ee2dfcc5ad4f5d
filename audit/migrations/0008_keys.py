"""Keys that are erased by name, and master keys that follow each other."""

from django.db import migrations

from audit.migrations._sql import run


class Migration(migrations.Migration):
    dependencies = [("audit", "0007_pruning")]

    operations = [run("0008_names"), run("0008_keys")]
