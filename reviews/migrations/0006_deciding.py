"""Seeded checks and tags."""

from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import reviews.ids

FOLDER = Path(__file__).parent.parent / "sql"


def run(name: str) -> migrations.RunSQL:
    """One file as one script, whole. There is no way back: the gate is never unmade."""
    return migrations.RunSQL([(FOLDER / f"{name}.sql").read_text(encoding="utf-8")])


def person(*, null: bool = False) -> models.ForeignKey:
    return models.ForeignKey(
        null=null, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
    )


class Migration(migrations.Migration):
    dependencies = [("reviews", "0005_talk"), ("audit", "0001_the_record")]

    operations = [
        migrations.CreateModel(
            name="Canary",
            fields=[
                (
                    "action",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="reviews.action",
                    ),
                ),
                ("mutation", models.CharField(max_length=40)),
                ("faults", models.JSONField(default=list)),
                ("answer", models.CharField(max_length=12)),
                ("note", models.CharField(max_length=1000)),
                ("event_id", models.UUIDField()),
                ("created_at", models.DateTimeField()),
                ("verdict", models.CharField(max_length=12, null=True)),
                ("caught", models.BooleanField(null=True)),
                ("taken_at", models.DateTimeField(null=True)),
                ("reviewer", person(null=True)),
                ("seeded_by", person()),
                (
                    "source",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reviews.action"
                    ),
                ),
            ],
            options={"verbose_name_plural": "canaries"},
        ),
        migrations.CreateModel(
            name="Tag",
            fields=[
                (
                    "id",
                    models.UUIDField(default=reviews.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=63)),
                ("event_id", models.UUIDField()),
                ("created_at", models.DateTimeField()),
                ("removed_at", models.DateTimeField(null=True)),
                ("removed_event", models.UUIDField(null=True)),
                (
                    "action",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="tags", to="reviews.action"
                    ),
                ),
                ("by", person()),
                ("removed_by", person(null=True)),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("removed_at", None)), fields=["name", "action"], name="tag_hanging"
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("name__regex", "^[a-z0-9][a-z0-9_.-]{0,62}$")), name="tag_name"
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("removed_at", None)), fields=("action", "name"), name="tag_once"
                    ),
                ],
            },
        ),
        migrations.AddField("deskitem", "was_check", models.BooleanField(editable=False)),
        run("0006_checks"),
        run("0006_tags"),
        run("0006_votes"),
        run("0002_seal"),  # for the functions and triggers that are new
    ]
