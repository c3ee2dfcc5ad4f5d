"""What a run is started with and ends with may lie sealed."""

from django.db import migrations, models

from agents.migrations._sql import run


class Migration(migrations.Migration):
    dependencies = [("agents", "0102_erasure")]

    operations = [
        migrations.SeparateDatabaseAndState(
            [run("0104_sealed")],
            [
                migrations.AlterField("run", "title", models.TextField(blank=True)),
                migrations.AlterField("run", "error", models.TextField(blank=True)),
            ],
        ),
    ]
