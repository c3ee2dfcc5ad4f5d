"""Schema `audit`: tables, vocabulary, functions and triggers, from frozen SQL files."""

from django.db import migrations, models

from audit.migrations._sql import run


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        run("0001_tables"),
        run("0001_names"),
        run("0001_functions"),
        run("0001_triggers"),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("size", models.BigIntegerField(primary_key=True, serialize=False)),
                ("root", models.BinaryField()),
                ("body", models.TextField()),
                ("signature", models.TextField(null=True)),
                ("at", models.DateTimeField()),
            ],
            options={
                "db_table": '"audit"."checkpoint"',
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Content",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "event_id", "field", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("event_id", models.UUIDField()),
                ("field", models.TextField()),
                ("salt", models.BinaryField()),
                ("scheme", models.SmallIntegerField()),
                ("body", models.BinaryField()),
            ],
            options={
                "db_table": '"audit"."content"',
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("n", models.BigIntegerField(primary_key=True, serialize=False)),
                ("id", models.UUIDField(unique=True)),
                ("name", models.TextField()),
                ("at", models.DateTimeField()),
                ("case_id", models.TextField(verbose_name="case")),
                ("case_seq", models.BigIntegerField()),
                ("change_from", models.TextField(null=True)),
                ("change_to", models.TextField(null=True)),
                ("actor_ref", models.TextField(verbose_name="actor")),
                ("batch_id", models.UUIDField(null=True)),
                ("writer", models.TextField()),
                ("leaf_hash", models.BinaryField()),
                ("leaf", models.BinaryField()),
            ],
            options={
                "db_table": '"audit"."event_web"',
                "permissions": (
                    ("view_audit", "May read the record: search, timeline, integrity"),
                    ("open_content", "May open texts of decided cases and put them into exports"),
                    ("export_audit", "May export the record"),
                    ("verify_audit", "May start a verification"),
                    ("erase_content", "May erase committed texts"),
                    ("hold_content", "May place and lift legal holds"),
                ),
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Job",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("kind", models.TextField()),
                ("state", models.TextField(default="waiting")),
                ("requested_by", models.TextField()),
                ("params", models.JSONField(default=dict)),
                ("progress", models.JSONField(default=dict)),
                ("result", models.JSONField(default=dict)),
                ("created", models.DateTimeField()),
                ("started", models.DateTimeField(null=True)),
                ("finished", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": '"audit"."job"',
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
        migrations.CreateModel(
            name="Leaf",
            fields=[
                ("leaf_index", models.BigIntegerField(primary_key=True, serialize=False)),
                ("n", models.BigIntegerField(unique=True)),
                ("leaf_hash", models.BinaryField()),
            ],
            options={
                "db_table": '"audit"."leaf"',
                "managed": False,
                "default_permissions": ("view",),
            },
        ),
    ]
