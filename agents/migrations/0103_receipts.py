"""Receipts of decisions, for what a run resumes with."""

from django.db import migrations

from agents.migrations._sql import run


class Migration(migrations.Migration):
    dependencies = [("agents", "0102_erasure"), ("audit", "0006_retention")]

    operations = [run("0103_receipts")]
