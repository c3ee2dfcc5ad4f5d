"""A hold on an action keeps what its run remembers."""

from django.db import migrations

from agents.migrations._sql import run


class Migration(migrations.Migration):
    dependencies = [("agents", "0106_alone")]

    operations = [run("0107_held")]
