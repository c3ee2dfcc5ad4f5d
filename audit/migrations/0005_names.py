"""Names that the vocabulary gained."""

from django.db import migrations

from audit.migrations._sql import run


class Migration(migrations.Migration):
    dependencies = [("audit", "0004_search")]

    operations = [run("0005_names")]
