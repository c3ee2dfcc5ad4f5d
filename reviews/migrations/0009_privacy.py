"""Sealed bodies and their erasure."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("reviews", "0008_insights")]

    operations = []
