"""Precedents: what earlier cases are found by. And the order of fields, which jsonb forgets."""

from pathlib import Path

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import reviews.ids

FOLDER = Path(__file__).parent.parent / "sql"
SQL = (FOLDER / "0004_precedents.sql").read_text(encoding="utf-8")
# Triggers always on, functions closed to PUBLIC: as for the gate itself.
SEAL = (FOLDER / "0002_seal.sql").read_text(encoding="utf-8")


class Migration(migrations.Migration):
    dependencies = [("reviews", "0003_views")]

    operations = [
        migrations.AddField(
            model_name="actiontype",
            name="evidence_first",
            field=models.BooleanField(db_default=False, default=False),
        ),
        migrations.AddField(
            model_name="actiontype",
            name="field_order",
            field=models.JSONField(blank=True, db_default=[], default=list),
        ),
        migrations.CreateModel(
            name="PrecedentSearch",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("revision", models.PositiveIntegerField()),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                ("looked_at", models.PositiveIntegerField(default=0)),
                ("usual", models.JSONField(default=dict)),
                (
                    "action",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="precedent_searches",
                        to="reviews.action",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="Precedent",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("place", models.PositiveSmallIntegerField()),
                ("similarity", models.FloatField()),
                (
                    "action",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reviews.action"
                    ),
                ),
                (
                    "search",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="found", to="reviews.precedentsearch"
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="PrecedentText",
            fields=[
                (
                    "action",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="precedent_text",
                        serialize=False,
                        to="reviews.action",
                    ),
                ),
                ("revision", models.PositiveIntegerField()),
                ("verdict", models.CharField(max_length=12)),
                ("words", models.TextField(blank=True)),
                ("context", models.TextField(blank=True)),
                ("fields", models.JSONField(default=dict)),
                ("amount", models.BigIntegerField(null=True)),
                ("currency", models.CharField(blank=True, max_length=3)),
                (
                    "action_type",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reviews.actiontype"
                    ),
                ),
            ],
            options={
                "default_permissions": (),
            },
        ),
        migrations.CreateModel(
            name="BindingPrecedent",
            fields=[
                ("id", models.UUIDField(default=reviews.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ("note", models.CharField(max_length=400)),
                ("at", models.DateTimeField()),
                ("expires", models.DateTimeField()),
                ("lifted_at", models.DateTimeField(null=True)),
                ("lift_reason", models.CharField(blank=True, max_length=400)),
                (
                    "action",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="bindings", to="reviews.action"
                    ),
                ),
                (
                    "action_type",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reviews.actiontype"
                    ),
                ),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "lifted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "ordering": ["-at"],
                "default_permissions": ("view",),
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("lifted_at", None)), fields=("action",), name="binding_once"
                    ),
                    models.CheckConstraint(condition=models.Q(("note", ""), _negated=True), name="binding_note"),
                    models.CheckConstraint(condition=models.Q(("expires__gt", models.F("at"))), name="binding_expires"),
                ],
            },
        ),
        migrations.CreateModel(
            name="PrecedentDue",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("what", models.CharField(max_length=4)),
                ("at", models.DateTimeField(db_default=django.db.models.functions.datetime.Now())),
                (
                    "action",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="reviews.action"
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "indexes": [models.Index(fields=["what", "at"], name="precedent_due_at")],
                "constraints": [models.UniqueConstraint(fields=("action", "what"), name="precedent_due_once")],
            },
        ),
        migrations.AddConstraint(
            model_name="precedentsearch",
            constraint=models.UniqueConstraint(fields=("action", "revision"), name="precedent_search_once"),
        ),
        migrations.AddConstraint(
            model_name="precedent",
            constraint=models.UniqueConstraint(fields=("search", "place"), name="precedent_place"),
        ),
        migrations.AddConstraint(
            model_name="precedent",
            constraint=models.CheckConstraint(
                condition=models.Q(("similarity__gte", 0), ("similarity__lte", 1)), name="precedent_similarity"
            ),
        ),
        migrations.AddIndex(
            model_name="precedenttext",
            index=models.Index(fields=["action_type", "-action"], name="precedent_newest"),
        ),
        migrations.RunSQL([SQL]),
        migrations.RunSQL([SEAL]),
    ]
