"""Signers, receipts and outside copies."""

from django.db import migrations

from audit.migrations._sql import run


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_the_record")]

    operations = [run("0002_witness")]
