"""Attachments, mentions and following."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("reviews", "0004_precedents")]

    operations = []
