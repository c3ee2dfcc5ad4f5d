"""Receipts for a vote that waits for another's come with the outcome."""

from django.db import migrations

from agents.migrations._sql import run


class Migration(migrations.Migration):
    dependencies = [("agents", "0105_own_keys")]

    operations = [run("0106_alone")]
