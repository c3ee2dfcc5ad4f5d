"""Qualifications, absence, invitations and people's own settings."""

from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import reviews.ids

SQL = (Path(__file__).parent.parent / "sql" / "0007_people.sql").read_text(encoding="utf-8")
CARRY_OVER = """
UPDATE reviews_user SET preferences = jsonb_strip_nulls(jsonb_build_object(
    'theme', nullif(theme, 'system'), 'character_keys', CASE WHEN NOT character_keys THEN false END))
"""


def person(related_name: str = "+", **more: object) -> models.ForeignKey:
    return models.ForeignKey(
        on_delete=django.db.models.deletion.PROTECT, related_name=related_name, to=settings.AUTH_USER_MODEL, **more
    )


def key() -> models.UUIDField:
    return models.UUIDField(default=reviews.ids.new_id, editable=False, primary_key=True, serialize=False)


class Migration(migrations.Migration):
    dependencies = [("reviews", "0006_deciding")]

    operations = [
        migrations.AddField("user", "preferences", models.JSONField(blank=True, db_default={}, default=dict)),
        migrations.RunSQL(CARRY_OVER),
        migrations.RemoveField("user", "character_keys"),
        migrations.RemoveField("user", "theme"),
        migrations.CreateModel(
            name="Qualification",
            fields=[
                ("id", key()),
                ("name", models.CharField(max_length=120)),
                ("valid_from", models.DateTimeField()),
                ("valid_until", models.DateTimeField()),
                ("event_id", models.UUIDField()),
                ("at", models.DateTimeField()),
                ("recorded_by", person()),
                ("user", person("qualifications")),
            ],
            options={
                "ordering": ["-at"],
                "indexes": [models.Index(fields=["user", "name", "-at"], name="qualification_newest")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(valid_until__gte=models.F("valid_from")), name="qualification_dates"
                    ),
                    models.CheckConstraint(condition=~models.Q(name=""), name="qualification_named"),
                    models.CheckConstraint(
                        condition=~models.Q(user=models.F("recorded_by")), name="qualification_by_another"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Absence",
            fields=[
                ("id", key()),
                ("starts", models.DateTimeField()),
                ("ends", models.DateTimeField()),
                ("event_id", models.UUIDField()),
                ("at", models.DateTimeField()),
                ("ended_at", models.DateTimeField(null=True)),
                ("recorded_by", person()),
                ("substitute", person("stands_in", blank=True, null=True)),
                ("user", person("absences")),
            ],
            options={
                "ordering": ["-starts"],
                "indexes": [
                    models.Index(fields=["user", "ends"], name="absence_of", condition=models.Q(ended_at=None))
                ],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(ends__gt=models.F("starts")), name="absence_dates"),
                    models.CheckConstraint(
                        condition=models.Q(substitute=None) | ~models.Q(substitute=models.F("user")),
                        name="absence_substitute_is_another",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("id", key()),
                ("event_id", models.UUIDField()),
                ("at", models.DateTimeField()),
                ("expires", models.DateTimeField()),
                ("used_at", models.DateTimeField(null=True)),
                ("revoked_at", models.DateTimeField(null=True)),
                ("by", person()),
                ("user", person("invitations")),
            ],
            options={
                "ordering": ["-at"],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(expires__gt=models.F("at")), name="invitation_expires"),
                    models.UniqueConstraint(
                        fields=["user"],
                        condition=models.Q(used_at=None, revoked_at=None),
                        name="invitation_one_open",
                    ),
                ],
            },
        ),
        migrations.RunSQL([SQL]),
    ]
