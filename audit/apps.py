"""The append-only record. It knows none of the other apps."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    name = "audit"
    verbose_name = "Audit log"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from audit import reports, sessions  # noqa: PLC0415  signals are connected once the apps are ready

        sessions.watch_sign_ins()
        reports.register()
