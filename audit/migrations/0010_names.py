"""Who writes what, as it changed."""

from django.db import migrations

from audit.migrations._sql import run


class Migration(migrations.Migration):
    dependencies = [("audit", "0009_search")]

    operations = [run("0010_names")]
