"""Qualifications, absence, invitations and people's own settings."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("reviews", "0006_deciding")]

    operations = []
