"""Precedents: what earlier cases are found by."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("reviews", "0003_views")]

    operations = []
