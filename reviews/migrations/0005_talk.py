"""Attachments, mentions, following, and verdicts before the advice."""

from pathlib import Path

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

FOLDER = Path(__file__).parent.parent / "sql"
SQL = (FOLDER / "0005_talk.sql").read_text(encoding="utf-8")
# Triggers always on, functions closed to PUBLIC: as for the gate itself.
SEAL = (FOLDER / "0002_seal.sql").read_text(encoding="utf-8")


class Migration(migrations.Migration):
    dependencies = [("reviews", "0004_precedents")]

    operations = [
        migrations.AddField(
            model_name="evidence",
            name="author",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="evidence",
            name="media",
            field=models.CharField(db_default="text/plain", max_length=40),
        ),
        migrations.CreateModel(
            name="ProvisionalVerdict",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("revision", models.PositiveIntegerField()),
                ("verdict", models.CharField(max_length=12)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "action",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="provisional", to="reviews.action"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Follow",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("active", models.BooleanField(default=True)),
                ("seen_message", models.PositiveIntegerField(default=0)),
                ("seen_evidence", models.PositiveIntegerField(default=0)),
                (
                    "action",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="followers", to="reviews.action"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="follows", to=settings.AUTH_USER_MODEL
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("action", "user"), name="follow_once")],
            },
        ),
        migrations.CreateModel(
            name="Mention",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "message",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="mentions", to="reviews.message"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="mentions",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.UniqueConstraint(fields=("message", "user"), name="mention_once")],
            },
        ),
        migrations.AddConstraint(
            model_name="provisionalverdict",
            constraint=models.UniqueConstraint(fields=("action", "revision", "user"), name="provisional_once"),
        ),
        migrations.AddConstraint(
            model_name="provisionalverdict",
            constraint=models.CheckConstraint(
                condition=models.Q(("verdict__in", ["approve", "reject", "unsure"])), name="provisional_verdict"
            ),
        ),
        migrations.RunSQL([SQL]),
        migrations.RunSQL([SEAL]),
    ]
