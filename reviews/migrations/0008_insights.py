"""What the insight pages count."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("reviews", "0007_people")]

    operations = []
