"""Search by word, person, type and time."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("audit", "0003_privacy")]

    operations = []
