"""Subject keys, holds, retention."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("audit", "0002_witness")]

    operations = []
