"""News for people by mail."""

from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models.functions import Now

SQL = (Path(__file__).parent.parent / "sql" / "0014_notices.sql").read_text(encoding="utf-8")
KINDS = ["assigned", "escalated", "mentioned", "answered", "near", "digest"]
STATES = ["waiting", "taken", "sent", "dropped", "unclear", "given_up"]


class Migration(migrations.Migration):
    dependencies = [("reviews", "0013_pruned")]

    operations = [
        migrations.CreateModel(
            name="Notice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("kind", models.CharField(max_length=12)),
                ("mark", models.CharField(max_length=40)),
                ("at", models.DateTimeField(db_default=Now())),
                (
                    "item",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="reviews.item",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="notices",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "default_permissions": (),
                "constraints": [
                    models.CheckConstraint(condition=models.Q(kind__in=KINDS), name="notice_kind"),
                    models.UniqueConstraint(
                        fields=["user", "kind", "item", "mark"], name="notice_once", nulls_distinct=False
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Posting",
            fields=[
                (
                    "notice",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT,
                        primary_key=True,
                        related_name="posting",
                        serialize=False,
                        to="reviews.notice",
                    ),
                ),
                ("state", models.CharField(default="waiting", max_length=12)),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("next_at", models.DateTimeField(db_default=Now())),
                ("why", models.CharField(blank=True, max_length=120)),
            ],
            options={
                "default_permissions": (),
                "constraints": [models.CheckConstraint(condition=models.Q(state__in=STATES), name="posting_state")],
                "indexes": [models.Index(condition=models.Q(state="waiting"), fields=["next_at"], name="posting_due")],
            },
        ),
        migrations.RunSQL([SQL]),
    ]
