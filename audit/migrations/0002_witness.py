"""Signers, receipts and outside copies."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_the_record")]

    operations = []
