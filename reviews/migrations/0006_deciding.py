"""Tags, routing to people, seeded checks."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("reviews", "0005_talk")]

    operations = []
