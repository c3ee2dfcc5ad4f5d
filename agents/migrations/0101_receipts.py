"""Receipts for agents, and events of agents that bring what they commit to."""

from django.db import migrations

from agents.migrations._sql import run


class Migration(migrations.Migration):
    dependencies = [("agents", "0100_records"), ("audit", "0002_witness"), ("reviews", "0002_gate")]

    operations = [run("0101_receipts")]
