from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection

from config import roles


class Command(BaseCommand):
    help = "Prints the SQL that makes the database and its logins on a server of your own."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(roles.create_script(settings.ROLE_PREFIX, connection.settings_dict["NAME"]))
