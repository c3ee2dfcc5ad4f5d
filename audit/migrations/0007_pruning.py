"""Prunings are jobs, with a right of their own, and the record knows which were carried out."""

from django.db import migrations

from audit.migrations._sql import run

PERMISSIONS = (
    ("view_audit", "May read the record: search, timeline, integrity"),
    ("open_content", "May open texts of decided cases and put them into exports"),
    ("export_audit", "May export the record"),
    ("verify_audit", "May start a verification"),
    ("erase_content", "May erase committed texts"),
    ("hold_content", "May place and lift legal holds"),
    ("prune_audit", "May set how long events are kept, and order prunings"),
)


class Migration(migrations.Migration):
    dependencies = [("audit", "0006_retention")]

    operations = [
        run("0007_pruning"),
        migrations.AlterModelOptions(
            "event", {"permissions": PERMISSIONS, "managed": False, "default_permissions": ("view",)}
        ),
    ]
