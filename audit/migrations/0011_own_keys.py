"""Keys of cases that are their own subject."""

from django.db import migrations

from audit.migrations._sql import run


class Migration(migrations.Migration):
    dependencies = [("audit", "0010_names")]

    operations = [run("0011_own_keys")]
