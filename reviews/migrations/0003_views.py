"""Saved views, and what search reads."""

import json
from pathlib import Path
from typing import Any

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import reviews.ids
from reviews.searchable import fields, words

SQL = (Path(__file__).parent.parent / "sql" / "0003_views.sql").read_text(encoding="utf-8")
READ = """
SELECT s.id, s.title, s.text, b.body FROM reviews_searchtext s
  LEFT JOIN reviews_revision r ON r.action_id = s.action_id AND r.number = s.revision
  LEFT JOIN reviews_revisionbody b ON b.revision_id = r.id
 WHERE s.words IS NULL ORDER BY s.id LIMIT 1000
"""
WRITE = "UPDATE reviews_searchtext SET words = array_to_tsvector(%s::text[]), fields = %s WHERE id = %s"


def index_what_is_there(apps: Any, schema_editor: Any) -> None:
    """Rows written before there were words get theirs; nothing else may change a row of this table."""
    table = "ALTER TABLE reviews_searchtext"
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(f"{table} DISABLE TRIGGER reviews_searchtext_kept")
        while rows := _next(cursor):
            cursor.executemany(WRITE, rows)
        cursor.execute(f"{table} ENABLE ALWAYS TRIGGER reviews_searchtext_kept")


def _next(cursor: Any) -> list[tuple[list[str], str, int]]:
    cursor.execute(READ)
    return [
        (words(f"{title} {text}"), json.dumps(fields(json.loads(bytes(body)) if body else {})), key)
        for key, title, text, body in cursor.fetchall()
    ]


def item_key(name: str, to: str, **more: Any) -> migrations.AlterField:
    """A foreign key of `item` without an index of its own."""
    return migrations.AlterField(
        "item",
        name,
        models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=to, **more),
    )


class Migration(migrations.Migration):
    dependencies = [("reviews", "0002_gate"), ("auth", "0012_alter_user_first_name_max_length")]

    operations = [
        migrations.CreateModel(
            name="SavedView",
            fields=[
                (
                    "id",
                    models.UUIDField(default=reviews.ids.new_id, editable=False, primary_key=True, serialize=False),
                ),
                ("name", models.CharField(max_length=60)),
                ("query", models.CharField(blank=True, max_length=1000)),
                ("order", models.CharField(default="prio", max_length=24)),
                ("position", models.PositiveIntegerField(default=0)),
                ("deleted_at", models.DateTimeField(null=True)),
                (
                    "owner",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="saved_views",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="saved_views",
                        to="auth.group",
                    ),
                ),
            ],
            options={
                "permissions": [("share_savedview", "May share views with a team")],
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(condition=~models.Q(name=""), name="saved_view_name"),
                    models.UniqueConstraint(
                        condition=models.Q(deleted_at=None), fields=("owner", "name"), name="saved_view_one_of_a_name"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DefaultView",
            fields=[
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="default_view",
                        serialize=False,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("builtin", models.CharField(blank=True, max_length=20)),
                (
                    "view",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reviews.savedview",
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(view=None, builtin__gt="") | models.Q(view__isnull=False, builtin=""),
                        name="default_view_is_one",
                    )
                ],
            },
        ),
        migrations.AddField("searchtext", "fields", models.JSONField(null=True)),
        migrations.AlterField(
            "item",
            "queue",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="%(class)ss",
                to="reviews.queue",
            ),
        ),
        item_key("action_type", "reviews.actiontype"),
        item_key("claimed_by", settings.AUTH_USER_MODEL, null=True),
        item_key("assignee", settings.AUTH_USER_MODEL, null=True),
        item_key("escalated_to", "auth.group", null=True),
        migrations.RunSQL([SQL]),
        migrations.RunPython(index_what_is_there, migrations.RunPython.noop),
    ]
