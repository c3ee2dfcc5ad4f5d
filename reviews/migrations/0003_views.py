"""Saved views, and what search reads."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("reviews", "0002_gate")]

    operations = []
